"""Why a campaign stands still, and when it will be through at the present rate. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.rules.sending_hours import Hours, closes_at, opens_at
from campaigns.rules.states import CampaignState

# A worker claims at least every two seconds while it sends; what is older means that nobody sends.
NOBODY_SENDS_AFTER = timedelta(seconds=10)
FURTHEST = timedelta(days=366)
_NOT_STARTED = (CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.APPROVED)
_ENDED = (CampaignState.COMPLETED, CampaignState.CANCELLED)


class StallReason(StrEnum):
    NOT_STARTED = "not_started"
    SCHEDULED = "scheduled"  # waits for its hour
    PAUSED = "paused"
    ALL_STOPPED = "all_stopped"
    PREPARING = "preparing"  # launched; the audience is being written
    DEADLINE = "deadline"
    WINDOW = "window"  # outside the hours
    THROTTLED = "throttled"  # the gateway asked us to wait
    HELD_BACK = "held_back"  # the cap of messages a day, looked at again later
    GATEWAY = "gateway"  # due, but nobody sends
    CHECKING = "checking"  # outcomes nobody saw are looked up
    NEXT_STEP = "next_step"  # all is sent until the next reminder


@dataclass(frozen=True, slots=True)
class SendingState:
    """A campaign's flow at one moment. `first_due_at` is the earliest of what waits, however far ahead."""

    state: CampaignState
    is_stopped: bool  # all sending of the installation
    starts_at: datetime | None
    deadline: datetime | None
    hours: Hours | None
    queued: int
    sending: int
    unknown: int
    first_due_at: datetime | None
    is_throttled: bool  # the earliest was put back by the gateway
    last_claim_at: datetime | None
    opened_at: datetime | None  # of the latest step that is open
    next_step_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stall:
    """Why, and until when where that is known."""

    why: StallReason
    until: datetime | None = None


def why_stalled(stream: SendingState, *, now: datetime) -> Stall | None:
    """The first thing in the way, or None: it is moving, or it is through."""
    if stream.state in _NOT_STARTED:
        return Stall(StallReason.NOT_STARTED)
    if stream.state is CampaignState.SCHEDULED:
        return Stall(StallReason.SCHEDULED, stream.starts_at)
    if stream.state in _ENDED:
        return Stall(StallReason.CHECKING) if stream.unknown and not stream.sending else None
    if stream.state is CampaignState.PAUSED:
        return Stall(StallReason.PAUSED)
    if stream.is_stopped:
        return Stall(StallReason.ALL_STOPPED)
    if stream.opened_at is None:
        return Stall(StallReason.PREPARING)
    if not stream.queued:
        if stream.sending:
            return None
        if stream.unknown:
            return Stall(StallReason.CHECKING)
        return Stall(StallReason.NEXT_STEP, stream.next_step_at) if stream.next_step_at else None
    if stream.deadline and stream.deadline <= now:
        return Stall(StallReason.DEADLINE)
    if closes_at(now, stream.hours) is None:
        return Stall(StallReason.WINDOW, opens_at(now, stream.hours))
    if stream.first_due_at and stream.first_due_at > now:
        why = StallReason.THROTTLED if stream.is_throttled else StallReason.HELD_BACK
        return Stall(why, stream.first_due_at)
    since = max(filter(None, (stream.last_claim_at, stream.opened_at, stream.first_due_at)))
    return Stall(StallReason.GATEWAY) if now - since > NOBODY_SENDS_AFTER else None


Batch = tuple[datetime, int]
# Batches come at most two seconds apart; after this much silence the time without one counts, too.
_SILENCE = timedelta(seconds=3)
# What two workers claim in the same instant was not sent in that instant.
_A_MOMENT = timedelta(seconds=1)


def sending_rate(
    batches: Sequence[Batch], *, now: datetime, over: timedelta, least: timedelta = timedelta(0)
) -> float:
    """Messages a second over the last `over`, from when batches were claimed and how many were in each.

    Whole intervals between batches alone are counted, so that the figure does not rise and fall with each
    of them. 0 where the batches span less than `least`.
    """
    within = [(at, count) for at, count in batches if at > now - over]
    if not within:
        return 0.0
    first, (last, newest) = within[0][0], within[-1]
    count = sum(count for _at, count in within)
    if now - last <= _SILENCE and last > first:
        end, count = max(last, first + _A_MOMENT), count - newest
    else:
        end = max(now, first + _A_MOMENT)
    return count / (end - first).total_seconds() if end - first >= least else 0.0


def estimated_finish(now: datetime, *, left: int, rate: float, hours: Hours | None) -> datetime | None:
    """When `left` messages at `rate` a second will be through, sending only within the hours.

    None where nothing moves, or where it would take more than a year.
    """
    if rate <= 0:
        return None
    seconds, at = left / rate, now
    while at - now < FURTHEST:
        at = opens_at(at, hours)
        closes = closes_at(at, hours)
        if closes is None:
            return None
        room = (closes - at).total_seconds()
        if seconds <= room:
            return at + timedelta(seconds=seconds)
        seconds -= room
        at = closes
    return None
