"""What leaves is what was approved: the version that was read, the number of people, their legal basis, the texts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from admin.app import create_app
from campaigns.lifecycle import edit_campaign
from campaigns.models.campaigns import Campaign
from campaigns.planning.correct_texts import confirm_correction, propose_correction
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.second_wave import send_second_wave
from outreach.contacts.lists import record_basis
from outreach.models.accounts import Role
from outreach.models.contacts import ContactList
from outreach.rules.errors import NotAllowed, WrongState
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT, World

SECOND = "duyet2@loa.example"
_A = CampaignAction


@pytest.fixture
def submitted(world: World) -> int:
    """A submitted campaign to five people; its id."""
    world.add_people(5)
    world.officer(SECOND, Role.APPROVER)
    campaign_id = world.draft()
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)
    return campaign_id


def submit_other_text(world: World, campaign_id: int) -> None:
    """What an author does between an approver's reading and the approval."""
    world.decide(campaign_id, _A.RETURN, AUTHOR)
    other = {"name": "Bluezone", "text": "Chuyen tien: {link}", "lists": [LIST], "sender": "MTTQ"}
    draft = read_draft(other, kinds=load_kinds())
    edit_campaign(world.runtime, campaign_id, draft, user=world.user(AUTHOR), now=world.now)
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)


def test_a_text_exchanged_after_the_reading_is_not_approved(
    client: FlaskClient, world: World, submitted: int
) -> None:
    sheet = f"/admin/campaigns/{submitted}/"
    page = signed_in(client, APPROVER).get(sheet).text
    read = dict(re.findall(r'name="(version|recipients)" value="(\d+)"', page))
    assert read == {"version": "1", "recipients": "5"}
    submit_other_text(world, submitted)
    refused = post(client, f"{sheet}approve", **read)
    assert refused.status_code == 422
    assert "lần trình 2" in refused.text
    assert 'name="version" value="2"' in refused.text, "the page that is shown again has the new text"
    runner = create_app(world.runtime.settings, runtime=world.runtime).test_cli_runner()
    command = ["campaigns", "approve", str(submitted), "--as", APPROVER, "--json"]
    for stale in ([], ["--version", "1"]):
        assert runner.invoke(args=[*command, *stale]).exit_code != 0
    assert world.status(submitted)["state"] == "submitted"
    assert json.loads(runner.invoke(args=[*command, "--version", "2"]).stdout)["state"] == "approved"


def test_a_draft_changed_behind_its_submission_is_not_approved(world: World, submitted: int) -> None:
    with world.runtime.db.write() as session:
        session.execute(update(Campaign).values(sender="KHAC"))
    for read in (None, 1):
        with refuses(WrongState, says="khác bản được trình"):
            world.decide(submitted, _A.APPROVE, APPROVER, version=read)


def test_people_added_after_the_reading_are_not_approved(world: World, submitted: int) -> None:
    world.add_people(1, first=5)
    with refuses(WrongState, says="từ 5 lên 6"):
        world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=5)


def test_a_launch_of_more_people_than_approved_goes_back_to_the_approver(
    world: World, submitted: int
) -> None:
    world.decide(submitted, _A.APPROVE, APPROVER)
    world.add_people(1, first=5)
    with refuses(WrongState, says="lần nữa"):
        world.decide(submitted, _A.LAUNCH, AUTHOR)
    assert world.status(submitted)["state"] == "submitted"
    world.decide(submitted, _A.APPROVE, APPROVER, version=2, recipients=6)
    assert world.decide(submitted, _A.LAUNCH, AUTHOR) is CampaignState.SENDING
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 6


@pytest.mark.parametrize("change", ["people", "basis"])
def test_what_changes_between_the_press_and_the_start_is_held_for_the_approver(
    world: World, submitted: int, change: str
) -> None:
    world.decide(submitted, _A.APPROVE, APPROVER)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    if change == "people":
        world.add_people(1, first=5)
    else:
        basis = {"basis": "consent", "since": "", "note": ""}
        record_basis(world.runtime, world.list_id, **basis, user=world.user(AUTHOR), now=world.now)
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


def test_a_second_approver_does_not_extend_what_the_first_has_read(world: World, submitted: int) -> None:
    two_are_needed_from(world, 3)
    world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=5)
    world.add_people(45, first=100)
    assert world.decide(submitted, _A.APPROVE, SECOND, version=1, recipients=50) is CampaignState.SUBMITTED
    with pytest.raises(WrongState):
        world.decide(submitted, _A.LAUNCH, AUTHOR)
    page = signed_in(create_app(world.runtime.settings, runtime=world.runtime).test_client(), APPROVER)
    assert f'action="/admin/campaigns/{submitted}/approve"' in page.get(f"/admin/campaigns/{submitted}/").text
    assert world.decide(submitted, _A.APPROVE, APPROVER, version=1, recipients=50) is CampaignState.APPROVED
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 50


def test_a_held_campaign_that_outgrew_its_approval_needs_all_of_them_anew(
    world: World, submitted: int
) -> None:
    two_are_needed_from(world, 20)
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
def test_who_names_no_version_has_not_read_one_with_other_lists_or_in_another_drive(
    world: World, submitted: int, change: str
) -> None:
    author = world.user(AUTHOR)
    with world.runtime.db.write() as session:
        session.add(ContactList(organisation_id=author.organisation_id, name="Khác", created_at=world.now))
    world.open_drive("Hai")
    world.decide(submitted, _A.RETURN, AUTHOR)
    other = {"lists": ["Khác"]} if change == "lists" else {"drive": "Hai"}
    draft = {"name": "Bluezone", "text": TEXT, "lists": [LIST], "sender": "MTTQ", **other}
    edit_campaign(world.runtime, submitted, read_draft(draft, kinds=load_kinds()), user=author, now=world.now)
    world.decide(submitted, _A.SUBMIT, AUTHOR)
    with pytest.raises(WrongState, match="version_not_named"):
        world.decide(submitted, _A.APPROVE, APPROVER)


def test_a_cost_that_nobody_approved_goes_back_to_the_approver(world: World, submitted: int) -> None:
    world.decide(submitted, _A.APPROVE, APPROVER)
    dear = replace(world.runtime.settings, price_per_segment_vnd=2000)
    world.runtime = replace(world.runtime, settings=dear)
    with refuses(WrongState, says="lần nữa"):
        world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.decide(submitted, _A.APPROVE, APPROVER, version=2)
    assert world.decide(submitted, _A.LAUNCH, AUTHOR) is CampaignState.SENDING


def test_a_correction_of_a_campaign_that_took_two_takes_two(world: World, submitted: int) -> None:
    two_are_needed_from(world, 3)
    with world.runtime.db.write() as session:
        world.add_officer(session, "duyet3@loa.example", Role.APPROVER)
    for email in (APPROVER, SECOND):
        world.decide(submitted, _A.APPROVE, email)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.sweep()
    texts, at = {"phone": "1023"}, world.now.isoformat()
    propose_correction(world.runtime, submitted, texts, since=None, user=world.user(AUTHOR), now=world.now)

    def confirm(email: str) -> int:
        user = world.user(email)
        return confirm_correction(world.runtime, submitted, proposed_at=at, user=user, now=world.now)

    assert confirm(APPROVER) == 0
    with pytest.raises(WrongState, match="approved_by_you"):
        confirm(APPROVER)
    assert world_content(world, submitted).get("phone") != "1023"
    assert confirm("duyet3@loa.example") == 1
    assert world_content(world, submitted)["phone"] == "1023"
    # What leaves from now on is approved by those who have read the new texts.
    world.add_people(30, first=100)
    extend = {"settings": world.runtime.settings, "now": world.now}
    assert not send_second_wave(world.runtime, submitted, user=world.user(SECOND), **extend).has_left
    assert send_second_wave(world.runtime, submitted, user=world.user(APPROVER), **extend).has_left


def test_who_corrects_a_text_has_read_no_larger_audience_than_the_approved_one(
    world: World, submitted: int
) -> None:
    two_are_needed_from(world, 3)
    third, fourth = "duyet3@loa.example", "duyet4@loa.example"
    with world.runtime.db.write() as session:
        for email in (third, fourth):
            world.add_officer(session, email, Role.APPROVER)
    for email in (APPROVER, SECOND):
        world.decide(submitted, _A.APPROVE, email)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.sweep()
    world.add_people(45, first=100)
    extend = {"settings": world.runtime.settings, "now": world.now}
    assert not send_second_wave(world.runtime, submitted, user=world.user(APPROVER), **extend).has_left
    texts, at = {"phone": "1023"}, world.now.isoformat()
    propose_correction(world.runtime, submitted, texts, since=None, user=world.user(third), now=world.now)
    confirm_correction(world.runtime, submitted, proposed_at=at, user=world.user(fourth), now=world.now)
    assert world_content(world, submitted)["phone"] == "1023"
    with pytest.raises(WrongState, match="second_wave_awaits"):
        send_second_wave(world.runtime, submitted, user=world.user(AUTHOR), **extend)


def two_are_needed_from(world: World, people: int) -> None:
    settings = replace(world.runtime.settings, two_approvals_people=people)
    world.runtime = replace(world.runtime, settings=settings)


def test_the_question_before_an_approval_shows_all_that_leaves(client: FlaskClient, world: World) -> None:
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
    for text in (
        "cài Bluezone: ",
        "Ban B moi cai: ",
        "Nhac lai: ",
        "Da nhan, cam on.",
        "Vi suc khoe",
        "1022",
    ):
        assert text in shown
    assert "20,0%, khoảng 2 người" in shown
    asked = page.split(f'action="/admin/campaigns/{campaign_id}/approve" data-ask="')[1].split('"')[0]
    assert asked.startswith("Đồng ý gửi tin này tới 10 người")
    assert "Cần lưu ý: " in asked
    assert "Có danh sách chưa ghi căn cứ" in asked


def test_a_correction_needs_another_person_and_never_its_author(world: World, submitted: int) -> None:
    world.decide(submitted, _A.APPROVE, APPROVER)
    with world.runtime.db.write() as session:
        session.get_one(Campaign, submitted).starts_at = world.in_hours(1)
    world.decide(submitted, _A.LAUNCH, AUTHOR)
    texts, now = {"phone": "1023", "answers.installed.reply": "Goi 1023."}, world.now

    def propose(email: str) -> str:
        propose_correction(world.runtime, submitted, texts, since=None, user=world.user(email), now=now)
        return now.isoformat()

    with refuses(WrongState, says="hẹn giờ"):
        propose(APPROVER)
    world.sweep(at=world.in_hours(1.1))
    at = propose(APPROVER)
    before = world_content(world, submitted)
    for email in (AUTHOR, APPROVER):
        with pytest.raises(NotAllowed):
            confirm_correction(world.runtime, submitted, proposed_at=at, user=world.user(email), now=now)
    with pytest.raises(WrongState, match="correction_changed_meanwhile"):
        confirm_correction(world.runtime, submitted, proposed_at="", user=world.user(SECOND), now=now)
    assert world_content(world, submitted) == before
    assert confirm_correction(world.runtime, submitted, proposed_at=at, user=world.user(SECOND), now=now) == 2
    assert world_content(world, submitted)["phone"] == "1023"


def world_content(world: World, campaign_id: int) -> dict[str, Any]:
    return world.get_one(Campaign, campaign_id).content
