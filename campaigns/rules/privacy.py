"""Until when a person's request must be answered. Pure.

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
    """Days off beside the weekends: (month, day) of every year, single days, and weekend days that are worked."""

    every_year: frozenset[tuple[int, int]]
    off: frozenset[date]
    worked: frozenset[date]

    @property
    def known_until(self) -> int:
        """The last year whose own days off are listed: later ones are counted as if they had none but the fixed."""
        return max((day.year for day in self.off), default=0)

    def is_running_out(self, today: date) -> bool:
        """Whether next year's days off should be known by now and are not: two months before its New Year."""
        return (today + NOTICE).year > self.known_until

    def is_working(self, day: date) -> bool:
        if day in self.worked:
            return True
        is_off = day in self.off or (day.month, day.day) in self.every_year
        return day.weekday() < _SATURDAY and not is_off


class Urgency(StrEnum):
    OPEN = "open"
    SOON = "soon"  # the last day has begun
    OVERDUE = "overdue"


def read_calendar(data: Mapping[str, Any]) -> WorkCalendar:
    """A calendar from `every_year` ("MM-DD"), and `off` and `worked` (dates, or pairs from and to). Raises ValueError."""
    return WorkCalendar(
        every_year=frozenset((int(day[:2]), int(day[3:])) for day in data["every_year"]),
        off=frozenset(_days(data["off"])),
        worked=frozenset(_days(data["worked"])),
    )


def due_at(asked_at: datetime, calendar: WorkCalendar, *, working_days: int = WORKING_DAYS) -> datetime:
    """The midnight, in Vietnam's time, at which the last of the working days after the day of asking ends."""
    day = asked_at.astimezone(VIETNAM).date()
    left = working_days
    while left:
        day += timedelta(days=1)
        left -= calendar.is_working(day)
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM) + timedelta(days=1)


def urgency(due: datetime, *, now: datetime) -> Urgency:
    """How pressing a request is that must be answered by `due`."""
    if now >= due:
        return Urgency.OVERDUE
    return Urgency.SOON if due - now <= timedelta(days=1) else Urgency.OPEN


def _days(listed: list[Any]) -> set[date]:
    days = set()
    for each in listed:
        first, last = each if isinstance(each, list) else (each, each)
        if not isinstance(first, date) or not isinstance(last, date) or last < first:
            raise ValueError(f"not a day, or not a span of days: {each}")
        days |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return days
