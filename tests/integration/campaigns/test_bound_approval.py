"""What leaves is what was approved: the version that was read, the number of people, their legal basis, the texts."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from campaigns.lifecycle import (
    allow_live,
    create_campaign,
    edit_campaign,
    find_campaign,
    perform_action,
    read_permit,
    require_permit,
)
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.checks import LivePermit
from campaigns.planning.correct_texts import confirm_correction, propose_correction
from campaigns.planning.kinds import load_kinds
from campaigns.rules.checks import Check, fault
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.sweep import send_second_wave
from outreach.accounts.users import create_organisation, find_user
from outreach.contacts.lists import record_basis
from outreach.models.accounts import AuditEvent, Organisation, OrganisationKind, Role, User
from outreach.rules.errors import BadCampaign, BadInput, LoaError, NotAllowed, NotFound, WrongState
from tests.integration.campaigns.test_lifecycle import state
from tests.support.admin_client import post, shows, signed_in
from tests.support.errors import refuses
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT

SECOND, THIRD, FOURTH = (f"duyet{n}@loa.example" for n in (2, 3, 4))
_A = CampaignAction


@pytest.fixture
def submitted(world):
    """A submitted campaign to five people; its id."""
    world.add_people(5)
    world.officer(SECOND, Role.APPROVER)
    campaign_id = world.draft()
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)
    return campaign_id


@pytest.fixture
def launched_by_two(world, submitted):
    """The same, launched after two have approved it; two more may approve, and two must."""
    world.use(two_approvals_people=3)
    for email in (THIRD, FOURTH):
        world.officer(email, Role.APPROVER)
    for email in (APPROVER, SECOND):
        world.decide(submitted, _A.APPROVE, email)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.sweep()
    return submitted


def submit_other_text(world, campaign_id):
    """What an author does between an approver's reading and the approval."""
    world.decide(campaign_id, _A.RETURN, AUTHOR)
    other = {"name": "Bluezone", "text": "Chuyen tien: {link}", "lists": [LIST], "sender": "MTTQ"}
    draft = read_draft(other, kinds=load_kinds())
    world.do(edit_campaign, campaign_id, draft)
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)


def test_a_text_exchanged_after_the_reading_is_not_approved(client, world, submitted):
    sheet = f"/admin/campaigns/{submitted}/"
    page = signed_in(client, APPROVER).get(sheet).text
    read = dict(re.findall(r'name="(version|recipients)" value="(\d+)"', page))
    assert read == {"version": "1", "recipients": "5"}
    submit_other_text(world, submitted)
    refused = post(client, f"{sheet}approve", **read)
    shows(refused, "lần trình 2", status=422)
    assert 'name="version" value="2"' in refused.text, "the page that is shown again has the new text"
    runner = world.app().test_cli_runner()
    command = ["campaigns", "approve", str(submitted), "--as", APPROVER, "--json"]
    for stale in ([], ["--version", "1"]):
        assert runner.invoke(args=[*command, *stale]).exit_code != 0
    assert world.status(submitted)["state"] == "submitted"
    assert json.loads(runner.invoke(args=[*command, "--version", "2"]).stdout)["state"] == "approved"


def test_a_draft_changed_behind_its_submission_is_not_approved(world, submitted):
    world.execute(update(Campaign).values(sender="KHAC"))
    for read in (None, 1):
        with refuses(WrongState, says="khác bản được trình"):
            world.decide(submitted, _A.APPROVE, APPROVER, version=read)


def test_people_added_after_the_reading_are_not_approved(world, submitted):
    world.add_people(1, first=5)
    with refuses(WrongState, says="từ 5 lên 6"):
        world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=5)


@cases((1, {}), (0, {"price_per_segment_vnd": 2000}))
def test_a_launch_to_more_people_or_at_a_cost_that_nobody_approved_goes_back_to_the_approver(
    world, submitted, more, changes
):
    world.decide(submitted, _A.APPROVE, APPROVER)
    world.add_people(more, first=5)
    world.use(**changes)
    with refuses(WrongState, says="lần nữa"):
        world.decide(submitted, _A.LAUNCH, AUTHOR)
    assert world.status(submitted)["state"] == "submitted"
    world.decide(submitted, _A.APPROVE, APPROVER, version=2, recipients=5 + more)
    assert world.decide(submitted, _A.LAUNCH, AUTHOR) is CampaignState.SENDING
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 5 + more


@pytest.mark.parametrize("change", ["people", "basis"])
def test_what_changes_between_the_press_and_the_start_is_held_for_the_approver(world, submitted, change):
    world.decide(submitted, _A.APPROVE, APPROVER)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    if change == "people":
        world.add_people(1, first=5)
    else:
        basis = {"basis": "consent", "since": "", "note": ""}
        world.do(record_basis, world.list_id, **basis)
    world.sweep()
    assert world.status(submitted)["state"] == "paused"
    world.decide(submitted, _A.RESUME, AUTHOR)
    world.sweep()
    world.send(0.2)
    assert world.sent_to() == [], "an author's press is no approval"
    with pytest.raises(NotAllowed):
        world.decide(submitted, _A.APPROVE, AUTHOR, version=2)
    assert world.decide(submitted, _A.APPROVE, APPROVER, version=2) is CampaignState.SENDING
    world.sweep()
    world.send()
    assert len(world.sent_to()) == (6 if change == "people" else 5)


def test_a_second_approver_does_not_extend_what_the_first_has_read(world, submitted):
    world.use(two_approvals_people=3)
    world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=5)
    world.add_people(45, first=100)
    assert world.decide(submitted, _A.APPROVE, SECOND, version=1, recipients=50) is CampaignState.SUBMITTED
    with pytest.raises(WrongState):
        world.decide(submitted, _A.LAUNCH, AUTHOR)
    page = signed_in(world.app().test_client(), APPROVER)
    assert f'action="/admin/campaigns/{submitted}/approve"' in page.get(f"/admin/campaigns/{submitted}/").text
    assert world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=50) is CampaignState.APPROVED
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 50


def test_a_held_campaign_that_outgrew_its_approval_needs_all_of_them_anew(world, submitted):
    world.use(two_approvals_people=20)
    world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=5)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.add_people(45, first=100)
    world.sweep()
    assert (
        "từ 5" in world.status(submitted)["pause_reason"] or "có 5" in world.status(submitted)["pause_reason"]
    )
    assert world.decide(submitted, _A.APPROVE, SECOND, recipients=50) is CampaignState.PAUSED
    world.sweep()
    assert world.status(submitted)["state"] == "paused"
    assert world.decide(submitted, _A.APPROVE, APPROVER, recipients=50) is CampaignState.SENDING
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 50


@pytest.mark.parametrize("change", ["lists", "drive"])
def test_who_names_no_version_has_not_read_one_with_other_lists_or_in_another_drive(world, submitted, change):
    author = world.user(AUTHOR)
    world.add_list("Khác", owner=author.organisation_id)
    world.open_drive("Hai")
    world.decide(submitted, _A.RETURN, AUTHOR)
    other = {"lists": ["Khác"]} if change == "lists" else {"drive": "Hai"}
    draft = {"name": "Bluezone", "text": TEXT, "lists": [LIST], "sender": "MTTQ", **other}
    world.do(edit_campaign, submitted, read_draft(draft, kinds=load_kinds()), user=author)
    world.decide(submitted, _A.SUBMIT, AUTHOR)
    with pytest.raises(WrongState, match="version_not_named"):
        world.decide(submitted, _A.APPROVE, APPROVER)


def test_a_correction_of_a_campaign_that_took_two_takes_two(world, launched_by_two):
    texts, at = {"phone": "1023"}, world.now.isoformat()
    world.do(propose_correction, launched_by_two, texts, since=None)

    def confirm(email):
        return world.do(confirm_correction, launched_by_two, proposed_at=at, by=email)

    assert confirm(APPROVER) == 0
    with pytest.raises(WrongState, match="approved_by_you"):
        confirm(APPROVER)
    assert world.get_one(Campaign, launched_by_two).content.get("phone") != "1023"
    assert confirm(THIRD) == 1
    assert world.get_one(Campaign, launched_by_two).content["phone"] == "1023"
    # What leaves from now on is approved by those who have read the new texts.
    world.add_people(30, first=100)
    extend = {"settings": world.runtime.settings, "now": world.now}
    assert not world.do(send_second_wave, launched_by_two, by=SECOND, **extend).has_left
    assert world.do(send_second_wave, launched_by_two, by=APPROVER, **extend).has_left


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.STAFF}])
@pytest.mark.parametrize("part", ["proposed", "confirmed"])
def test_a_reader_of_a_correction_who_has_left_or_may_approve_no_more_counts_no_more(
    world, launched_by_two, part, change
):
    at, by = world.now.isoformat(), THIRD if part == "proposed" else AUTHOR
    world.do(propose_correction, launched_by_two, {"phone": "1023"}, since=None, by=by)
    if part == "confirmed":
        assert world.do(confirm_correction, launched_by_two, proposed_at=at, by=THIRD) == 0
    world.execute(update(User).where(User.email == THIRD).values(**change))
    assert world.do(confirm_correction, launched_by_two, proposed_at=at, by=FOURTH) == 0
    assert world.do(confirm_correction, launched_by_two, proposed_at=at, by=SECOND) == 1


def test_who_corrects_a_text_has_read_no_larger_audience_than_the_approved_one(world, launched_by_two):
    world.add_people(45, first=100)
    extend = {"settings": world.runtime.settings, "now": world.now}
    assert not world.do(send_second_wave, launched_by_two, by=APPROVER, **extend).has_left
    texts, at = {"phone": "1023"}, world.now.isoformat()
    world.do(propose_correction, launched_by_two, texts, since=None, by=THIRD)
    world.do(confirm_correction, launched_by_two, proposed_at=at, by=FOURTH)
    assert world.get_one(Campaign, launched_by_two).content["phone"] == "1023"
    with pytest.raises(WrongState, match="second_wave_awaits"):
        world.do(send_second_wave, launched_by_two, **extend)


def test_the_question_before_an_approval_shows_all_that_leaves(client, world):
    world.add_people(10)
    campaign_id = world.draft(
        text_b="Ban B moi cai: {link}",
        hold_out=0.2,
        step=[{"after_days": 2, "at": "09:00", "text": "Nhac lai: {link}"}],
        content={
            "phone": "1022",
            "why": "Vi suc khoe cong dong.",
            "answers": {"installed": {"reply": "Da nhan, cam on."}},
        },
    )
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)
    page = signed_in(client, APPROVER).get(f"/admin/campaigns/{campaign_id}/").text
    shown = page.split('id="leaving"')[1].split("</section>")[0]
    shows(shown, "cài Bluezone: ", "Ban B moi cai: ", "Nhac lai: ", "Da nhan, cam on.", "Vi suc khoe", "1022")
    assert "20,0%, khoảng 2 người" in shown
    asked = page.split(f'action="/admin/campaigns/{campaign_id}/approve" data-ask="')[1].split('"')[0]
    assert asked == "Đồng ý gửi tin này tới 10 người?", "what the card says is not said twice"
    noted = shown.partition("điểm cần lưu ý</summary>")[2].partition("</details>")[0]
    assert "Có danh sách chưa ghi căn cứ" in noted


def test_a_correction_needs_another_person_and_never_its_author(world, submitted):
    world.decide(submitted, _A.APPROVE, APPROVER)
    world.change(Campaign, submitted, starts_at=world.in_hours(1))
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    texts, now = {"phone": "1023", "answers.installed.reply": "Goi 1023."}, world.now

    def propose(email):
        world.do(propose_correction, submitted, texts, since=None, by=email, now=now)
        return now.isoformat()

    with refuses(WrongState, says="hẹn giờ"):
        propose(APPROVER)
    world.sweep(at=world.in_hours(1.1))
    at = propose(APPROVER)
    before = world.get_one(Campaign, submitted).content
    for email in (AUTHOR, APPROVER):
        with pytest.raises(NotAllowed):
            world.do(confirm_correction, submitted, proposed_at=at, by=email, now=now)
    with pytest.raises(WrongState, match="correction_changed_meanwhile"):
        world.do(confirm_correction, submitted, proposed_at="", by=SECOND, now=now)
    assert world.get_one(Campaign, submitted).content == before
    assert world.do(confirm_correction, submitted, proposed_at=at, by=SECOND, now=now) == 2
    assert world.get_one(Campaign, submitted).content["phone"] == "1023"


# Sending to real phones waits for an administrator's permission, which is on record.


def test_a_live_campaign_is_launched_once_an_administrator_has_allowed_it(world):
    world.add_people(2)
    campaign = world.draft()
    world.act(campaign, CampaignAction.SUBMIT)
    world.act(campaign, CampaignAction.APPROVE, APPROVER)
    live = replace(world.runtime, settings=replace(world.runtime.settings, sms_live="yes"))
    assert live.settings.is_live
    with live.db.write() as session:
        author = find_user(session, AUTHOR)
        administrator = world.add_officer(session, "quantri@loa.example", Role.ADMINISTRATOR)

    def launch():
        return perform_action(live, campaign, CampaignAction.LAUNCH, user=author, now=datetime.now(UTC)).state

    with refuses(WrongState, says="Chưa cho phép gửi thật"):
        launch()
    assert world.status(campaign)["state"] == CampaignState.APPROVED
    findings = [fault(Check.MAIL, LoaError("check_mail_away", error="x"))]
    with pytest.raises(NotAllowed):
        allow_live(live, findings, reason="không cần thư", user=author, now=world.now)
    with refuses(BadInput, says="ít nhất 10 ký tự"):
        allow_live(live, findings, reason="vội", user=administrator, now=world.now)
    allow_live(live, findings, reason="Máy chủ thư có sau, đã thống nhất.", user=administrator, now=world.now)
    with live.db.read() as session:
        permit = read_permit(session)
        assert (permit.findings, permit.allowed_by) == ("mail", administrator.id)
        assert session.scalar(select(AuditEvent.actor_id).where(AuditEvent.action == "sending.allow_live"))
    assert launch() in (CampaignState.SENDING, CampaignState.SCHEDULED)


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.ADMINISTRATOR])
def test_nobody_but_an_administrator_allows_it_by_page_or_use_case(world, client, role):
    email = world.officer(f"{role.value}@loa.example", role)
    with pytest.raises(NotAllowed):
        world.do(allow_live, [], reason="x" * 20, by=email)
    if role is not Role.VILLAGE:
        signed_in(client, email)
        assert post(client, "/admin/checks/allow", reason="x" * 20).status_code == 403
    assert not world.all(select(LivePermit))


def test_what_began_in_training_goes_on_live_only_with_the_permission(world):
    campaign = world.launch(people=1)
    world.act(campaign, CampaignAction.PAUSE)
    live = replace(world.runtime, settings=replace(world.runtime.settings, sms_live="yes"))
    user = world.user(AUTHOR)
    with refuses(WrongState, says="Chưa cho phép gửi thật"):
        perform_action(live, campaign, CampaignAction.RESUME, user=user, now=world.now)
    world.act(campaign, CampaignAction.RESUME)
    world.add_people(1, first=1)
    with refuses(WrongState, says="Chưa cho phép gửi thật"):
        send_second_wave(live, campaign, settings=live.settings, user=user, now=datetime.now(UTC))
    assert len(world.all(select(Recipient))) == 1


def test_what_is_on_its_way_when_an_installation_goes_live_waits_for_the_permission(world):
    started = world.launch(people=1)
    later = world.draft(name="Đợt sau", starts_at=world.in_hours(1).isoformat())
    world.begin(later)
    world.use(sms_live="yes")
    world.send()
    assert world.sent_to() == []
    world.sweep(at=world.in_hours(2))
    for campaign in (started, later):
        assert world.status(campaign)["state"] == "paused"
        assert "Chưa cho phép gửi thật" in world.status(campaign)["pause_reason"]
    world.send()
    assert world.sent_to() == []


def test_live_hours_in_which_nothing_may_leave_are_refused(world):
    """22:30 to 23:30 and the legal 07:00 to 22:00 have no minute in common."""
    world.add_people(1)
    campaign = world.draft(window=["22:30", "23:30"])
    live = replace(world.runtime, settings=replace(world.runtime.settings, sms_live="yes"))
    with refuses(WrongState, says="ngoài giờ được phép"):
        perform_action(live, campaign, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now)
    perform_action(world.runtime, campaign, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now)


def test_training_needs_no_permission(world):
    world.read(require_permit, is_live=False)
    with pytest.raises(WrongState):
        world.read(require_permit, is_live=True)


def test_the_page_shows_each_check_with_what_to_do_and_takes_the_permission(world, client):
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    signed_in(client, "quantri@loa.example")
    shows(client.get("/admin/checks/"), "Không có worker nào phục vụ", "Chưa cho phép gửi thật")
    assert post(client, "/admin/checks/allow", reason="").status_code == 422
    assert post(client, "/admin/checks/allow", reason="Đã kiểm tra bằng tay.").status_code == 303
    assert "đã cho phép gửi thật lúc" in client.get("/admin/checks/").text


# Who may do what with a campaign, and who does not even see it.


A, C = CampaignAction, CampaignState
LEAST = {"name": "Bluezone", "text": TEXT, "lists": [LIST], "sender": "MTTQ"}


def add_user(world, role, *, organisation="MTTQ", area=None, email=""):
    """A user who never logs in; the e-mail."""
    email = email or f"{role}@loa.example"
    owner = world.scalar(select(Organisation.id).where(Organisation.code == (organisation or "")))
    about = {"organisation_id": owner, "area_code": area, "password_hash": "none", "created_at": world.now}
    world.add(User(email=email, role=role, **about))
    return email


def test_a_campaign_is_seen_by_its_organisation_and_those_above(world):
    world.add_areas({"608": "608", "617": "617"})
    for code, parent, area in (
        ("HPN", None, "62"),
        ("HPN-608", "HPN", "608"),
        ("HPN-617", "HPN", "617"),
        ("DOAN", None, "62"),
    ):
        about = {"code": code, "name": code, "area_code": area, "parent_code": parent}
        made = world.do(create_organisation, kind=OrganisationKind.MASS, **about)
        world.add_list(f"{code} 1", owner=made.id)
    author = add_user(world, Role.STAFF, organisation="HPN-608", email="author@loa.example")

    def write(name):
        draft = read_draft({**LEAST, "lists": [name]}, kinds=load_kinds())
        return world.do(create_campaign, draft, by=author).id

    campaign = write("HPN-608 1")
    # Lists of others are as good as not there.
    for name in ("HPN-617 1", "DOAN 1", LIST):
        with refuses(BadCampaign, says=name):
            write(name)

    sees = {
        ("HPN-608", None): True,
        ("HPN", None): True,
        ("MTTQ", None): True,  # the committee above all
        (None, "608"): True,
        (None, "62"): True,
        (None, None): True,
        ("HPN-617", None): False,
        ("DOAN", None): False,
        (None, "617"): False,
        ("HPN", "608"): True,
        ("HPN", "617"): False,
        ("MTTQ", "62"): True,
        ("MTTQ", "617"): False,
        ("HPN-608", "617"): True,  # one's own, wherever one works
    }
    for index, ((organisation, area), is_seen) in enumerate(sees.items()):
        email = add_user(
            world, Role.STAFF, organisation=organisation, area=area, email=f"u{index}@loa.example"
        )
        if is_seen:
            assert world.read(find_campaign, campaign, by=email).id == campaign
            continue
        # Not to be told from a campaign that is not there.
        for action in (A.SUBMIT, A.CANCEL, A.APPROVE):
            with pytest.raises(NotFound, match=str(campaign)):
                perform_action(world.runtime, campaign, action, user=world.user(email), now=world.now)
    assert state(world, campaign) is C.DRAFT
