"""Above an audience or a cost that the settings name it takes two people, neither an author, to approve a campaign."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from admin.app import create_app
from campaigns.models.campaigns import Campaign
from campaigns.planning.approvals import send_approval_mail
from campaigns.planning.drafts import describe_campaign, newest_version
from campaigns.planning.kinds import load_kinds
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.models.accounts import Role, User
from outreach.rules.errors import LoaError, WrongState
from tests.integration.outreach import test_approval_mail
from tests.support.admin_client import signed_in, token
from tests.support.errors import refuses
from tests.support.mail_server import MailServer
from tests.support.world import APPROVER, AUTHOR, World

mail_server = test_approval_mail.mail_server
SECOND, THIRD = "duyet2@loa.example", "duyet3@loa.example"
_A = CampaignAction


@pytest.fixture
def large(world: World) -> int:
    """A submitted campaign to five people, where three are many; its id."""
    settings = replace(world.runtime.settings, two_approvals_people=3, approved_growth_percent=50)
    world.runtime = replace(world.runtime, settings=settings)
    world.add_people(5)
    with world.runtime.db.write() as session:
        for email in (SECOND, THIRD):
            world.add_officer(session, email, Role.APPROVER)
    campaign_id = world.draft()
    world.decide(campaign_id, _A.SUBMIT, AUTHOR)
    return campaign_id


def start_at(world: World, campaign_id: int, moment: datetime) -> None:
    """Let it have been submitted with this start."""
    with world.runtime.db.write() as session:
        campaign, version = session.get_one(Campaign, campaign_id), newest_version(session, campaign_id)
        assert version is not None
        campaign.starts_at = moment
        version.data = describe_campaign(session, campaign, kinds=load_kinds())


def test_two_different_people_approve_and_an_approval_falls_with_what_it_was_for(
    world: World, large: int
) -> None:
    assert world.decide(large, _A.APPROVE, APPROVER) is CampaignState.SUBMITTED
    with pytest.raises(WrongState):
        world.decide(large, _A.APPROVE, APPROVER)
    with pytest.raises(WrongState):
        world.decide(large, _A.LAUNCH, AUTHOR)
    assert world.decide(large, _A.RETURN, SECOND) is CampaignState.DRAFT
    world.decide(large, _A.SUBMIT, AUTHOR)
    assert world.decide(large, _A.APPROVE, SECOND) is CampaignState.SUBMITTED
    assert world.decide(large, _A.APPROVE, THIRD) is CampaignState.APPROVED
    assert world.decide(large, _A.LAUNCH, AUTHOR) is CampaignState.SENDING


def test_an_approver_who_has_left_counts_no_more_toward_two(world: World, large: int) -> None:
    world.decide(large, _A.APPROVE, SECOND)
    with world.runtime.db.write() as session:
        session.execute(update(User).where(User.email == SECOND).values(is_active=False))
    assert world.decide(large, _A.APPROVE, APPROVER) is CampaignState.SUBMITTED
    assert world.decide(large, _A.APPROVE, THIRD) is CampaignState.APPROVED


def test_a_list_that_grew_since_its_one_approval_does_not_go(world: World, large: int) -> None:
    few = replace(world.runtime.settings, two_approvals_people=6)
    world.runtime = replace(world.runtime, settings=few)
    assert world.decide(large, _A.APPROVE, APPROVER) is CampaignState.APPROVED
    world.add_people(1, first=5)
    with refuses(WrongState, says="hai người duyệt"):
        world.decide(large, _A.LAUNCH, AUTHOR)


@pytest.mark.parametrize("how", ["at its start date", "after a pause", "between the press and the start"])
def test_an_audience_that_has_grown_by_its_start_waits_for_a_second_and_then_goes(
    world: World, large: int, mail_server: tuple[MailServer, str], how: str
) -> None:
    box, url = mail_server
    test_approval_mail.with_mail(world, url)
    few = replace(world.runtime.settings, two_approvals_people=6)
    world.runtime = replace(world.runtime, settings=few)
    starts_at = world.now - timedelta(minutes=1)
    if how != "between the press and the start":
        start_at(world, large, world.in_hours(1))
    world.decide(large, _A.APPROVE, APPROVER)
    world.decide(large, _A.LAUNCH, AUTHOR)
    if how == "after a pause":
        world.decide(large, _A.PAUSE, AUTHOR)
    world.add_people(1, first=5)
    start_at(world, large, starts_at)
    if how == "after a pause":
        world.decide(large, _A.RESUME, AUTHOR)

    world.sweep()

    status = world.status(large)
    assert status["state"] == "paused"
    assert "người thứ hai" in status["pause_reason"]
    world.send(0.2)
    assert world.sent_to() == []
    send_approval_mail(world.runtime, large, now=datetime.now(UTC))
    assert {to for to, _mail in box.mails} == {SECOND, THIRD}
    with pytest.raises(WrongState, match="approved_by_you"):
        world.decide(large, _A.APPROVE, APPROVER)
    world.decide(large, _A.RESUME, AUTHOR)
    world.sweep()
    assert world.status(large)["state"] == "paused", "an author's press is no approval"

    assert world.decide(large, _A.APPROVE, SECOND) is CampaignState.SENDING
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 6


def test_two_who_approve_at_once_are_two(world: World, large: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(lambda email: world.decide(large, _A.APPROVE, email), (SECOND, THIRD)))
    assert sorted(states) == [CampaignState.APPROVED, CampaignState.SUBMITTED]


def test_one_who_approves_twice_at_once_is_one(world: World, large: int) -> None:
    def try_to(_turn: int) -> str:
        try:
            return world.decide(large, _A.APPROVE, SECOND).value
        except LoaError:
            return "refused"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(try_to, range(2))) == ["refused", "submitted"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_the_command_and_the_mail_say_that_a_second_is_needed(
    world: World, large: int, mail_server: tuple[MailServer, str]
) -> None:
    box, url = mail_server
    test_approval_mail.with_mail(world, url)
    app = create_app(world.runtime.settings, runtime=world.runtime)
    client = signed_in(app.test_client(), APPROVER)
    sheet = f"/admin/campaigns/{large}/"
    assert "cần hai người duyệt" in client.get(sheet).text
    form: dict[str, Any] = {"csrf_token": token(client)}
    done = client.post(f"{sheet}approve", data=form, follow_redirects=True).text
    assert "lần duyệt thứ nhất" in done
    assert "Đang chờ người thứ hai duyệt" in done
    assert f'action="{sheet}approve"' not in done
    send_approval_mail(world.runtime, large, now=datetime.now(UTC))
    assert {to for to, _mail in box.mails} == {SECOND, THIRD}
    assert "người thứ hai" in str(box.mails[0][1]["Subject"])
    runner = app.test_cli_runner()
    typed = runner.invoke(args=["campaigns", "approve", str(large), "--as", SECOND, "--json"])
    assert json.loads(typed.stdout)["state"] == "approved"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_to_be_the_second_finds_the_button_and_the_first_does_not(world: World, large: int) -> None:
    few = replace(world.runtime.settings, two_approvals_people=6)
    world.runtime = replace(world.runtime, settings=few)
    world.decide(large, _A.APPROVE, APPROVER)
    world.decide(large, _A.LAUNCH, AUTHOR)
    world.add_people(1, first=5)
    world.sweep()
    app, sheet = create_app(world.runtime.settings, runtime=world.runtime), f"/admin/campaigns/{large}/"
    button = f'action="{sheet}approve"'
    for email in (AUTHOR, APPROVER):
        page = signed_in(app.test_client(), email).get(sheet).text
        assert "Chưa có tin nào được gửi" in page
        assert button not in page
    client = signed_in(app.test_client(), SECOND)
    assert button in client.get(sheet).text
    client.post(f"{sheet}approve", data={"csrf_token": token(client)})
    assert world.status(large)["state"] == "sending"
