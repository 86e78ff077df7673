"""What an agency says of its staff: whether it can be, what about it is to be asked, and what many of them add up to.
Pure.

An agency's figures are its own: they are never added to what residents report.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from campaigns.goals.goal import people_for

MOST_STAFF = 100_000
_FALL = 0.05  # of what was said before: more is asked about
_CHANGE_OF_STAFF = 0.2


class Problem(StrEnum):
    """Why figures cannot be."""

    NO_STAFF = "no_staff"
    TOO_MANY = "too_many"
    MORE_SMARTPHONES_THAN_STAFF = "more_smartphones_than_staff"
    MORE_INSTALLED_THAN_SMARTPHONES = "more_installed_than_smartphones"
    MORE_INSTALLED_THAN_STAFF = "more_installed_than_staff"


class Doubt(StrEnum):
    """What may be right and is asked about."""

    INSTALLED_FELL = "installed_fell"
    SMARTPHONES_FELL = "smartphones_fell"
    STAFF_CHANGED = "staff_changed"


@dataclass(frozen=True, slots=True)
class Counts:
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
class Total:
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


def find_problem(counts: Counts) -> Problem | None:
    """Why these figures cannot be, if so."""
    staff, smartphones, installed = counts.staff, counts.with_smartphone, counts.installed
    if staff < 1 or min(smartphones or 0, installed or 0) < 0:
        return Problem.NO_STAFF
    if staff > MOST_STAFF:
        return Problem.TOO_MANY
    if smartphones is not None and smartphones > staff:
        return Problem.MORE_SMARTPHONES_THAN_STAFF
    if installed is not None and smartphones is not None and installed > smartphones:
        return Problem.MORE_INSTALLED_THAN_SMARTPHONES
    if installed is not None and installed > staff:
        return Problem.MORE_INSTALLED_THAN_STAFF
    return None


def find_doubts(counts: Counts, before: Counts | None) -> list[Doubt]:
    """What is to be asked, beside what the agency said last."""
    if before is None:
        return []
    doubts = []
    if _fell(counts.installed, before.installed):
        doubts.append(Doubt.INSTALLED_FELL)
    if _fell(counts.with_smartphone, before.with_smartphone):
        doubts.append(Doubt.SMARTPHONES_FELL)
    if abs(counts.staff - before.staff) > max(2, _CHANGE_OF_STAFF * before.staff):
        doubts.append(Doubt.STAFF_CHANGED)
    return doubts


def add_up(each: Iterable[Counts | None]) -> Total:
    """The agencies' total; None stands for one that has handed in nothing."""
    agencies = known = staff = with_smartphone = installed = 0
    for counts in each:
        agencies += 1
        staff += counts.staff if counts else 0
        if counts and counts.with_smartphone is not None and counts.installed is not None:
            known += 1
            with_smartphone += counts.with_smartphone
            installed += counts.installed
    return Total(agencies, known, staff, with_smartphone, installed)


def _fell(now: int | None, before: int | None) -> bool:
    """One or two fewer are people who left; what was known and is not any more is asked about, too."""
    if before is None:
        return False
    if now is None:
        return True
    return before - now > max(2, _FALL * before)
