"""Sending hours in Vietnam, days without sending, and due times of steps. The current time is always an argument."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

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
    """Return whether hours are none: a campaign's own and the legal ones have nothing in common."""
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
