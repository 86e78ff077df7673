"""Sending hours in Vietnam and due times of steps. The current time is always an argument."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone

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


def _moment(day: datetime, clock: str) -> datetime:
    midnight = datetime.combine(day.date(), time(), VIETNAM)
    if clock == _MIDNIGHT:
        return midnight + timedelta(days=1)
    return midnight + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))


def closes_at(now: datetime, hours: Hours | None) -> datetime | None:
    """Return when the window that is open at `now` closes (UTC), or None if it is closed.

    Without hours the window is always open; the result is then a day ahead.
    """
    if hours is None:
        return now + timedelta(days=1)
    local = now.astimezone(VIETNAM)
    opens, closes = _moment(local, hours[0]), _moment(local, hours[1])
    return closes.astimezone(UTC) if opens <= local < closes else None


def opens_at(now: datetime, hours: Hours | None) -> datetime:
    """Return `now` if the window is open, else its next opening (UTC)."""
    if hours is None or closes_at(now, hours):
        return now
    local = now.astimezone(VIETNAM)
    opens = _moment(local, hours[0])
    if opens <= local:
        opens = _moment(local + timedelta(days=1), hours[0])
    return opens.astimezone(UTC)


def step_due_at(launched_at: datetime, *, after_days: int, at: str | None) -> datetime:
    """Return when a step is due (UTC): days after the launch, at `at` or at the time of day of the launch."""
    local = launched_at.astimezone(VIETNAM) + timedelta(days=after_days)
    if at is None:
        return local.astimezone(UTC)
    # A first step "at 18:00" launched at 20:00 is due at once, not the day before.
    return max(_moment(local, at), launched_at).astimezone(UTC)
