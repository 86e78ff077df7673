"""Requests that were cut while the gateway's clock, its list or its answers are wrong: nobody gets a second copy."""

import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

import campaigns.delivery.reconcile
import outreach.sms.http_gateway
from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.reconcile import count_undecided, decide_unknown
from campaigns.delivery.record_outcomes import apply_reports, store_outcomes
from campaigns.models.messages import Attempt, Incident
from campaigns.rules.receipts import TIMES_ABSENT
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction
from outreach.contacts.suppressions import suppress
from outreach.models.contacts import Phone, SuppressionReason
from outreach.rules.errors import WrongState
from outreach.rules.gateway import Throttled
from tests.support.world import AUTHOR, number

PEOPLE = 10
LIST_DELAY_S = 2.0


@pytest.fixture
def settings(settings):
    return replace(settings, list_delay_s=LIST_DELAY_S)


def states(world, campaign):
    messages = world.status(campaign)["steps"][0]["messages"]
    return messages


def look_now(world):
    """A round of lookups without waiting until they are due."""
    world.execute(update(Attempt).where(Attempt.state == AttemptState.UNKNOWN).values(due_at=world.now))
    world.reconcile()


def pass_list_delay(world):
    """As if the outcomes had been unknown for longer than the list may take."""
    with world.runtime.db.write() as session:
        for attempt in session.scalars(select(Attempt).where(Attempt.state == AttemptState.UNKNOWN)):
            assert attempt.settled_at
            attempt.settled_at -= 2 * (world.in_hours(LIST_DELAY_S / 3600) - world.now)


def cut_all(world, **faults):
    """Launch a campaign whose requests the gateway all takes and none answers; its id."""
    campaign = world.launch(people=PEOPLE)
    world.simulator.faults(callbacks_off=True, rate_cut=1, **faults)
    world.send()
    assert states(world, campaign) == {"unknown": PEOPLE}
    world.simulator.faults(callbacks_off=True, rate_cut=0, **faults)
    return campaign


@pytest.mark.parametrize("clock_s", [-600, -120, 90])
def test_a_clock_that_is_wrong_hides_no_message(world, clock_s):
    campaign = cut_all(world, clock_s=clock_s)
    look_now(world)
    assert "unknown" not in states(world, campaign)
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))


class TwentyMinutesBehind(datetime):
    """The clock of a host that looks up what another has sent."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) - timedelta(minutes=20)


def test_the_clock_of_the_host_that_looks_up_hides_no_message(world, monkeypatch):
    campaign = cut_all(world)
    for module in (campaigns.delivery.reconcile, outreach.sms.http_gateway):
        monkeypatch.setattr(module, "datetime", TwentyMinutesBehind)
    look_now(world)
    assert "unknown" not in states(world, campaign)
    assert len(world.sent_to()) == PEOPLE


def test_a_list_that_shows_messages_late_is_waited_for(world, simulator):
    campaign = cut_all(world, list_delay_s=LIST_DELAY_S)
    left_at = time.monotonic()
    while "unknown" in states(world, campaign):
        assert time.monotonic() - left_at < 60
        look_now(world)
        world.send()
    assert len(simulator.ledger()) == PEOPLE


@pytest.mark.parametrize("repeat", ["waits", "is in hand", "has left"])
def test_an_outcome_seen_late_takes_back_the_repeat_or_is_an_incident_where_that_has_left(world, repeat):
    has_left = repeat == "has left"
    campaign = cut_all(world, list_delay_s=600)  # much later than was declared
    pass_list_delay(world)
    for _ in range(TIMES_ABSENT):
        look_now(world)
    assert states(world, campaign) == {"queued": PEOPLE}
    world.simulator.faults(list_delay_s=0)
    if has_left:
        world.send()
    claimed = claim_next_batch(world.runtime, "in hand") if repeat == "is in hand" else None
    for attempt in world.all(select(Attempt.id).where(Attempt.n == 1)):
        seen = AttemptReport(attempt, AttemptState.ACCEPTED, f"SM-late-{attempt}")
        world.do(apply_reports, [seen])
    if claimed:
        store_outcomes(world.runtime, [(task.claim, Throttled()) for task in claimed[2]])
    world.wait(2 if claimed else 0)  # as long as they wait after that
    world.send()
    assert Counter(world.sent_to()) == {number(i): 1 + has_left for i in range(PEOPLE)}
    assert states(world, campaign) == {"accepted": PEOPLE}
    incidents = world.all(select(Incident.kind))
    assert incidents == ["sent_twice"] * PEOPLE * has_left


def test_texts_that_the_list_alters_are_left_to_a_person(world):
    campaign = cut_all(world, list_alters=True)
    pass_list_delay(world)
    for _ in range(5):
        look_now(world)
        world.send()
    assert states(world, campaign) == {"unknown": PEOPLE}
    assert len(world.sent_to()) == PEOPLE
    # A report that still comes counts; what is left is decided on the campaign's page after an hour.
    assert world.read(count_undecided, campaign, now=world.now)[0] == 0
    world.execute(update(Attempt).values(claimed_at=world.in_hours(-2)))
    assert world.read(count_undecided, campaign, now=world.now)[0] == PEOPLE


def test_a_message_is_repeated_once_and_then_a_person_is_asked(world):
    campaign = world.launch(people=PEOPLE)
    world.simulator.faults(callbacks_off=True, rate_cut_before=1)
    for _ in range(4):
        world.send()
        pass_list_delay(world)
        look_now(world)
        look_now(world)
    assert states(world, campaign) == {"unknown": PEOPLE}
    assert len(world.all(select(Attempt.id))) == 2 * PEOPLE
    assert world.read(count_undecided, campaign, now=world.now)[0] == PEOPLE
    world.simulator.faults(callbacks_off=True, rate_cut_before=0)
    user = world.user(AUTHOR)
    decide_unknown(world.runtime, campaign, resend=True, user=user, now=world.now)
    world.send()
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))


def test_a_launch_is_not_undone_where_a_message_that_was_tried_is_skipped_since(world):
    campaign = world.launch(people=1)
    world.simulator.faults(callbacks_off=True, rate_cut_before=1)
    world.send()
    pass_list_delay(world)
    for _ in range(TIMES_ABSENT):
        look_now(world)
    wrong = {"reason": SuppressionReason.WRONG_NUMBER, "source": "officer"}
    world.do(suppress, world.one(select(Phone)), **wrong)
    world.send()
    assert states(world, campaign) == {"skipped": 1}
    with pytest.raises(WrongState, match="undo_launch_sent"):
        world.act(campaign, CampaignAction.UNDO)
