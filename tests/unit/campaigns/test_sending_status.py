"""Why a campaign stands still: the first thing in the way, and until when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.rules.sending_hours import SendingState, StallReason, sending_rate, why_stalled
from campaigns.rules.states import CampaignState
from outreach.rules.quiet_days import parse_quiet_days
from tests.support.tables import cases

NOW = datetime(2020, 8, 5, 3, tzinfo=UTC)  # 10:00 in Vietnam
MOVING = SendingState(
    state=CampaignState.SENDING,
    is_stopped=False,
    starts_at=None,
    deadline=None,
    hours=("07:00", "22:00"),
    queued=100,
    sending=10,
    unknown=0,
    first_due_at=NOW - timedelta(minutes=5),
    is_throttled=False,
    fault="",
    last_claim_at=NOW - timedelta(seconds=1),
    opened_at=NOW - timedelta(minutes=5),
    next_step_at=None,
)
SOON = NOW + timedelta(minutes=3)
WEDNESDAYS, NEXT_MORNING = parse_quiet_days("wed"), NOW + timedelta(hours=21)


def test_a_campaign_that_moves_has_nothing_in_its_way():
    assert why_stalled(MOVING, now=NOW) is None


@cases(
    ({"state": CampaignState.APPROVED}, StallReason.NOT_STARTED, None),
    ({"state": CampaignState.SCHEDULED, "starts_at": SOON}, StallReason.SCHEDULED, SOON),
    (
        {"state": CampaignState.SCHEDULED, "starts_at": SOON, "next_step_at": NEXT_MORNING},
        StallReason.SCHEDULED,
        NEXT_MORNING,
    ),
    ({"state": CampaignState.PAUSED}, StallReason.PAUSED, None),
    ({"state": CampaignState.PAUSED, "is_stopped": True}, StallReason.PAUSED, None),
    ({"is_stopped": True}, StallReason.ALL_STOPPED, None),
    ({"opened_at": None, "queued": 0, "sending": 0}, StallReason.PREPARING, None),
    ({"deadline": NOW}, StallReason.DEADLINE, None),
    ({"hours": ("12:00", "22:00")}, StallReason.WINDOW, NOW + timedelta(hours=2)),
    ({"quiet": WEDNESDAYS}, StallReason.QUIET_DAY, NEXT_MORNING),
    ({"quiet": WEDNESDAYS, "hours": None}, StallReason.QUIET_DAY, NOW + timedelta(hours=14)),
    (
        {"quiet": WEDNESDAYS, "opened_at": None, "queued": 0, "sending": 0, "next_step_at": NEXT_MORNING},
        StallReason.QUIET_DAY,
        NEXT_MORNING,
    ),
    ({"first_due_at": SOON}, StallReason.HELD_BACK, SOON),
    ({"first_due_at": SOON, "is_throttled": True}, StallReason.THROTTLED, SOON),
    ({"first_due_at": SOON, "fault": "http_502"}, StallReason.FAULT, None),
    ({"queued": 0, "fault": "http_502", "sending": 0, "unknown": 3}, StallReason.CHECKING, None),
    ({"last_claim_at": NOW - timedelta(minutes=1)}, StallReason.GATEWAY, None),
    ({"last_claim_at": None}, StallReason.GATEWAY, None),
    ({"queued": 0, "sending": 0, "unknown": 3}, StallReason.CHECKING, None),
    ({"queued": 0, "sending": 0, "next_step_at": SOON}, StallReason.NEXT_STEP, SOON),
    ({"state": CampaignState.CANCELLED, "sending": 0, "unknown": 1}, StallReason.CHECKING, None),
)
def test_what_is_in_the_way(changes, why, until):
    still = why_stalled(replace(MOVING, **changes), now=NOW)
    assert (still.why, still.until) == (why, until)


@cases(
    {"queued": 0},
    {"queued": 0, "sending": 0},
    {"state": CampaignState.COMPLETED, "queued": 0, "sending": 0},
    {"last_claim_at": None, "opened_at": NOW, "first_due_at": NOW},
)
def test_what_is_through_or_has_just_begun_is_not_held_up(changes):
    assert why_stalled(replace(MOVING, **changes), now=NOW) is None


MINUTE = timedelta(minutes=1)


def batches(*ages, each=20):
    """Claimed so many seconds ago."""
    return [(NOW - timedelta(seconds=age), each) for age in ages]


@pytest.mark.parametrize("since_the_last", [0.0, 0.5, 1.0, 1.9])
def test_the_rate_does_not_rise_and_fall_with_each_batch(since_the_last):
    claimed = batches(*(since_the_last + age for age in range(40, -1, -2)))
    assert sending_rate(claimed, now=NOW, over=MINUTE) == pytest.approx(10)


@cases(
    ([], 0),
    (batches(70), 0),  # too long ago
    (batches(0), 20),  # one batch alone, within its first second
    (batches(2), 10),
    (batches(0.03, 0), 20),  # the first two at once: not hundreds a second
    (batches(30, 28, 26, 24, 22, 20), 4),  # nothing for 20 seconds: the silence counts
)
def test_the_rate_of_what_was_claimed(claimed, rate):
    assert sending_rate(claimed, now=NOW, over=MINUTE) == pytest.approx(rate)


def test_a_rate_of_a_few_seconds_promises_nothing():
    least = timedelta(seconds=8)
    assert sending_rate(batches(4, 2, 0), now=NOW, over=MINUTE, least=least) == 0
    assert sending_rate(batches(8, 6, 4, 2, 0), now=NOW, over=MINUTE, least=least) == 10
