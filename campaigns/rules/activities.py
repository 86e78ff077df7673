"""Activities beside the messages: one entry of the log, its checks, and totals by kind, area and day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from outreach.rules.errors import BadInput, LoaError
from outreach.rules.formats import read_day, read_whole

LONGEST_DAYS = 31  # of one entry; longer activities are entered month by month
LONGEST_AGO = timedelta(days=366)
MOST_TIMES = 100  # a day
MOST_PEOPLE = 100_000  # at one meeting or on one visiting tour
MOST_PHONES = 10_000_000  # that the operators write to
LONGEST_TEXT = 200


class ActivityKind(StrEnum):
    """Kinds of activities."""

    RADIO = "radio"
    TELEVISION = "television"
    NEWSPAPER = "newspaper"
    PORTAL = "portal"  # a web page, also an organisation's page in a social network
    LOUDSPEAKER = "loudspeaker"
    MEETING = "meeting"
    VISITS = "visits"  # from door to door
    OPERATORS = "operators"  # a message of the operators to every phone in an area


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """One entry of the log: an activity that took place `times` a day on every day from `first` to `last`.

    `people` attended or were visited each time; None means unknown. `who` did it: a station, a newspaper, an officer.
    `place` is within the area: a village, a hall.
    """

    kind: ActivityKind
    first: date
    last: date
    times: int
    people: int | None = None
    who: str = ""
    place: str = ""
    about: str = ""


@dataclass(slots=True)
class ActivityTotals:
    """Totals of activities that overlap a period, of it alone; `people` None if unknown of all."""

    entries: int = 0
    times: int = 0
    people: int | None = None

    def update(self, other: ActivityTotals) -> None:
        """Add the totals of another."""
        self.entries += other.entries
        self.times += other.times
        if other.people is not None:
            self.people = (self.people or 0) + other.people


@dataclass(slots=True)
class Summary:
    """Totals of a period: overall, by kind, by code of the entered area, and by day."""

    total: ActivityTotals = field(default_factory=ActivityTotals)
    kinds: dict[ActivityKind, ActivityTotals] = field(default_factory=dict)
    areas: dict[str, ActivityTotals] = field(default_factory=dict)
    days: dict[date, ActivityTotals] = field(default_factory=dict)


def read_entry(form_values: Mapping[str, str], *, today: date) -> ActivityEntry:
    """Read an entry from the form fields named like its attributes. Raises BadInput with what to do."""
    try:
        kind = ActivityKind(form_values.get("kind", ""))
    except ValueError as error:
        raise BadInput("activity_form_missing") from error
    first = _day(form_values.get("first", "")) or today
    last = _day(form_values.get("last", "")) or first
    if last < first:
        raise BadInput("last_day_before_first")
    if last > today:
        raise BadInput("activity_in_future")
    if first < today - LONGEST_AGO:
        raise BadInput("day_too_far")
    if (last - first).days >= LONGEST_DAYS:
        raise BadInput("activity_days_many", most=LONGEST_DAYS)
    times = _count(form_values.get("times", ""), most=MOST_TIMES, label=LoaError("label_times"))
    most = MOST_PHONES if kind is ActivityKind.OPERATORS else MOST_PEOPLE
    people = _count(form_values.get("people", ""), most=most, label=LoaError("label_people"))
    if times == 0:
        raise BadInput("activity_times_wrong")
    who, place, about = (" ".join(form_values.get(name, "").split()) for name in ("who", "place", "about"))
    if max(len(who), len(place), len(about)) > LONGEST_TEXT:
        raise BadInput("activity_text_long", most=LONGEST_TEXT)
    return ActivityEntry(kind, first, last, 1 if times is None else times, people, who, place, about)


def summarise(entries: Iterable[tuple[ActivityEntry, str]], *, first: date, last: date) -> Summary:
    """Sum up entries, each with its area code, over the days from `first` to `last`, both included."""
    summary = Summary()
    for entry, area in entries:
        begins, ends = max(entry.first, first), min(entry.last, last)
        days = (ends - begins).days + 1
        if days <= 0:
            continue
        a_day = None if entry.people is None else entry.people * entry.times
        whole = ActivityTotals(1, entry.times * days, None if a_day is None else a_day * days)
        summary.total.update(whole)
        summary.kinds.setdefault(entry.kind, ActivityTotals()).update(whole)
        summary.areas.setdefault(area, ActivityTotals()).update(whole)
        for n in range(days):
            of_day = summary.days.setdefault(begins + timedelta(days=n), ActivityTotals())
            of_day.update(ActivityTotals(1, entry.times, a_day))
    return summary


def _day(text: str) -> date | None:
    day = read_day(text)
    if text.strip() and day is None:
        raise BadInput("day_wrong")
    return day


def _count(text: str, *, most: int, label: LoaError) -> int | None:
    try:
        return read_whole(text, most=most)
    except ValueError:
        raise BadInput("activity_number_wrong", label=label, most=most) from None
