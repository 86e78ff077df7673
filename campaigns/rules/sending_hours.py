"""Sending hours in Vietnam, days without sending, due times of steps, and why a campaign is not sending.

The current time is always an argument.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import NamedTuple

from campaigns.rules.states import CampaignState
from outreach.rules.quiet_days import LONGEST_PERIOD, NO_DAYS, Period, QuietDays

# Vietnam has had one zone without summer time since 1975, so a fixed offset is exact.
VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
# Decree 91/2020: messages between 07:00 and 22:00. A live gateway enforces it on top of the campaign's hours.
LIVE_HOURS = ("07:00", "22:00")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_MIDNIGHT = "24:00"
Hours = tuple[str, str]


def is_clock(value: str) -> bool:
    """Return whether `value` is HH:MM; 24:00 is the end of a day."""
    return bool(_CLOCK.fullmatch(value))


def common_hours(hours: Hours | None, *, is_live: bool) -> Hours | None:
    """Return the campaign's hours, cut to the legal ones if the gateway is live. None means any time."""
    if not is_live:
        return hours
    if hours is None:
        return LIVE_HOURS
    return max(hours[0], LIVE_HOURS[0]), min(hours[1], LIVE_HOURS[1])


def is_never_open(hours: Hours | None) -> bool:
    """Return whether hours are none: the last is not after the first, or they and the legal ones have nothing in common."""
    return hours is not None and hours[0] >= hours[1]


def _moment(day: date, clock: str) -> datetime:
    midnight = datetime.combine(day, time(), VIETNAM)
    if clock == _MIDNIGHT:
        return midnight + timedelta(days=1)
    return midnight + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))


def closes_at(now: datetime, hours: Hours | None, quiet: QuietDays = NO_DAYS) -> datetime | None:
    """Return when the window open at `now` closes (UTC), None if closed; a day ahead at most."""
    local = now.astimezone(VIETNAM)
    today = local.date()
    if quiet.why(today) is not None:
        return None
    if hours is None:
        tomorrow = today + timedelta(days=1)
        is_last = quiet.why(tomorrow) is not None
        return _moment(tomorrow, "00:00").astimezone(UTC) if is_last else now + timedelta(days=1)
    opens, closes = _moment(today, hours[0]), _moment(today, hours[1])
    return closes.astimezone(UTC) if opens <= local < closes else None


def opens_at(now: datetime, hours: Hours | None, quiet: QuietDays = NO_DAYS) -> datetime:
    """Return `now` if the window is open, else its next opening (UTC)."""
    if closes_at(now, hours, quiet):
        return now
    local, clock = now.astimezone(VIETNAM), hours[0] if hours else "00:00"
    is_over = _moment(local.date(), clock) <= local
    return _moment(_open_day(local.date() + timedelta(days=is_over), quiet), clock).astimezone(UTC)


def _open_day(day: date, quiet: QuietDays) -> date:
    """Return a day, or the next one that is not quiet."""
    while quiet.why(day) is not None:
        day += timedelta(days=1)
    return day


def step_due_at(launched_at: datetime, *, after_days: int, at: str | None) -> datetime:
    """Return when a step is due (UTC): days after the launch, at `at` or at the time of day of the launch."""
    local = launched_at.astimezone(VIETNAM) + timedelta(days=after_days)
    if at is None:
        return local.astimezone(UTC)
    # A first step "at 18:00" launched at 20:00 is due at once, not the day before.
    return max(_moment(local.date(), at), launched_at).astimezone(UTC)


def due_times(
    launched_at: datetime,
    steps: Sequence[tuple[int, str | None]],
    quiet: QuietDays = NO_DAYS,
    *,
    opened: int = 0,
    sent_until: datetime | None = None,
) -> list[datetime]:
    """Return when each step (days after the launch, hour) is due (UTC).

    A step that falls on a quiet day is due on the next other one: at its hour, or as soon as that day begins. The steps
    after it keep a day's distance: nobody gets two reminders in one morning because both fell into Tết. Of the first
    `opened` ones the last message left at `sent_until`: the next keeps the days that lie between it and the one before.
    """
    times: list[datetime] = []
    planned_before = due_before = date.min
    for n, (after_days, at) in enumerate(steps):
        planned = step_due_at(launched_at, after_days=after_days, at=at)
        day = planned.astimezone(VIETNAM).date()
        earliest = due_before + timedelta(days=day > planned_before)
        if n == opened and n and sent_until:
            distance = timedelta(days=after_days - steps[n - 1][0])
            earliest = max(earliest, sent_until.astimezone(VIETNAM).date() + distance)
        due = _open_day(max(day, earliest), quiet)
        times.append(planned if due == day else _moment(due, at or "00:00").astimezone(UTC))
        planned_before, due_before = day, due
    return times


class Pause(NamedTuple):
    """Days without sending that put off what would leave on them, until `goes_on_at` (UTC)."""

    period: Period
    goes_on_at: datetime


# How far ahead days without sending are told of a first message whose end is not known.
_LOOKED_AHEAD = timedelta(days=7)


def find_pauses(
    starts: datetime,
    steps: Sequence[tuple[int, str | None]],
    hours: Hours | None,
    quiet: QuietDays,
    *,
    ends_at: datetime | None,
) -> list[Pause]:
    """Return the days without sending, a weekday once, from the first message to `ends_at` or of a step."""
    planned = [
        step_due_at(starts, after_days=after_days, at=at).astimezone(VIETNAM).date()
        for after_days, at in steps
    ]
    begins = due_times(starts, steps, quiet)[0]
    until = max(ends_at or begins + _LOOKED_AHEAD, begins).astimezone(VIETNAM).date()
    found: dict[str | date, Pause] = {}
    for period in quiet.between(planned[0], max(until, *planned) + timedelta(days=LONGEST_PERIOD)):
        if period.first <= until or any(period.first <= day <= period.last for day in planned):
            after = _moment(period.last + timedelta(days=1), "00:00")
            of = period.why if period.why.startswith("weekday.") else period.first
            found.setdefault(of, Pause(period, opens_at(after, hours, quiet)))
    return list(found.values())


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
