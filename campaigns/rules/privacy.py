"""Deadlines of privacy requests, in working days.

Two working days (Decree 356/2025); by the Civil Code, articles 147 and 148, the day of the request does not
count and the last day ends at its midnight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from campaigns.rules.sending_hours import VIETNAM

WORKING_DAYS = 2
NOTICE = timedelta(days=61)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Public holidays and working weekend days.

    `every_year` holds (month, day) of fixed holidays, `off` single days off, `worked` weekend days that are worked.
    """

    every_year: frozenset[tuple[int, int]]
    off: frozenset[date]
    worked: frozenset[date]

    @property
    def known_until(self) -> int:
        """Return the last year with listed days off. Later years are taken to have the fixed holidays only."""
        return max((day.year for day in self.off), default=0)

    def is_running_out(self, today: date) -> bool:
        """Return whether next year's days off are missing although its New Year is less than two months ahead."""
        return (today + NOTICE).year > self.known_until

    def is_working(self, day: date) -> bool:
        """Return whether a day is a working day."""
        if day in self.worked:
            return True
        is_off = day in self.off or (day.month, day.day) in self.every_year
        return day.weekday() < _SATURDAY and not is_off


class Urgency(StrEnum):
    """Urgency of a privacy request."""

    OPEN = "open"
    SOON = "soon"  # the last day has begun
    OVERDUE = "overdue"


def read_calendar(data: Mapping[str, Any]) -> WorkCalendar:
    """Read a calendar. Raises ValueError.

    `every_year` holds "MM-DD"; `off` and `worked` hold dates, or pairs of first and last day.
    """
    return WorkCalendar(
        every_year=frozenset((int(day[:2]), int(day[3:])) for day in data["every_year"]),
        off=frozenset(_days(data["off"])),
        worked=frozenset(_days(data["worked"])),
    )


def due_at(asked_at: datetime, calendar: WorkCalendar, *, working_days: int = WORKING_DAYS) -> datetime:
    """Return the midnight, in Vietnam, that ends the last working day after the day of the request."""
    day = asked_at.astimezone(VIETNAM).date()
    left = working_days
    while left:
        day += timedelta(days=1)
        left -= calendar.is_working(day)
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM) + timedelta(days=1)


def urgency(due: datetime, *, now: datetime) -> Urgency:
    """Return the urgency of a request that must be answered by `due`."""
    if now >= due:
        return Urgency.OVERDUE
    return Urgency.SOON if due - now <= timedelta(days=1) else Urgency.OPEN


def _days(entries: list[Any]) -> set[date]:
    days = set()
    for entry in entries:
        first, last = entry if isinstance(entry, list) else (entry, entry)
        if not isinstance(first, date) or not isinstance(last, date) or last < first:
            raise ValueError(f"not a day, or not a span of days: {entry}")
        days |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return days
