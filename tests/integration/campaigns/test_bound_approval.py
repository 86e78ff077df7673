"""What leaves is what was approved: the version that was read, the number of people, their legal basis, the texts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from admin.app import create_app
from campaigns.lifecycle import edit_campaign
from campaigns.models.campaigns import Campaign
from campaigns.planning.correct_texts import confirm_correction, propose_correction
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.contacts.lists import record_basis
from outreach.models.accounts import Role
from outreach.rules.errors import NotAllowed, WrongState
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.world import APPROVER, AUTHOR, LIST, World

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


def test_a_cost_that_nobody_approved_goes_back_to_the_approver(world: World, submitted: int) -> None:
    world.decide(submitted, _A.APPROVE, APPROVER)
    dear = replace(world.runtime.settings, price_per_segment_vnd=2000)
    world.runtime = replace(world.runtime, settings=dear)
    with refuses(WrongState, says="lần nữa"):
        world.decide(submitted, _A.LAUNCH, AUTHOR)
    world.decide(submitted, _A.APPROVE, APPROVER, version=2)
    assert world.decide(submitted, _A.LAUNCH, AUTHOR) is CampaignState.SENDING


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
