"""Sending to real phones waits for an administrator's permission, which is on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.lifecycle import perform_action
from campaigns.live_permit import allow_live, read_permit, require_permit
from campaigns.models.campaigns import Recipient
from campaigns.models.checks import LivePermit
from campaigns.rules.checks import Check, fault
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.second_wave import send_second_wave
from outreach.accounts.users import find_user
from outreach.models.accounts import AuditEvent, Role
from outreach.rules.errors import BadInput, LoaError, NotAllowed, WrongState
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.world import APPROVER, AUTHOR, World


def test_a_live_campaign_is_launched_once_an_administrator_has_allowed_it(world: World) -> None:
    world.add_people(2)
    campaign = world.draft()
    world.act(campaign, CampaignAction.SUBMIT)
    world.act(campaign, CampaignAction.APPROVE, APPROVER)
    live = replace(world.runtime, settings=replace(world.runtime.settings, sms_live="yes"))
    assert live.settings.is_live
    with live.db.write() as session:
        author = find_user(session, AUTHOR)
        administrator = world.add_officer(session, "quantri@loa.example", Role.ADMINISTRATOR)

    def launch() -> CampaignState:
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
        assert permit is not None
        assert (permit.findings, permit.allowed_by) == ("mail", administrator.id)
        assert session.scalar(select(AuditEvent.actor_id).where(AuditEvent.action == "sending.allow_live"))
    assert launch() in (CampaignState.SENDING, CampaignState.SCHEDULED)


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.ADMINISTRATOR])
def test_nobody_but_an_administrator_allows_it_by_page_or_use_case(
    world: World, client: FlaskClient, role: Role
) -> None:
    email = world.officer(f"{role.value}@loa.example", role)
    with pytest.raises(NotAllowed):
        allow_live(world.runtime, [], reason="x" * 20, user=world.user(email), now=world.now)
    if role is not Role.VILLAGE:
        signed_in(client, email)
        assert post(client, "/admin/checks/allow", reason="x" * 20).status_code == 403
    assert not world.all(select(LivePermit))


def test_what_began_in_training_goes_on_live_only_with_the_permission(world: World) -> None:
    world.add_people(1)
    campaign = world.launch()
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


def test_live_hours_in_which_nothing_may_leave_are_refused(world: World) -> None:
    """22:30 to 23:30 and the legal 07:00 to 22:00 have no minute in common."""
    world.add_people(1)
    campaign = world.draft(window=["22:30", "23:30"])
    live = replace(world.runtime, settings=replace(world.runtime.settings, sms_live="yes"))
    with refuses(WrongState, says="ngoài giờ được phép"):
        perform_action(live, campaign, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now)
    perform_action(world.runtime, campaign, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now)


def test_training_needs_no_permission(world: World) -> None:
    with world.runtime.db.read() as session:
        require_permit(session, is_live=False)
        with pytest.raises(WrongState):
            require_permit(session, is_live=True)


def test_the_page_shows_each_check_with_what_to_do_and_takes_the_permission(
    world: World, client: FlaskClient
) -> None:
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    signed_in(client, "quantri@loa.example")
    page = client.get("/admin/checks/").get_data(as_text=True)
    assert "Không có worker nào phục vụ" in page
    assert "Chưa cho phép gửi thật" in page
    refused = post(client, "/admin/checks/allow", reason="")
    assert refused.status_code == 422
    assert post(client, "/admin/checks/allow", reason="Đã kiểm tra bằng tay.").status_code == 303
    assert "đã cho phép gửi thật lúc" in client.get("/admin/checks/").get_data(as_text=True)
