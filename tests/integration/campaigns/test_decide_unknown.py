"""What can be taken back, and what a person decides: an undone launch, messages that stay unknown."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import read_unknown
from campaigns.delivery.office_phones import send_test_message
from campaigns.delivery.reconcile import count_undecided, decide_unknown
from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState, CampaignAction
from outreach.rules.errors import WrongState
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.world import number


@both_databases
def test_a_launch_is_undone_as_if_it_had_never_been(world):
    campaign = world.launch(people=20)
    world.act(campaign, CampaignAction.UNDO)
    assert world.status(campaign)["state"] == "approved"
    assert [world.count(table) for table in (Outbox, Message, Recipient)] == [0, 0, 0]
    world.send()
    assert world.sent_to() == []
    # And it can be launched again, with those who are on the list by then.
    world.add_people(1, first=20)
    world.act(campaign, CampaignAction.LAUNCH)
    world.sweep()
    world.send()
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(21))


def test_a_launch_that_waits_for_its_hour_is_undone_as_well(world):
    campaign = world.launch(people=1, starts_at=world.in_hours(2))
    assert world.status(campaign)["state"] == "scheduled"
    world.act(campaign, CampaignAction.UNDO)
    assert world.status(campaign)["state"] == "approved"


def test_once_a_message_has_left_a_launch_cannot_be_undone(world):
    campaign = world.sent(people=10)
    with refuses(WrongState, says="không thu hồi được nữa"):
        world.act(campaign, CampaignAction.UNDO)
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 10}


@both_databases
def test_undone_while_it_is_claimed_either_all_go_or_none(world):
    campaign = world.launch(people=100)

    def undo():
        try:
            world.act(campaign, CampaignAction.UNDO)
        except WrongState:
            return "left"
        return "undone"

    with ThreadPoolExecutor() as pool:
        sending, undone = pool.submit(world.send, 3), pool.submit(undo)
        sending.result()
        assert len(world.sent_to()) == (0 if undone.result() == "undone" else 100)


def leave_unknown(world):
    """A campaign whose requests nobody saw the end of two hours ago."""
    campaign = world.sent(people=5)
    world.lose_sight()
    return campaign


def decide(world, campaign, *, resend):
    return world.do(decide_unknown, campaign, resend=resend, now=datetime.now(UTC))


def test_what_stays_unknown_is_let_stand_by_a_person(world):
    campaign = leave_unknown(world)
    assert world.read(count_undecided, campaign, now=datetime.now(UTC)) == (5, 0)
    assert decide(world, campaign, resend=False) == 5
    assert world.status(campaign)["steps"][0]["messages"] == {"no_report": 5}
    world.sweep()
    assert world.status(campaign)["state"] == "completed"
    assert decide(world, campaign, resend=False) == 0


def test_what_stays_unknown_is_sent_again_by_a_person(world):
    campaign = leave_unknown(world)
    assert decide(world, campaign, resend=True) == 5
    assert world.status(campaign)["steps"][0]["messages"] == {"queued": 5}
    with refuses(WrongState, says="không thu hồi được nữa"):  # what waits to be sent again may have left
        world.act(campaign, CampaignAction.UNDO)
    world.send()
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 5}
    assert len(world.sent_to()) == 10


def test_home_counts_what_waits_for_a_person_as_the_campaigns_panel_does(world):
    campaign, now = world.sent(people=3), datetime.now(UTC)
    old, restored, _recent = world.all(select(Attempt.id))
    world.execute(update(Attempt).values(state=AttemptState.UNKNOWN, gateway_id=None))
    world.change(Attempt, old, times_absent=2)
    world.change(Attempt, restored, claimed_at=now - timedelta(hours=2), gateway_id="SM1")
    [task] = world.read(read_unknown, now=now)
    assert (task.unknown, task.undecided) == (3, 1)
    assert world.read(count_undecided, campaign, now=now) == (1, 0)


def test_a_moment_ago_nobody_has_to_decide(world):
    campaign = leave_unknown(world)
    world.execute(update(Attempt).values(claimed_at=datetime.now(UTC)))
    assert world.read(count_undecided, campaign, now=datetime.now(UTC)) == (0, 0)


def test_a_test_message_to_an_officer_does_not_keep_a_launch_from_being_undone(world):
    campaign = world.launch(people=3)
    trial = {"text": "Mời cài: {link}", "unaccented": True, "number": "0905000999"}
    world.do(send_test_message, **trial, now=datetime.now(UTC), campaign_id=campaign)
    world.execute(update(Outbox).where(Outbox.stream_id == campaign).values(not_before=world.in_hours(1)))
    world.send()
    assert world.sent_to() == ["+84905000999"]
    world.act(campaign, CampaignAction.UNDO)
    assert (world.count(Message), world.count(Attempt)) == (1, 1)


def test_an_answer_that_an_officer_wrote_down_is_not_lost_by_an_undo(world):
    campaign = world.launch(people=1)
    world.hear(world.recipient(number(0), campaign), Label.INSTALLED)
    with pytest.raises(WrongState, match="undo_launch_answered"):
        world.act(campaign, CampaignAction.UNDO)
