"""Smallest count of figures about health: where few people live, their number would tell what somebody answered.

For readers who may not see the people. What is folded together is at least FEWEST, so that nothing is had by subtraction.
"""

from __future__ import annotations

from collections.abc import Mapping

FEWEST = 5


def counted_under(area: str | None, folded: Mapping[str, str | None]) -> str | None:
    """Return the place under which who lives in an area is counted, as `fold_small` says; None for no place."""
    return folded.get(area, area) if area else None


def fold_small(sizes: Mapping[str | None, int], above: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return under which place the people of small communes are counted: their district, or None for no place.

    `sizes` are people by place, `above` has the districts of communes that lie in one. Where those of a district are too few
    together, its next smallest communes are folded as well; where all of it are too few, they are counted under no place, and
    so is who lives in no district.
    """
    by_size = sorted(
        (code for code, size in sizes.items() if code and size), key=lambda code: (sizes[code], code)
    )
    folded: dict[str, str | None] = {}
    together: dict[str, int] = {}
    for code in by_size:
        district = above.get(code)
        if district is not None and (sizes[code] < FEWEST or 0 < together.get(district, 0) < FEWEST):
            folded[code] = district
            together[district] = together.get(district, 0) + sizes[code]
    for code, district in folded.items():
        if together[district or ""] < FEWEST:
            folded[code] = None
    nowhere = sum(sizes[code] for code, to in folded.items() if to is None)
    for code in by_size:
        if code not in folded and (sizes[code] < FEWEST or 0 < nowhere < FEWEST):
            folded[code] = None
            nowhere += sizes[code]
    return folded
