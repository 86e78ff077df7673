"""The tree of areas: loading it from a file, and what lies within an area."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from outreach.places.models import Area, AreaLevel

Key = TypeVar("Key", int, str)


def descendants(rows: Iterable[tuple[Key, Key | None]], roots: Iterable[Key]) -> set[Key]:
    """The roots and everything below them, from (id, parent) pairs. A circle in the data ends the walk."""
    below: dict[Key | None, list[Key]] = {}
    for item, parent in rows:
        below.setdefault(parent, []).append(item)
    found: set[Key] = set()
    waiting = list(roots)
    while waiting:
        item = waiting.pop()
        if item not in found:
            found.add(item)
            waiting += below.get(item, [])
    return found


def areas_within(session: Session, codes: Iterable[str]) -> set[str]:
    """The areas named and all below them."""
    return descendants(session.execute(select(Area.code, Area.parent_code)), codes)


def read_districts(session: Session) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(code, name, communes) of each district, for a choice; a commune is (code, name)."""
    areas = session.execute(
        select(Area.code, Area.kind, Area.name, Area.level, Area.parent_code).order_by(Area.name)
    ).all()
    return [
        (
            each.code,
            f"{each.kind} {each.name}",
            [(area.code, f"{area.kind} {area.name}") for area in areas if area.parent_code == each.code],
        )
        for each in areas
        if each.level is AreaLevel.DISTRICT
    ]


def read_place_names(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """What these communes are called, with the district, as the names of some are alike: "Xã Đắk Long (Đắk Glei)"."""
    district = aliased(Area)
    named = select(Area, district.name).outerjoin(district, district.code == Area.parent_code)
    rows = session.execute(named.where(Area.code.in_({code for code in codes if code})))
    return {area.code: area.full_name + (f" ({above})" if above else "") for area, above in rows}


def read_provinces(session: Session) -> list[tuple[str, str]]:
    """(code, name) of what stands above the districts."""
    above = session.scalars(select(Area).where(Area.level == AreaLevel.PROVINCE).order_by(Area.code))
    return [(area.code, f"{area.kind} {area.name}") for area in above]
