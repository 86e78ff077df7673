"""Goals and what they are shares of, as they stood at a moment. Pure.

Goals and denominators are only ever added to: what was in force when a figure was computed can be told at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from math import ceil
from typing import NamedTuple


class Scope(StrEnum):
    """Whose share it is."""

    RESIDENTS = "residents"  # of an area, who have a smartphone
    STAFF = "staff"  # of one agency, or of all of them where none is named
    MEMBERS = "members"  # of an organisation and of those below it
    AUDIENCE = "audience"  # of one campaign, as its file says


class Subject(NamedTuple):
    """Whom a goal or a denominator is about, in campaigns of one kind ("bluezone")."""

    kind: str
    scope: Scope
    area: str | None = None
    organisation: int | None = None
    campaign: int | None = None


@dataclass(frozen=True, slots=True)
class Denominator:
    """How many people a share is of, on `as_of`, as `source` says. None takes back what was said of that day."""

    value: int | None
    as_of: date
    source: str
    author: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Goal:
    """A `share` from 0 to 1 by the end of `deadline`; `basis` is the paper that asks for it.

    `denominator` is the one in force at the same moment, None where it is not known.
    """

    subject: Subject
    share: float
    deadline: date | None
    basis: str
    author: str
    entered_at: datetime
    denominator: Denominator | None = None

    @property
    def target(self) -> int | None:
        """People with whom the share is reached; None where nobody knows of how many."""
        return people_for(self.share, self.denominator.value if self.denominator else None)


@dataclass(frozen=True, slots=True)
class Goals:
    """All that stood at a moment. `denominators` are also of those who have no goal of their own."""

    goals: Mapping[Subject, Goal]
    denominators: Mapping[Subject, Denominator]

    def nearest(self, subject: Subject, above: Sequence[str]) -> Goal | None:
        """The goal that a place is measured by: its own, or that of the nearest area of `above`, nearest first.

        With the place's own denominator, or none: half of a district is not half of its province.
        """
        found = self.goals.get(subject)
        for area in above if found is None else ():
            if found := self.goals.get(subject._replace(area=area)):
                break
        return replace(found, subject=subject, denominator=self.denominators.get(subject)) if found else None


def people_for(share: float, denominator: int | None) -> int | None:
    """How many people make up a share: rounded up, for a person less is less than the share."""
    return ceil(share * denominator - 1e-9) if denominator else None


def standing_denominator(history: Sequence[Denominator]) -> Denominator | None:
    """Of what was entered, in that order: of each day the last word, and of those the newest day that is known."""
    last_word = {each.as_of: each for each in history}
    known = [each for each in last_word.values() if each.value is not None]
    return max(known, key=lambda each: each.as_of, default=None)
