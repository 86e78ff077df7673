"""Counts that were recorded by the units of their time, as the units of another day have them. Pure.

People of a unit that went whole into another are counted there; of a unit that came from one only, in that one. Where ground
was split in between nobody knows who lived on which part: then a place has those who surely live there, and those who may.
Such figures are shown as a range and never shared out by a guess, not even where one part is the main one.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Code = TypeVar("Code", bound=Hashable)
Place = TypeVar("Place", bound=Hashable)


class UnitsOfDay:
    """The units of one day, and where the ground of any other unit lay on that day."""

    def __init__(self, of_day: Collection[str], successors: Iterable[tuple[str, str]]) -> None:
        """Take the day's units; `successors` pairs each ended unit with each that it or a part of it became."""
        self.of_day = frozenset(of_day)
        self._after: dict[str, list[str]] = {}
        self._before: dict[str, list[str]] = {}
        for old, new in successors:
            self._after.setdefault(old, []).append(new)
            self._before.setdefault(new, []).append(old)
        self._found: dict[str, frozenset[str]] = {}

    def ground_of(self, code: str) -> frozenset[str]:
        """Return the day's units on whose ground the people of a unit may live; none where that is not known."""
        if code not in self._found:
            self._found[code] = self._follow(code, self._after) or self._follow(code, self._before)
        return self._found[code]

    def _follow(self, code: str, steps: Mapping[str, list[str]]) -> frozenset[str]:
        """Follow all reforms in one direction, up to the units of the day. Cycles do no harm."""
        found, visited, pending = set[str](), set[str](), [code]
        while pending:
            unit = pending.pop()
            if unit in self.of_day:
                found.add(unit)
            elif unit not in visited:
                visited.add(unit)
                pending += steps.get(unit, ())
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Ground(Generic[Code]):
    """Recorded units whose people live in a place: `sure` all of them, `possible` some, all or none."""

    sure: list[Code]
    possible: list[Code]


def sort_ground(places_of: Mapping[Code, Collection[Place]]) -> dict[Place, Ground[Code]]:
    """Return for each place the units that lie in it, from the places that each unit may lie in."""
    ground: dict[Place, Ground[Code]] = {}
    for code, places in places_of.items():
        for place in places:
            known = ground.setdefault(place, Ground([], []))
            (known.sure if len(places) == 1 else known.possible).append(code)
    return ground


def known_ground(
    known: Collection[Code], places_of: Mapping[Code, Collection[Place]]
) -> dict[Place, Ground[Code]]:
    """Return the ground of each place of which every unit is `known`: a part's figure is no figure of the whole."""
    return {
        place: ground
        for place, ground in sort_ground(places_of).items()
        if all(code in known for code in (*ground.sure, *ground.possible))
    }
