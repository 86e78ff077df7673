"""Clocks of privacy requests and breaches, from the files `clocks.toml` and `holidays.toml`; who is a child.

By the Civil Code, articles 147 and 148, the day of a request does not count and the last day ends at its midnight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from campaigns.rules.sending_hours import VIETNAM

NOTICE = timedelta(days=61)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Public holidays of `every_year` (month, day), single days `off`, and worked weekend days."""

    every_year: frozenset[tuple[int, int]]
    off: frozenset[date]
    worked: frozenset[date]
    sources: tuple[tuple[date, str], ...] = ()  # by the day on which each came into force

    def source_on(self, day: date) -> str:
        """Return the source in force on a day; "" if none is named."""
        return max((each for each in self.sources if each[0] <= day), default=(day, ""))[1]

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
    """Read a calendar: "MM-DD" of every year, dates or pairs of first and last day. Raises ValueError."""
    return WorkCalendar(
        every_year=frozenset((int(day[:2]), int(day[3:])) for day in data["every_year"]),
        off=frozenset(_days(data["off"])),
        worked=frozenset(_days(data["worked"])),
        sources=tuple((each["effective"], each["source"]) for each in data.get("sources", ())),
    )


@dataclass(frozen=True, slots=True)
class Clocks:
    """Clocks in force from a day on, by a source.

    `carry_out_days` and `with_processor_days` are calendar days by kind of request; the latter where a processor or
    third party takes part. `child_age` in years.
    """

    effective: date
    source: str
    respond_working_days: int
    extensions: int
    breach_hours: int
    child_age: int
    carry_out_days: Mapping[str, int]
    with_processor_days: Mapping[str, int]

    def days_for(self, kind: str, *, has_processor: bool) -> int:
        """Return the calendar days in which a kind of request is carried out."""
        days = self.carry_out_days[kind]
        return max(days, self.with_processor_days.get(kind, 0)) if has_processor else days


def read_clocks(data: Mapping[str, Any]) -> tuple[Clocks, ...]:
    """Read the rules of a clocks file, oldest first. Raises KeyError or TypeError for one that is not whole."""
    rules = [Clocks(**{"with_processor_days": {}, **rule}) for rule in data["rule"]]
    return tuple(sorted(rules, key=lambda rule: rule.effective))


def clocks_on(rules: tuple[Clocks, ...], day: date) -> Clocks:
    """Return the rule in force on a day, the first one for an earlier day."""
    return [rule for rule in rules if rule.effective <= day or rule is rules[0]][-1]


def carry_out_by(asked_at: datetime, days: int) -> datetime:
    """Return the midnight, in Vietnam, that ends the last of so many calendar days after the day of the request."""
    day = asked_at.astimezone(VIETNAM).date() + timedelta(days=days + 1)
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)


class Childhood(StrEnum):
    """Whether a person is a child, as far as the year of birth tells."""

    CHILD = "child"
    PERHAPS = "perhaps"  # the birthday decides
    ADULT = "adult"
    UNKNOWN = "unknown"


def childhood(birth_year: int | None, *, today: date, age: int) -> Childhood:
    """Return whether somebody born in a year is below an age."""
    if birth_year is None:
        return Childhood.UNKNOWN
    years = today.year - birth_year
    return Childhood.CHILD if years < age else Childhood.PERHAPS if years == age else Childhood.ADULT


def due_at(asked_at: datetime, calendar: WorkCalendar, *, working_days: int) -> datetime:
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
