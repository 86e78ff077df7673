"""Confirmations and acknowledgements that do not get through: they are neither given up early nor lost from sight."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import read_unknown
from campaigns.delivery.reconcile import count_undecided, count_without_campaign, decide_unknown
from campaigns.models.messages import Message, Outbox
from campaigns.rules.delivery import GIVES_UP_AFTER, TRANSACTIONAL_GIVES_UP_AFTER
from campaigns.rules.states import CampaignAction, MessageKind, MessageState
from outreach.accounts.organisations import create_organisation
from outreach.models.accounts import OrganisationKind, Role
from outreach.rules.errors import NotAllowed
from tests.support.world import AUTHOR, World, number

BELOW = "pn@loa.example"


def confirmation(world: World) -> MessageState:
    state: MessageState = world.one(select(Message.state).where(Message.kind == MessageKind.CONFIRMATION))
    return state


def let_it_wait(world: World, **changes: int) -> None:
    """As if what is in the outbox had been put back so often, and were due again."""
    with world.runtime.db.write() as session:
        session.execute(update(Outbox).values(not_before=world.now, **changes))


def test_a_fault_of_the_account_holds_a_confirmation_back_for_a_day_and_loses_it_not(world: World) -> None:
    world.add_people(1)
    world.launch()
    world.send()
    world.reply(number(0), "TC", gateway_id="SM1")
    world.use_token("wrong")
    world.send()
    for refused in (GIVES_UP_AFTER + 1, TRANSACTIONAL_GIVES_UP_AFTER - 2):
        let_it_wait(world, refused=refused, throttled=100)
        world.send()
        assert confirmation(world) is MessageState.QUEUED
    world.use_token(world.simulator.auth_token)
    let_it_wait(world)
    world.send()
    assert len(world.sent_to()) == 2


def test_after_more_than_a_day_of_it_a_confirmation_has_failed(world: World) -> None:
    world.add_people(1)
    world.launch()
    world.send()
    world.reply(number(0), "TC", gateway_id="SM1")
    world.use_token("wrong")
    let_it_wait(world, refused=TRANSACTIONAL_GIVES_UP_AFTER - 1)
    world.send()
    assert confirmation(world) is MessageState.FAILED


def test_what_the_gateway_was_too_busy_for_counts_not_as_refused(world: World) -> None:
    world.add_people(2)
    campaign = world.launch()
    let_it_wait(world, throttled=50)
    world.use_token("wrong")
    world.send()
    assert world.status(campaign)["steps"][0]["messages"] == {"queued": 2}
    # The account alone: somebody has let it go on in vain so often.
    let_it_wait(world, refused=GIVES_UP_AFTER - 1)
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert world.status(campaign)["steps"][0]["messages"] == {"failed": 2}


def decide(world: World, campaign: int | None, email: str, *, resend: bool) -> int:
    with world.runtime.db.write() as session:
        return decide_unknown(
            session,
            campaign,
            resend=resend,
            user=world.user(email),
            now=datetime.now(UTC),
            secret_key=world.runtime.settings.secret_key,
        )


def test_a_confirmation_nobody_saw_the_end_of_is_decided_with_its_campaign(world: World) -> None:
    world.add_people(2)
    campaign = world.launch()
    world.send()
    world.sweep()
    world.reply(number(0), "TC", gateway_id="SM1")
    world.send()
    world.lose_sight()
    now = datetime.now(UTC)
    with world.runtime.db.read() as session:
        assert count_undecided(session, campaign, now=now) == (2, 1)
        (line,) = read_unknown(session, world.user(AUTHOR), now=now)
        assert (line.id, line.unknown, line.undecided) == (campaign, 3, 3)
    assert decide(world, campaign, AUTHOR, resend=True) == 3
    assert confirmation(world) is MessageState.QUEUED
    world.send()
    assert world.sent_to().count(number(0)) == 3  # who has opted out gets the campaign's own message no more
    world.lose_sight()
    decide(world, campaign, AUTHOR, resend=False)
    assert confirmation(world) is MessageState.NO_REPORT


def test_what_belongs_to_no_campaign_is_decided_by_those_who_see_everything(world: World) -> None:
    with world.runtime.db.write() as session:
        other = create_organisation(
            session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS, parent_code="MTTQ"
        )
        world.add_officer(session, BELOW, Role.STAFF, other.id)
    world.reply(number(7), "TC", gateway_id="SM1")  # a stranger
    world.send()
    world.lose_sight()
    now = datetime.now(UTC)
    with world.runtime.db.read() as session:
        assert count_without_campaign(session, world.user(AUTHOR), now=now) == 1
        assert count_without_campaign(session, world.user(BELOW), now=now) == 0
    with pytest.raises(NotAllowed):
        decide(world, None, BELOW, resend=False)
    assert decide(world, None, AUTHOR, resend=False) == 1
    assert confirmation(world) is MessageState.NO_REPORT
