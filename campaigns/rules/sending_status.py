"""Sending status: why a campaign is not sending, its rate, and when it will finish."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.rules.sending_hours import VIETNAM, Hours, closes_at, opens_at
from campaigns.rules.states import CampaignState
from outreach.rules.quiet_days import NO_DAYS, QuietDays

# A sending worker claims at least every two seconds; an older last claim means that no worker is sending.
_NO_WORKER_AFTER = timedelta(seconds=10)
_MOST_AHEAD = timedelta(days=366)
_ENDED = (CampaignState.COMPLETED, CampaignState.CANCELLED)


class StallReason(StrEnum):
    """Reasons why a campaign is not sending."""

    NOT_STARTED = "not_started"
    SCHEDULED = "scheduled"  # waits for its start time
    PAUSED = "paused"
    ALL_STOPPED = "all_stopped"
    PREPARING = "preparing"  # launched; the audience is being written
    DEADLINE = "deadline"
    QUIET_DAY = "quiet_day"  # a day without sending
    WINDOW = "window"  # outside the sending hours
    THROTTLED = "throttled"  # the gateway asked to wait
    HELD_BACK = "held_back"  # the daily cap of messages per number; checked again later
    FAULT = "fault"  # the gateway is out of order; one message at a time tries
    GATEWAY = "gateway"  # messages are due, but no worker sends
    CHECKING = "checking"  # unknown outcomes are being reconciled
    NEXT_STEP = "next_step"  # everything is sent until the next reminder


_NOT_RUNNING = {
    CampaignState.DRAFT: StallReason.NOT_STARTED,
    CampaignState.SUBMITTED: StallReason.NOT_STARTED,
    CampaignState.APPROVED: StallReason.NOT_STARTED,
    CampaignState.PAUSED: StallReason.PAUSED,
}


@dataclass(frozen=True, slots=True)
class SendingState:
    """A campaign's sending at one moment; `first_due_at`: when the earliest waiting message is due."""

    state: CampaignState
    is_stopped: bool  # emergency stop of the whole installation
    starts_at: datetime | None
    deadline: datetime | None
    hours: Hours | None
    queued: int
    sending: int
    unknown: int
    first_due_at: datetime | None
    is_throttled: bool  # the earliest message was postponed by the gateway
    fault: str  # key of the gateway's fault, see `campaigns.rules.delivery.fault_of`
    last_claim_at: datetime | None
    opened_at: datetime | None  # of the latest open step
    next_step_at: datetime | None
    quiet: QuietDays = NO_DAYS


@dataclass(frozen=True, slots=True)
class Stall:
    """Why nothing is sent, and until when if that is known. `fault` is the gateway's, if that is why."""

    why: StallReason
    until: datetime | None = None
    fault: str = ""


def why_stalled(sending: SendingState, *, now: datetime) -> Stall | None:
    """Return the first obstacle to sending, or None if the campaign is sending or has sent everything."""
    if reason := _NOT_RUNNING.get(sending.state):
        return Stall(reason)
    if sending.state is CampaignState.SCHEDULED:
        return Stall(StallReason.SCHEDULED, sending.next_step_at or sending.starts_at)
    if sending.state in _ENDED:
        return _why_none_waits(sending, next_step_at=None)
    if sending.is_stopped:
        return Stall(StallReason.ALL_STOPPED)
    is_quiet = sending.quiet.why(now.astimezone(VIETNAM).date()) is not None
    if sending.opened_at is None:
        if is_quiet and sending.next_step_at and sending.next_step_at > now:
            return Stall(StallReason.QUIET_DAY, sending.next_step_at)
        return Stall(StallReason.PREPARING)
    if not sending.queued:
        return _why_none_waits(sending, sending.next_step_at)
    return _why_waiting(sending, now, sending.opened_at, is_quiet=is_quiet)


def _why_none_waits(sending: SendingState, next_step_at: datetime | None) -> Stall | None:
    """Return what is waited for where no message is queued; None while some are on their way, or at the end."""
    if sending.sending:
        return None
    if sending.unknown:
        return Stall(StallReason.CHECKING)
    return Stall(StallReason.NEXT_STEP, next_step_at) if next_step_at else None


def _why_waiting(
    sending: SendingState, now: datetime, opened_at: datetime, *, is_quiet: bool
) -> Stall | None:
    """Return why messages that are queued do not leave, or None if they do."""
    if sending.deadline and sending.deadline <= now:
        return Stall(StallReason.DEADLINE)
    if closes_at(now, sending.hours, sending.quiet) is None:
        reason = StallReason.QUIET_DAY if is_quiet else StallReason.WINDOW
        return Stall(reason, opens_at(now, sending.hours, sending.quiet))
    if sending.fault:
        return Stall(StallReason.FAULT, fault=sending.fault)
    if sending.first_due_at and sending.first_due_at > now:
        reason = StallReason.THROTTLED if sending.is_throttled else StallReason.HELD_BACK
        return Stall(reason, sending.first_due_at)
    since = max(filter(None, (sending.last_claim_at, opened_at, sending.first_due_at)))
    return Stall(StallReason.GATEWAY) if now - since > _NO_WORKER_AFTER else None


Batch = tuple[datetime, int]
# Batches come at most two seconds apart. After a longer gap the idle time counts too.
_LONGEST_GAP = timedelta(seconds=3)
# Two workers may claim in the same instant, but the messages are not sent in that instant.
_SHORTEST_SPAN = timedelta(seconds=1)


def sending_rate(
    batches: Sequence[Batch], *, now: datetime, over: timedelta, least: timedelta = timedelta(0)
) -> float:
    """Return messages a second over the last `over`, by whole intervals; 0 if they span under `least`."""
    recent = [(at, count) for at, count in batches if at > now - over]
    if not recent:
        return 0.0
    first, (last, newest) = recent[0][0], recent[-1]
    count = sum(count for _at, count in recent)
    if now - last <= _LONGEST_GAP and last > first:
        end, count = max(last, first + _SHORTEST_SPAN), count - newest
    else:
        end = max(now, first + _SHORTEST_SPAN)
    return count / (end - first).total_seconds() if end - first >= least else 0.0


def estimated_finish(
    now: datetime, *, left: int, rate: float, hours: Hours | None, quiet: QuietDays = NO_DAYS
) -> datetime | None:
    """Return when `left` messages will be sent by the hours and quiet days; None after more than a year."""
    if rate <= 0:
        return None
    seconds, at = left / rate, now
    while at - now < _MOST_AHEAD:
        at = opens_at(at, hours, quiet)
        closes = closes_at(at, hours, quiet)
        if closes is None:
            return None
        room = (closes - at).total_seconds()
        if seconds <= room:
            return at + timedelta(seconds=seconds)
        seconds -= room
        at = closes
    return None


def spread_over_days(
    begins: datetime, *, count: int, rate: float, hours: Hours | None, quiet: QuietDays = NO_DAYS
) -> list[tuple[datetime, int]]:
    """Return from when and how many of `count` leave in each span; all in the first without a rate."""
    spans, left, at = [], count, begins
    while left > 0 and at - begins < _MOST_AHEAD:
        at = opens_at(at, hours, quiet)
        closes = closes_at(at, hours, quiet)
        if closes is None:
            break
        n = min(left, int((closes - at).total_seconds() * rate)) if rate > 0 else left
        if n:
            spans.append((at, n))
        left, at = left - n, closes
    return spans
