"""What can be taken back, and what a person decides: an undone launch, messages that stay unknown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.delivery.deciding import count_undecided, decide_unknown
from campaigns.messages import Attempt, Message, Outbox
from campaigns.models import Recipient
from campaigns.states import AttemptState, CampaignAction, MessageState
from outreach.errors import WrongState
from tests.flows.world import AUTHOR, World, number


def count(world: World, table: type) -> int:
    with world.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_launch_is_undone_as_if_it_had_never_been(world: World) -> None:
    world.add_people(20)
    campaign = world.launch()
    world.act(campaign, CampaignAction.UNDO)
    assert world.status(campaign)["state"] == "approved"
    assert [count(world, table) for table in (Outbox, Message, Recipient)] == [0, 0, 0]
    world.send(1)
    assert world.sent_to() == []
    # And it can be launched again, with those who are on the list by then.
    world.add_people(1, first=20)
    world.act(campaign, CampaignAction.LAUNCH)
    world.sweep()
    world.send()
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(21))


def test_once_a_message_has_left_a_launch_cannot_be_undone(world: World) -> None:
    world.add_people(10)
    campaign = world.launch()
    world.send()
    with pytest.raises(WrongState, match="không thu hồi được nữa"):
        world.act(campaign, CampaignAction.UNDO)
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 10}


def test_undone_while_it_is_claimed_either_all_go_or_none(world: World) -> None:
    world.add_people(100)
    campaign = world.launch()

    def undo() -> str:
        try:
            world.act(campaign, CampaignAction.UNDO)
        except WrongState:
            return "left"
        return "undone"

    with ThreadPoolExecutor() as pool:
        sending, undone = pool.submit(world.send, 3), pool.submit(undo)
        sending.result()
        assert len(world.sent_to()) == (0 if undone.result() == "undone" else 100)


def leave_unknown(world: World) -> int:
    """A campaign whose requests nobody saw the end of two hours ago."""
    world.add_people(5)
    campaign = world.launch()
    world.send()
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with world.runtime.db.write() as session:
        session.execute(
            update(Attempt).values(
                state=AttemptState.UNKNOWN,
                gateway_id=None,
                claimed_at=long_ago,
                due_at=datetime.now(UTC) + timedelta(hours=1),
            )
        )
        session.execute(update(Message).values(state=MessageState.UNKNOWN))
    return campaign


def decide(world: World, campaign: int, *, resend: bool) -> int:
    with world.runtime.db.write() as session:
        return decide_unknown(
            session,
            campaign,
            resend=resend,
            user=world.user(AUTHOR),
            now=datetime.now(UTC),
            secret_key=world.runtime.settings.secret_key,
        )


def test_what_stays_unknown_is_let_stand_by_a_person(world: World) -> None:
    campaign = leave_unknown(world)
    with world.runtime.db.read() as session:
        assert count_undecided(session, campaign, now=datetime.now(UTC)) == 5
    assert decide(world, campaign, resend=False) == 5
    assert world.status(campaign)["steps"][0]["messages"] == {"no_report": 5}
    world.sweep()
    assert world.status(campaign)["state"] == "completed"
    assert decide(world, campaign, resend=False) == 0


def test_what_stays_unknown_is_sent_again_by_a_person(world: World) -> None:
    campaign = leave_unknown(world)
    assert decide(world, campaign, resend=True) == 5
    assert world.status(campaign)["steps"][0]["messages"] == {"queued": 5}
    world.send()
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 5}
    assert len(world.sent_to()) == 10


def test_a_moment_ago_nobody_has_to_decide(world: World) -> None:
    campaign = leave_unknown(world)
    with world.runtime.db.write() as session:
        session.execute(update(Attempt).values(claimed_at=datetime.now(UTC)))
        assert count_undecided(session, campaign, now=datetime.now(UTC)) == 0
