"""Checks and sums of agencies' figures and rosters.

What an agency says of its staff: whether it can be, what about it is to be asked, and what many of them add up to.
Pure.

An agency's figures are its own: they are never added to what residents report.

What a roster says of one of an agency's people, and what a whole roster adds up to. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from campaigns.rules.goals import people_for
from outreach.rules.identity import name_key
from outreach.rules.list_rows import read_yes_or_no
from outreach.rules.phone_numbers import unaccented

MOST_STAFF = 100_000
_FALL = 0.05  # of what was said before: more is asked about
_CHANGE_OF_STAFF = 0.2


class StaffProblem(StrEnum):
    """Why figures cannot be."""

    NO_STAFF = "no_staff"
    TOO_MANY = "too_many"
    MORE_SMARTPHONES_THAN_STAFF = "more_smartphones_than_staff"
    MORE_INSTALLED_THAN_SMARTPHONES = "more_installed_than_smartphones"
    MORE_INSTALLED_THAN_STAFF = "more_installed_than_staff"


class StaffDoubt(StrEnum):
    """What may be right and is asked about."""

    INSTALLED_FELL = "installed_fell"
    SMARTPHONES_FELL = "smartphones_fell"
    STAFF_CHANGED = "staff_changed"


@dataclass(frozen=True, slots=True)
class StaffCounts:
    """`with_smartphone` and `installed` are None where the agency does not know: never zero."""

    staff: int
    with_smartphone: int | None = None
    installed: int | None = None

    @property
    def share(self) -> float | None:
        """Installed among those with a smartphone; None where either is not known, or nobody has one."""
        if self.installed is None or not self.with_smartphone:
            return None
        return self.installed / self.with_smartphone


@dataclass(frozen=True, slots=True)
class StaffTotal:
    """Over many agencies. `installed` of `with_smartphone` are of the `known` ones that gave both; `unknown` did not."""

    agencies: int
    known: int
    staff: int
    with_smartphone: int
    installed: int

    @property
    def unknown(self) -> int:
        return self.agencies - self.known

    @property
    def share(self) -> float | None:
        return self.installed / self.with_smartphone if self.with_smartphone else None

    def short_of(self, goal: float) -> int:
        """People who are missing for a share of the known ones; 0 once it is reached."""
        return max(0, (people_for(goal, self.with_smartphone) or 0) - self.installed)


def find_problem(counts: StaffCounts) -> StaffProblem | None:
    """Why these figures cannot be, if so."""
    staff, smartphones, installed = counts.staff, counts.with_smartphone, counts.installed
    if staff < 1 or min(smartphones or 0, installed or 0) < 0:
        return StaffProblem.NO_STAFF
    if staff > MOST_STAFF:
        return StaffProblem.TOO_MANY
    if smartphones is not None and smartphones > staff:
        return StaffProblem.MORE_SMARTPHONES_THAN_STAFF
    if installed is not None and smartphones is not None and installed > smartphones:
        return StaffProblem.MORE_INSTALLED_THAN_SMARTPHONES
    if installed is not None and installed > staff:
        return StaffProblem.MORE_INSTALLED_THAN_STAFF
    return None


def find_doubts(counts: StaffCounts, before: StaffCounts | None) -> list[StaffDoubt]:
    """What is to be asked, beside what the agency said last."""
    if before is None:
        return []
    doubts = []
    if _fell(counts.installed, before.installed):
        doubts.append(StaffDoubt.INSTALLED_FELL)
    if _fell(counts.with_smartphone, before.with_smartphone):
        doubts.append(StaffDoubt.SMARTPHONES_FELL)
    if abs(counts.staff - before.staff) > max(2, _CHANGE_OF_STAFF * before.staff):
        doubts.append(StaffDoubt.STAFF_CHANGED)
    return doubts


def add_up(each: Iterable[StaffCounts | None]) -> StaffTotal:
    """The agencies' total; None stands for one that has handed in nothing."""
    agencies = known = staff = with_smartphone = installed = 0
    for counts in each:
        agencies += 1
        staff += counts.staff if counts else 0
        if counts and counts.with_smartphone is not None and counts.installed is not None:
            known += 1
            with_smartphone += counts.with_smartphone
            installed += counts.installed
    return StaffTotal(agencies, known, staff, with_smartphone, installed)


def _fell(now: int | None, before: int | None) -> bool:
    """One or two fewer are people who left; what was known and is not any more is asked about, too."""
    if before is None:
        return False
    if now is None:
        return True
    return before - now > max(2, _FALL * before)


# The first heading that fits, not that of a telephone: "Đã cài Bluezone", "Cài đặt ứng dụng", "Đã tiêm".
_HEADING = re.compile(
    r"^da (?:cai|tiem|lam|thuc hien|hoan thanh)\b|\bcai (?:dat|bluezone|app|ung dung)\b|^(?:cai|bluezone)$"
)
_YES = re.compile(r"da|da cai\b.*|cai (?:roi|xong)\b.*|xong|da tiem\b.*|hoan thanh|da hoan thanh|da xong")
_NO = {"-", "–"}


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """One row: `numbers` are E.164, none where the roster gives none that can be. `has_smartphone` is None where it
    has no such column.
    """

    name: str
    numbers: tuple[str, ...]
    has_smartphone: bool | None
    has_done: bool


def find_heading(labels: Sequence[str], taken: Iterable[int]) -> int | None:
    """The column in which who has done what is asked is marked; None where no heading says so."""
    others = set(range(len(labels))) - set(taken)
    return next((at for at in sorted(others) if _HEADING.search(unaccented(labels[at]))), None)


def read_mark(text: str) -> bool | None:
    """A cell of that column: marked or not, where empty is not; None where it says neither."""
    if not text or text in _NO:
        return False
    said = read_yes_or_no(text)
    return True if said is None and _YES.fullmatch(unaccented(text)) else said


def count(people: Iterable[RosterPerson]) -> StaffCounts:
    """The figures of a roster. Who is listed twice, by name and number, counts once; whoever has the app has a
    smartphone.
    """
    seen: dict[tuple[str, str], tuple[bool | None, bool]] = {}
    staff = smartphones = done = 0
    is_said = False
    for person in people:
        key = (name_key(person.name), person.numbers[0]) if person.numbers else ("", str(staff))
        earlier = seen.get(key)
        has_done = person.has_done or bool(earlier and earlier[1])
        has_smartphone = person.has_smartphone or has_done or bool(earlier and earlier[0])
        is_said = is_said or person.has_smartphone is not None
        staff += earlier is None
        smartphones += has_smartphone - bool(earlier and earlier[0])
        done += has_done - bool(earlier and earlier[1])
        seen[key] = has_smartphone, has_done
    return StaffCounts(staff, smartphones if is_said else None, done)


def by_number(people: Iterable[RosterPerson]) -> dict[str, bool]:
    """Each number of a roster: whether anyone of those who share it has done what is asked."""
    said: dict[str, bool] = {}
    for person in people:
        for number in person.numbers:
            said[number] = said.get(number, False) or person.has_done
    return said
