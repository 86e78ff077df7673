"""Smallest count of figures about health: where few people live, their number would tell what somebody answered.

For readers who may not see the people. What is folded together is at least FEWEST, so that nothing is had by subtraction. In
the figures of one campaign each group of people is counted by itself that its drive has more or less: no campaign can be
subtracted from its drive either.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

FEWEST = 5
Code = TypeVar("Code", str, int)
Key = TypeVar("Key")
Group = TypeVar("Group")
_NOBODY: Counter[Any] = Counter()


def is_few(people: Counter[Any]) -> bool:
    """Return whether one of the groups of people has fewer than FEWEST."""
    return any(0 < n < FEWEST for n in people.values())


@dataclass(frozen=True, slots=True)
class Small:
    """What is counted under another for a reader: places, as `fold_small` says, and organisations under none.

    `is_all`: nothing is told, as there are few people. `is_each`: nothing of a campaign by itself, as one of its drive has few people, or
    all but few of them.
    """

    areas: Mapping[str, str | None] = field(default_factory=dict)
    organisations: Mapping[int, int | None] = field(default_factory=dict)
    is_all: bool = False
    is_each: bool = False

    def area_of(self, area: str | None) -> str | None:
        """Return the area under which who lives in one is counted; None for no place."""
        return self.areas.get(area, area) if area else None

    def organisation_of(self, organisation: int | None) -> int | None:
        """Return the organisation under which the people of its lists are counted; None for none."""
        return self.organisations.get(organisation, organisation) if organisation else None


def fold_small(
    sizes: Mapping[Code | None, Counter[Any]],
    above: Mapping[Code, Code | None],
    *,
    also: Collection[Code] = (),
) -> dict[Code, Code | None]:
    """Return under which place the people of small communes are counted: their district, or None for no place.

    `sizes` are people by place, in the groups that a figure may be about; `above` has the districts of communes that lie in
    one; `also` are places that other figures fold. Where those of a district are too few together, its next smallest communes are folded as well; where all of it are too
    few, they are counted under no place, and so is who lives in no district. Those of no place, too, are the whole less the
    others: where they are few, places are counted with them.
    """
    people = {code: of_place for code, of_place in sizes.items() if code and of_place.total()}
    few = {code for code in people if is_few(people[code]) or code in also}
    by_size = sorted(people, key=lambda code: (people[code].total(), code))
    by_district: defaultdict[Code | None, list[Code]] = defaultdict(list)
    for code in by_size:
        by_district[above.get(code)].append(code)
    by_district.pop(None, None)
    folded: dict[Code, Code | None] = {}
    for district, codes in by_district.items():
        gathered, is_enough = _gather(codes, few, people)
        if is_enough:
            folded |= dict.fromkeys(gathered, district)
        else:
            few.update(gathered)
    left, of_no_place = [code for code in by_size if code not in folded], sizes.get(None, Counter())
    nowhere, is_enough = _gather(left, few, people, of_no_place)
    return folded | dict.fromkeys(nowhere) if is_enough else dict.fromkeys(by_size)


def _gather(
    by_size: Sequence[Code],
    few: Collection[Code],
    people: Mapping[Code, Counter[Any]],
    others: Counter[Any] = _NOBODY,
) -> tuple[list[Code], bool]:
    """Return the small ones of places, with the next smallest while these and `others` are few together, and whether they are enough."""
    gathered: list[Code] = []
    together = others.copy()
    for code in sorted(by_size, key=lambda code: code not in few):
        if code in few or is_few(together):
            gathered.append(code)
            together += people[code]
    return gathered, not is_few(together)


class Addable(Protocol):
    """Counts to which others can be added, as `Counter.update` does."""

    def update(self, other: Any, /) -> None: ...


Counts = TypeVar("Counts", bound=Addable)


def add_up_by(counts: Mapping[Key, Counts], group_of: Callable[[Key], Group]) -> dict[Group, Counts]:
    """Return the sums of counts by the group of each key."""
    groups: dict[Group, Counts] = {}
    for key, each in counts.items():
        groups.setdefault(group_of(key), type(each)()).update(each)
    return groups
