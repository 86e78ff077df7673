"""A database lost in the middle of a send and restored from a backup: nobody is written to twice, nobody is left out."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from campaigns.delivery.after_restore import settle_restored
from campaigns.delivery.reconcile import count_undecided, decide_unknown
from campaigns.lifecycle import is_stopped
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt
from campaigns.models.replies import Answer
from campaigns.models.reports import ReportLink
from campaigns.reports.documents import address_of, make_link
from campaigns.rules.delivery import create_renderer
from campaigns.rules.states import AttemptState, CampaignAction
from campaigns.sweep import REPORT_TIMEOUT, send_second_wave
from outreach.accounts.api_tokens import authenticate_token
from outreach.accounts.invitations import find_invited, link_for
from outreach.accounts.users import begin_session, find_session
from outreach.accounts.village_officers import add_officer, code_of, join_phone, link_of
from outreach.backups.backups import create_backup, restore_backup
from outreach.core.db import Base, BaseWithId
from outreach.core.schema import newest
from outreach.core.signed_tokens import TokenPurpose, find_by_token
from outreach.models.accounts import AuditEvent, Role
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.keys import Purpose
from tests.support.errors import refuses
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, number


@pytest.fixture
def settings(settings):
    """Few requests at once and little time to start them, so that there is a middle; looks into the list begin after the lease."""
    return replace(settings, lease_s=2.6, send_timeout_s=2, reconcile_s=0.3, send_in_flight=10)


def back_up(world, folder):
    runtime = world.runtime
    made = create_backup(
        runtime.db, folder, secret_key=runtime.settings.secret_key, keep=None, now=datetime.now(UTC)
    )
    return made.path


def restore(world, path, *, secret_key=None, replace=True):
    runtime = world.runtime
    came = []
    restore_backup(
        runtime.db,
        path,
        secret_key=secret_key or runtime.settings.secret_key,
        replace=replace,
        settle=lambda session, backup: came.append(
            settle_restored(
                session,
                backup,
                renderer=create_renderer(runtime.settings),
                lease_s=runtime.settings.lease_s,
                now=datetime.now(UTC),
            )
        ),
    )
    return came[0]


def look_until_known(world, campaign):
    for _ in range(40):
        world.wait(0.3)
        world.sweep()
        world.reconcile()
        if "unknown" not in world.status(campaign)["steps"][0]["messages"]:
            return
    pytest.fail("some stay unknown")


def send_some(world, simulator, *, until):
    while simulator.stats()["accepted"] < until:
        world.send(0.3)


def test_a_reminder_that_was_not_due_before_the_restore_waits_for_no_lookup(world, tmp_path):
    campaign = world.sent(people=2, step=[{"after_days": 3, "text": "Nhac ong/ba cai Bluezone: {link}"}])
    world.set_all()
    restore(world, back_up(world, tmp_path))
    world.act(campaign, CampaignAction.RESUME)
    world.sweep(at=world.in_hours(100))
    assert world.status(campaign)["steps"][1]["messages"] == {"queued": 2}


@both_databases
def test_who_was_written_to_after_the_backup_gets_no_second_message_and_nobody_is_left_out(
    world, simulator, tmp_path
):
    world.add_people(300)
    simulator.faults(latency_ms=40)
    campaign = world.launch()
    send_some(world, simulator, until=60)
    path = back_up(world, tmp_path)
    in_backup = simulator.stats()["accepted"]
    send_some(world, simulator, until=in_backup + 60)
    after_backup = simulator.stats()["accepted"]
    assert after_backup < 300

    restored = restore(world, path)

    assert restored.paused == 1
    assert restored.waiting + restored.under_way + restored.reported_on == 300
    counts = world.status(campaign)
    assert counts["state"] == "paused"
    assert counts["steps"][0]["messages"] == {"unknown": 300}
    world.send(0.1)
    look_until_known(world, campaign)
    assert simulator.stats()["accepted"] == after_backup, "nothing leaves before a person says so"
    assert world.status(campaign)["steps"][0]["messages"]["queued"] == 300 - after_backup
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    world.sweep()
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(300))
    spent = world.get_one(Campaign, campaign).segments_taken
    charged = sum(world.all(select(Attempt.segments).where(Attempt.gateway_id.is_not(None))))
    assert spent == charged


def test_a_campaign_that_was_launched_after_the_backup_is_not_sent_again(world, simulator, tmp_path):
    world.add_people(40)
    campaign = world.draft()
    world.act(campaign, CampaignAction.SUBMIT)
    world.act(campaign, CampaignAction.APPROVE, APPROVER)
    path = back_up(world, tmp_path)
    last = world.first(select(Recipient.id).order_by(Recipient.id.desc())) or 0
    world.act(campaign, CampaignAction.LAUNCH)
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 40

    restore(world, path)
    world.act(campaign, CampaignAction.LAUNCH)
    world.sweep()
    look_until_known(world, campaign)
    world.send()

    assert len(world.sent_to()) == 40
    assert world.status(campaign)["steps"][0]["messages"].keys() <= {"accepted", "sent", "delivered"}
    if world.runtime.db.is_postgresql:
        lost = last + 40
        assert world.scalar(select(Recipient.id).where(Recipient.id <= lost)) is None, (
            "a link that was sent must not come to lead to another person"
        )


def test_a_second_wave_that_left_after_the_backup_is_not_sent_again(world, tmp_path):
    campaign = world.sent(people=2)
    world.add_people(2, first=5)
    path = back_up(world, tmp_path)
    world.do(send_second_wave, campaign, now=datetime.now(UTC))
    world.send()
    assert len(world.sent_to()) == 4

    restore(world, path)
    look_until_known(world, campaign)
    if world.status(campaign)["state"] == "paused":
        world.act(campaign, CampaignAction.RESUME)
    world.do(send_second_wave, campaign, now=datetime.now(UTC))
    look_until_known(world, campaign)
    world.send()
    assert len(world.sent_to()) == 4


def test_a_report_that_was_lost_comes_from_the_gateways_list_and_is_never_resent(world, simulator, tmp_path):
    campaign = world.sent(people=5)
    path = back_up(world, tmp_path)
    restore(world, path)
    later = datetime.now(UTC).replace(year=datetime.now(UTC).year + 1)
    assert world.read(count_undecided, campaign, now=later) == (0, 0)
    assert world.do(decide_unknown, campaign, resend=True, by=APPROVER, now=later) == 0
    look_until_known(world, campaign)
    assert set(world.all(select(Attempt.state))) <= {
        AttemptState.SENT,
        AttemptState.DELIVERED,
        AttemptState.ACCEPTED,
    }


def test_what_a_centre_without_a_list_had_accepted_stays_accepted(world, simulator, tmp_path):
    world.use(sms_gateway="smpp", sms_live="no", smpp_url=simulator.smpp_url)
    campaign = world.sent(people=5)
    restore(world, back_up(world, tmp_path))
    world.sweep()
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 5}
    world.sweep(at=datetime.now(UTC) + REPORT_TIMEOUT + timedelta(hours=1))
    assert world.status(campaign)["steps"][0]["messages"] == {"no_report": 5}
    assert world.read(count_undecided, campaign, now=datetime.now(UTC) + timedelta(days=9)) == (0, 0)


@both_databases
def test_numbers_of_attempts_that_are_lost_are_not_given_again(world, tmp_path):
    world.launch(people=4)
    path = back_up(world, tmp_path)
    world.send()
    lost = max(world.all(select(Attempt.id)))
    restore(world, path)
    doubted = world.all(select(Attempt))
    assert len(doubted) == 4
    world.wait(0.4)
    look_until_known(world, 1)
    made = world.first(select(Attempt))
    world.execute(text("DELETE FROM outbox"))
    whom = {"message_id": made.message_id, "phone_id": made.phone_id, "stream_id": made.stream_id}
    what = {"n": 9, "worker": "test", "body": "", "segments": 1, "claimed_at": datetime.now(UTC)}
    world.add(Attempt(**whom, **what))
    assert max(world.all(select(Attempt.id))) > lost + 1_000_000


@both_databases
def test_a_personal_link_of_after_the_backup_opens_nobody_elses_page_and_who_reads_on_misses_no_answer(
    world, tmp_path
):
    def answered(name):
        world.press(world.launch(name=name), "not_yet")
        return {*world.all(select(Recipient.id))}, {*world.all(select(Answer.id))}

    world.add_people(3)
    path = back_up(world, tmp_path)
    lost_links, lost_answers = answered("Việc một")
    for name in ("Việc hai", "Việc ba"):  # and so after a second restore
        restore(world, path)
        links, answers = answered(name)
        assert max(lost_links) < min(links)
        assert max(lost_answers) < min(answers)
        path = back_up(world, tmp_path)


@both_databases
def test_no_id_that_was_given_after_the_backup_is_given_again(world, tmp_path):
    numbered = [each.class_ for each in Base.registry.mappers if issubclass(each.class_, BaseWithId)]

    def given():
        return {(table.__tablename__, id_) for table in numbered for id_ in world.all(select(table.id))}

    def work(name):
        bring(world, write(tmp_path, f"1,Y Hlan {name},,,,{local(len(name))}", "2,Y Rơ,,,,hỏng"), name)
        campaign = world.launch(name=name, lists=[name])
        world.press(campaign, "not_yet", index=len(name))

    path = back_up(world, tmp_path)
    before = given()
    work("Một")
    lost = given() - before
    assert {"campaigns", "contacts", "phones", "list_imports", "import_issues"} <= dict(lost).keys()
    restore(world, path)
    before = given()
    work("Lần hai")
    assert not lost & (given() - before)


@both_databases
def test_the_link_to_a_report_that_was_given_after_the_backup_opens_no_other_days_report(world, tmp_path):
    drive, path = world.drive(), back_up(world, tmp_path)
    lost = world.do(make_link, drive, "2020-08-20", days=7)
    token = address_of(lost, world.runtime.settings).rsplit("/", 1)[1]
    restore(world, path)
    world.do(make_link, drive, "2020-08-21", days=7)
    keys = world.runtime.settings.keys_of(Purpose.LINKS)
    assert world.read(find_by_token, ReportLink, TokenPurpose.REPORT, token, keys=keys) is None


@both_databases
def test_a_backup_of_another_key_is_refused_and_the_database_goes_on_as_it_was(world, simulator, tmp_path):
    world.add_people(3)
    path = back_up(world, tmp_path)
    campaign = world.launch()
    with pytest.raises(BadInput, match="database_not_empty"):
        restore(world, path, replace=False)
    with pytest.raises(BadInput, match="backup_of_other_signer"):
        restore(world, path, secret_key="k" * 40)
    assert world.status(campaign)["state"] == "sending", "it was launched after the backup"
    world.send()
    assert len(world.sent_to()) == 3
    restore(world, path)
    assert not world.read(is_stopped)
    assert world.all(select(Campaign.id)) == []


@both_databases
@cases(("9999_later", BadInput, "mới nhất"), ("0043_reserved", WrongState, "bằng Loa 1.1.0"))
def test_a_backup_that_the_program_cannot_upgrade_is_refused_and_the_database_goes_on_as_it_was(
    world, tmp_path, revision, error, advice
):
    change = "UPDATE alembic_version SET version_num = '{}'"
    world.execute(text(change.format(revision)))
    path = back_up(world, tmp_path)
    world.execute(text(change.format(newest())))
    campaign = world.launch(people=3)
    with refuses(error, says=advice):
        restore(world, path)
    assert world.status(campaign)["state"] == "sending"


@both_databases
def test_nobody_is_signed_in_and_no_token_opens_after_a_restore(world, tmp_path):
    now = datetime.now(UTC)
    administrator = world.user(world.officer("quantri@loa.example", Role.ADMINISTRATOR))
    begun = world.do(begin_session, administrator.id, address="10.0.0.1", user_agent="", now=now)
    _token, secret = world.token(administrator.email, rights=["figures:read"], now=now)
    user_id, key, village = administrator.id, begun.key, {"name": "Y Rơ", "number": number(1), "email": ""}
    officer = world.do(add_officer, **village)
    kinds, links = (
        (TokenPurpose.INVITATION, TokenPurpose.RESET),
        world.runtime.settings.keys_of(Purpose.LINKS),
    )
    chosen = [link_for(administrator, world.runtime.settings, each).rpartition("/")[2] for each in kinds]
    path = back_up(world, tmp_path)
    opened = link_of(officer, world.runtime.settings).rsplit("#", 1)[1], code_of(officer, links)
    restored = restore(world, path)
    keys = {"secret_key": links, "session_key": world.runtime.settings.keys_of(Purpose.SESSIONS)}
    with pytest.raises(BadInput, match="officer_link_used"):
        world.do(join_phone, *opened, **keys, address="", user_agent="", now=now)
    for used in chosen:  # by a password of after the backup, which is lost
        with pytest.raises(BadInput, match="link_expired"):
            world.read(find_invited, used, secret_key=links)
    assert (restored.sessions, restored.tokens) == (1, 1)
    assert world.read(find_session, user_id, key, now=now) is None
    assert world.read(authenticate_token, secret, now=now) is None
    actions = world.all(select(AuditEvent.action))
    assert actions.count("token.end") == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_file_that_breaks_off_changes_nothing(world, tmp_path):
    campaign = world.launch(people=50)
    path = back_up(world, tmp_path)
    path.write_bytes(path.read_bytes()[:-2000])
    with refuses(BadInput, says="đã bị hỏng"):
        restore(world, path)
    assert world.status(campaign)["state"] == "sending"


@both_databases
def test_older_files_go_and_the_backup_is_on_record(world, tmp_path):
    for second in range(3):
        create_backup(
            world.runtime.db,
            tmp_path / "backups",
            secret_key=world.runtime.settings.secret_key,
            keep=2,
            now=datetime(2020, 8, 15, 3, 0, second, tzinfo=UTC),
        )
    kept = sorted((tmp_path / "backups").iterdir())
    assert [path.name[:20] for path in kept if path.suffix != ".sha256"] == [
        "loa-20200815T030001Z",
        "loa-20200815T030002Z",
    ]
    assert len(kept) == 4, "each with its checksum"
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    actions = world.all(select(AuditEvent.action))
    assert actions.count("backup.create") == 3
