"""Goals and denominators as of a moment; as typed.

Goals and what they are shares of, as they stood at a moment. Pure.

Goals and denominators are only ever added to: what was in force when a figure was computed can be told at any time.

Goals and denominators as typed into a form or a file. Pure. Everything here raises BadInput.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from outreach.rules.errors import BadInput


class GoalScope(StrEnum):
    """Whose share it is."""

    RESIDENTS = "residents"  # of an area, who have a smartphone
    STAFF = "staff"  # of one agency, or of all of them where none is named
    MEMBERS = "members"  # of an organisation and of those below it
    AUDIENCE = "audience"  # of one campaign, as its file says


class GoalSubject(NamedTuple):
    """Whom a goal or a denominator is about, in campaigns of one kind ("bluezone")."""

    kind: str
    scope: GoalScope
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

    subject: GoalSubject
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

    goals: Mapping[GoalSubject, Goal]
    denominators: Mapping[GoalSubject, Denominator]

    def nearest(self, subject: GoalSubject, above: Sequence[str]) -> Goal | None:
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


MOST = 2**31 - 1
# 120000 or 120.000, as one writes it in Vietnam.
_COUNT = re.compile(r"[0-9]{1,10}|[0-9]{1,3}(?:\.[0-9]{3})+")
_PERCENT = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?) ?%?")


def read_share(typed: str) -> float | None:
    """A share from a percentage such as 50, 50% or 62,5; None where nothing is typed."""
    typed = typed.strip()
    if not typed:
        return None
    found = _PERCENT.fullmatch(typed)
    share = float(found[1].replace(",", ".")) / 100 if found else 0
    if not 0 < share <= 1:
        raise BadInput("Tỷ lệ của mục tiêu là số phần trăm trên 0 và không quá 100, ví dụ 50.")
    return round(share, 6)


def read_count(typed: str) -> int | None:
    """A number of people from 1 up; None where nothing is typed: not known."""
    typed = typed.strip()
    if not typed:
        return None
    count = int(typed.replace(".", "")) if _COUNT.fullmatch(typed) else 0
    if not 1 <= count <= MOST:
        raise BadInput("Số người là số nguyên từ 1 trở lên, ví dụ 120.000. Chưa rõ thì để trống.")
    return count


def read_deadline(typed: str) -> date | None:
    """The last day; None where nothing is typed."""
    return _day(typed, "Hạn") if typed.strip() else None


def read_as_of(typed: str, *, today: date) -> date:
    """The day that a figure is of, today at the latest."""
    day = _day(typed, "Ngày của số liệu")
    if day > today:
        raise BadInput("Ngày của số liệu chưa tới.")
    return day


def _day(typed: str, what: str) -> date:
    typed = typed.strip()
    try:
        if len(typed) == 10:
            return date.fromisoformat(typed)
    except ValueError:
        pass
    raise BadInput(f"{what} phải viết như 2020-08-20.")
