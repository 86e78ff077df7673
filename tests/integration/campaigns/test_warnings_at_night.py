"""A warning of danger: two approve it, it leaves at night and ahead of all, and the dead number never gets it."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from campaigns.delivery.claim_messages import ClaimSettings, claim, claim_next_batch
from campaigns.delivery.outbox import queue_message
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.delivery.streams import open_streams, suppressed_attempts
from campaigns.lifecycle import perform_action
from campaigns.models.campaigns import Recipient, Sender
from campaigns.models.checks import LivePermit
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.privacy import RequestKind
from campaigns.planning.preview import segment_price
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import (
    AttemptReport,
    AttemptState,
    CampaignAction,
    CampaignState,
    MessageKind,
    MessageState,
)
from outreach.models.accounts import AuditEvent, AuditValues, Role
from outreach.models.contacts import SuppressionReason
from outreach.rules.errors import NotAllowed, WrongState
from outreach.rules.gateway import Cause
from outreach.rules.quiet_days import NO_DAYS
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.wishes import opt_out
from tests.support.world import APPROVER, AUTHOR, number

SECOND = "duyet2@loa.example"
STORM = "Bão số 9 đổ bộ trong đêm"
BASIS = "Luật Phòng thủ dân sự 2023, Công điện 12/CĐ-UBND"
NIGHT = datetime(2026, 9, 1, 2, tzinfo=VIETNAM).astimezone(UTC)
_A = CampaignAction


@pytest.fixture
def storm(world):
    """Ten people: 1 opted out, 2 is in the do-not-call register, 3 is reported dead, 4 objected to the processing."""
    world.now = NIGHT
    world.add_people(10)
    world.add(LivePermit(allowed_at=NIGHT))
    world.officer(SECOND, Role.APPROVER)
    world.suppress(number(2), SuppressionReason.DO_NOT_CALL)
    world.suppress(number(3), SuppressionReason.WRONG_NUMBER)
    world.ask(world.contact("A Thun 4"), RequestKind.RESTRICT)
    opt_out(world, number(1))
    return world


def press(world, campaign_id, action, email):
    perform_action(world.runtime, campaign_id, action, user=world.user(email), now=NIGHT, reason="Sửa.")


def approve_twice(world, campaign_id):
    for action, email in (
        (_A.SUBMIT, AUTHOR),
        (_A.APPROVE, APPROVER),
        (_A.APPROVE, SECOND),
        (_A.LAUNCH, AUTHOR),
    ):
        press(world, campaign_id, action, email)
    world.sweep(at=NIGHT)


def claim_at(world, moment, *, limit=100, quiet=NO_DAYS):
    """What one round over all streams claims then, as a live gateway would; the numbers by stream, in order."""
    settings = world.runtime.settings
    claimed = []
    with world.runtime.db.write() as session:
        streams = sorted(
            open_streams(session, now=moment, is_live=True, quiet=quiet),
            key=lambda stream: (stream.rank, stream.id),
        )
        for stream in streams:
            batch = claim(
                session,
                stream,
                replace(ClaimSettings.of(replace(settings, sms_live="yes"), worker="test"), quiet=quiet),
                limit=limit,
                segments=float("inf"),
                now=moment,
                price_vnd=segment_price(stream.price_vnd, settings),
            )
            claimed.append([item.to for item in batch.claims])
    return claimed


def all_but(*without):
    return [number(i) for i in range(10) if i not in without]


@both_databases
def test_a_storm_warning_leaves_at_two_at_night_while_an_ordinary_campaign_keeps_its_hours(storm):
    ordinary = storm.launch(cap_per_day=1)
    storm.execute(update(Outbox).values(not_before=NIGHT))
    warning = storm.draft(name="Bão", text="Bao so 9: so tan ngay {link}", urgent={"reason": STORM})
    press(storm, warning, _A.SUBMIT, AUTHOR)
    with pytest.raises(NotAllowed):
        press(storm, warning, _A.APPROVE, AUTHOR)
    press(storm, warning, _A.APPROVE, APPROVER)
    with pytest.raises(WrongState):
        press(storm, warning, _A.APPROVE, APPROVER)
    with pytest.raises(WrongState):
        press(storm, warning, _A.LAUNCH, AUTHOR)
    press(storm, warning, _A.APPROVE, SECOND)
    press(storm, warning, _A.LAUNCH, AUTHOR)
    storm.sweep(at=NIGHT)
    assert claim_at(storm, NIGHT) == [all_but(1, 2, 3, 4)]
    morning = NIGHT + timedelta(hours=5, minutes=30)
    assert claim_at(storm, morning) == [all_but(1, 2, 3, 4)], "the warning used up none of the daily cap"
    assert storm.status(ordinary)["steps"][0]["messages"] == {"sending": 6}
    excluded = storm.status(warning)["excluded"]
    assert excluded == {"opted_out": 2, "do_not_call": 1, "wrong_number": 1}
    assert told_in_the_audit(storm) == ["submit", "approve_first", "approve", "launch", "warn"]


def told_in_the_audit(world):
    """The actions that name the warning's reason, and the last one, which says to how many it goes."""
    with world.runtime.db.read() as session:
        rows = session.execute(
            select(AuditEvent.action, AuditEvent.details, AuditValues.changes)
            .outerjoin(AuditValues, AuditValues.event_id == AuditEvent.id)
            .where(AuditEvent.action.like("campaign.%"))
            .order_by(AuditEvent.id)
        ).all()
    return [
        row.action.removeprefix("campaign.")
        for row in rows
        if STORM in str(row.changes) or row.action == "campaign.warn"
    ]


@both_databases
def test_only_the_setting_and_a_legal_basis_let_a_warning_pass_opt_outs_and_never_to_the_dead(storm):
    warning = storm.draft(urgent={"reason": STORM, "basis": BASIS})
    with refuses(WrongState, says="URGENT_PASSES_OPT_OUTS"):
        press(storm, warning, _A.SUBMIT, AUTHOR)
    storm.use(urgent_passes_opt_outs=True)
    approve_twice(storm, warning)
    assert storm.status(warning)["excluded"] == {"opted_out": 1, "wrong_number": 1}
    [claimed] = claim_at(storm, NIGHT, limit=3)
    assert claimed == all_but(3, 4)[:3]
    attempts = storm.all(select(Attempt.id))
    held = partial(storm.read, suppressed_attempts, attempts)
    assert not held(passes_opt_outs=True)
    assert len(held(passes_opt_outs=False)) == 2
    # Who is reported dead meanwhile, or answers the warning itself with a stop, is left out.
    storm.change(Recipient, storm.recipient(number(7), warning).id, answer="opt_out")
    opt_out(storm, number(7))
    storm.suppress(number(8), SuppressionReason.WRONG_NUMBER)
    assert claim_at(storm, NIGHT) == [all_but(0, 1, 2, 3, 4, 7, 8)]
    assert [row["recipients"] for row in warned(storm)] == [8]
    assert [row["passed"] for row in warned(storm)] == [2]


@both_databases
def test_what_was_claimed_is_held_back_for_an_opt_out_on_the_persons_other_number(world):
    world.add_person("Y Mot", number(0), number(7))
    world.add_person("Y Hai", number(1))
    world.sent()
    attempts = world.all(select(Attempt.id).order_by(Attempt.id))
    assert len(attempts) == 2
    held = partial(world.read, suppressed_attempts, attempts, passes_opt_outs=False)
    assert not held()
    world.suppress(number(7), SuppressionReason.WRONG_NUMBER, at=NIGHT)
    assert held() == set()
    opt_out(world, number(7))
    assert held() == {attempts[0]}


def warned(world):
    return world.all(select(AuditEvent.details).where(AuditEvent.action == "campaign.warn"))


def test_the_setting_alone_passes_nothing_and_turned_off_again_it_holds_what_waits(storm):
    storm.use(urgent_passes_opt_outs=True)
    plain = storm.draft(name="Không căn cứ", urgent={"reason": STORM})
    approve_twice(storm, plain)
    assert storm.status(plain)["excluded"] == {"opted_out": 2, "do_not_call": 1, "wrong_number": 1}
    passing = storm.draft(text="Khac: {link}", urgent={"reason": STORM, "basis": BASIS})
    approve_twice(storm, passing)
    storm.use(urgent_passes_opt_outs=False)
    assert claim_at(storm, NIGHT)[1] == all_but(1, 2, 3, 4)
    skipped = select(Message).where(Message.campaign_id == passing, Message.state == MessageState.SKIPPED)
    assert len(storm.all(skipped)) == 2


def test_a_warning_does_not_pause_because_phones_are_off_in_the_storm(world):
    world.add_people(120)
    world.officer(SECOND, Role.APPROVER)
    warning = world.draft(name="Bão", text="Bao so 9", unaccented=True, urgent={"reason": STORM})
    approve_twice(world, warning)
    world.sweep()
    world.send()

    def fail(first, count, cause):
        ids = world.all(select(Attempt.id).order_by(Attempt.id).offset(first).limit(count))
        failed = [AttemptReport(each, AttemptState.UNDELIVERED, cause=cause) for each in ids]
        world.do(apply_reports, failed)
        return str(world.status(warning)["state"])

    assert fail(0, 60, Cause.UNREACHABLE) == CampaignState.SENDING
    assert fail(60, 60, Cause.BLOCKED) == CampaignState.PAUSED


def test_many_answers_hold_seconds_of_their_senders_pace_and_a_warning_overtakes_them(world):
    world.add_people(60)
    world.officer(SECOND, Role.APPROVER)
    world.add(Sender(name="MTTQ", pace=2))
    of = world.draft(name="Đã gửi")
    long_due = world.in_hours(-1)
    for index in range(60):
        answer = {"kind": MessageKind.ACKNOWLEDGEMENT, "text": "Cam on", "campaign_id": of}
        world.do(queue_message, not_before=long_due, phone_id=world.phone(number(index)), **answer)

    def claim_most():
        found = [claim_next_batch(world.runtime, "test") for _ in range(10)]
        return [task for each in found if each for task in each[2]]

    began = time.monotonic()
    answers = claim_most()
    assert 0 < len(answers) <= 10 + 2 * (time.monotonic() - began)
    assert max(task.starts_at for task in answers) < time.monotonic() + 5
    warning = world.draft(name="Bão", text="Bao so 9", unaccented=True, urgent={"reason": STORM})
    approve_twice(world, warning)
    assert {task.claim.stream_id for task in claim_most()} == {warning}
    asked = {"kind": MessageKind.CONFIRMATION, "text": "Da ghi nhan", "campaign_id": of}
    world.do(queue_message, not_before=long_due, phone_id=world.phone(number(59)), **asked)
    kinds = [
        task.claim.kind for task in claim_most() if task.claim.stream_id != warning
    ]  # the warning goes on, too
    assert kinds[0] == MessageKind.CONFIRMATION


def test_a_warning_goes_out_within_its_pace_before_what_has_waited_longer(world, thorough):
    phones, per_second = (5000, 500) if thorough else (150, 150)
    world.add_people(phones)
    world.officer(SECOND, Role.APPROVER)
    world.add(Sender(name="MTTQ", pace=per_second))
    world.suppress(number(0), SuppressionReason.WRONG_NUMBER)
    world.launch(name="Ngoài giờ", text="Ngoai gio", window=world.closed_window())
    world.launch(name="Trong giờ", text="Trong gio")
    warning = world.draft(name="Bão", text="Bao so 9, so tan ngay", unaccented=True, urgent={"reason": STORM})
    approve_twice(world, warning)
    world.sweep()
    began = time.monotonic()
    world.send_until(
        lambda: world.status(warning)["state"] == "completed" or bool(world.sweep()), seconds=phones / 5 + 60
    )
    took = time.monotonic() - began
    bodies = [line["Body"] for line in world.simulator.ledger()]
    assert bodies.count("Bao so 9, so tan ngay") == phones - 1
    assert took > (phones - 1) / per_second - 1.5
    last = len(bodies) - 1 - bodies[::-1].index("Bao so 9, so tan ngay")
    # But for requests that are under way together with the last warnings.
    assert bodies[:last].count("Trong gio") <= world.runtime.settings.send_in_flight // 2
    assert bodies[: last - 100].count("Trong gio") == 0
    assert "Ngoai gio" not in bodies
    assert number(0) not in world.sent_to()
