"""Goals and denominators as of a moment, and how they are entered in a form or a file.

Goals and denominators are only ever added, never changed: those in force when a figure was computed can always be
found. The functions `read_…` raise BadInput.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from outreach.rules.errors import BadInput, LoaError, or_raise
from outreach.rules.formats import read_day, read_whole


class GoalScope(StrEnum):
    """Groups that a goal can be about."""

    RESIDENTS = "residents"  # of an area, with a smartphone
    STAFF = "staff"  # of one agency, or of all if none is named
    MEMBERS = "members"  # of an organisation and those below it
    AUDIENCE = "audience"  # of one campaign, from its file


class GoalSubject(NamedTuple):
    """Group of people that a goal or a denominator is about, in one drive, by its id."""

    drive: int
    scope: GoalScope
    area: str | None = None
    organisation: int | None = None
    campaign: int | None = None


@dataclass(frozen=True, slots=True)
class Denominator:
    """Number of people of a group `as_of` a day by a `source`; None withdraws that day's figure."""

    value: int | None
    as_of: date
    source: str
    author: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Goal:
    """Goal: a `share` to reach by `deadline`, set by a document (`basis`), with its denominator then."""

    subject: GoalSubject
    share: float
    deadline: date | None
    basis: str
    author: str
    entered_at: datetime
    denominator: Denominator | None = None

    @property
    def target(self) -> int | None:
        """Return the number of people that reaches the share, or None if the denominator is unknown."""
        return people_for(self.share, self.denominator.value if self.denominator else None)


@dataclass(frozen=True, slots=True)
class Goals:
    """Goals and denominators in force at a moment, denominators also of subjects without their own goal."""

    goals: Mapping[GoalSubject, Goal]
    denominators: Mapping[GoalSubject, Denominator]

    def nearest(self, subject: GoalSubject, above: Sequence[str]) -> Goal | None:
        """Return a place's goal or the nearest one above, with the place's own denominator or none."""
        goal = self.goals.get(subject)
        for area in above if goal is None else ():
            if goal := self.goals.get(subject._replace(area=area)):
                break
        return replace(goal, subject=subject, denominator=self.denominators.get(subject)) if goal else None


def people_for(share: float, denominator: int | None) -> int | None:
    """Return how many people make up a share, rounded up; None if the denominator is unknown or 0."""
    return ceil(share * denominator - 1e-9) if denominator else None


def current_denominator(history: Sequence[Denominator]) -> Denominator | None:
    """Return the denominator in force: of the newest known day, its last entry in order of entry."""
    latest = {entry.as_of: entry for entry in history}
    known = [entry for entry in latest.values() if entry.value is not None]
    return max(known, key=lambda entry: entry.as_of, default=None)


MOST = 2**31 - 1
_PERCENT = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?) ?%?")


def read_share(text: str) -> float | None:
    """Read a share from a percentage such as 50, 50% or 62,5. Returns None if empty."""
    text = text.strip()
    if not text:
        return None
    match = _PERCENT.fullmatch(text)
    share = float(match[1].replace(",", ".")) / 100 if match else 0
    if not 0 < share <= 1:
        raise BadInput("goal_share_wrong")
    return round(share, 6)


def read_count(text: str) -> int | None:
    """Read a number of people, 1 or more. Returns None if empty: unknown."""
    try:
        count = read_whole(text, most=MOST)
    except ValueError:
        count = 0
    if count == 0:
        raise BadInput("people_number_wrong")
    return count


def read_deadline(text: str) -> date | None:
    """Read the last day of a goal. Returns None if empty."""
    return _day(text, LoaError("label_deadline")) if text.strip() else None


def read_as_of(text: str, *, today: date) -> date:
    """Read the day of a figure, today at the latest."""
    day = _day(text, LoaError("label_figures_day"))
    if day > today:
        raise BadInput("figures_day_future")
    return day


def _day(text: str, label: LoaError) -> date:
    return or_raise(read_day(text), BadInput("day_form_wrong", label=label))
