"""Tree of areas: queries on it, and loading it from a CSV file such as kontum_units.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput

Key = TypeVar("Key", int, str)


def descendants(rows: Iterable[tuple[Key, Key | None]], roots: Iterable[Key]) -> set[Key]:
    """Return the roots and all their descendants, from (id, parent) pairs. Cycles do no harm."""
    children: dict[Key | None, list[Key]] = {}
    for item, parent in rows:
        children.setdefault(parent, []).append(item)
    visited: set[Key] = set()
    pending = list(roots)
    while pending:
        item = pending.pop()
        if item not in visited:
            visited.add(item)
            pending += children.get(item, [])
    return visited


def path_upwards(areas: Mapping[str, Area], code: str | None) -> list[str]:
    """Return the code and those of the areas around it, nearest first. Cycles do no harm."""
    path: list[str] = []
    while code and code in areas and code not in path:
        path.append(code)
        code = areas[code].parent_code
    return path


def areas_within(session: Session, codes: Iterable[str]) -> set[str]:
    """Return the codes of these areas and of all areas within them."""
    return descendants(session.execute(select(Area.code, Area.parent_code)), codes)


def read_districts(session: Session) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return (code, name, communes) of each district, for a select field; a commune is (code, name)."""
    areas = session.execute(
        select(Area.code, Area.kind, Area.name, Area.level, Area.parent_code).order_by(Area.name)
    ).all()
    return [
        (
            district.code,
            f"{district.kind} {district.name}",
            [(area.code, f"{area.kind} {area.name}") for area in areas if area.parent_code == district.code],
        )
        for district in areas
        if district.level is AreaLevel.DISTRICT
    ]


def read_place_names(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """Return names with the district, as some are the same: "Xã Đắk Long (Đắk Glei)"."""
    district = aliased(Area)
    query = select(Area, district.name).outerjoin(district, district.code == Area.parent_code)
    rows = session.execute(query.where(Area.code.in_({code for code in codes if code})))
    return {area.code: area.full_name + (f" ({parent})" if parent else "") for area, parent in rows}


def read_provinces(session: Session) -> list[tuple[str, str]]:
    """Return (code, name) of each province."""
    provinces = session.scalars(select(Area).where(Area.level == AreaLevel.PROVINCE).order_by(Area.code))
    return [(area.code, f"{area.kind} {area.name}") for area in provinces]


COLUMNS = (
    "province_code",
    "district_code",
    "district_name",
    "district_kind",
    "commune_code",
    "commune_name",
    "commune_kind",
)
PROVINCES = {"62": "Kon Tum"}


def load_areas(session: Session, file: Path) -> int:
    """Create or update provinces, districts and communes. Returns the number of communes. Raises BadInput."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            rows = [] if missing else list(reader)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise BadInput("areas_unreadable", name=file.name) from error
    if missing:
        raise BadInput("areas_columns_missing", name=file.name, columns=missing)
    if not rows:
        raise BadInput("areas_no_rows", name=file.name)
    for row in rows:
        province = row["province_code"]
        _store_area(session, province, PROVINCES.get(province, province), "Tỉnh", AreaLevel.PROVINCE, None)
    for row in rows:
        _store_area(
            session,
            row["district_code"],
            row["district_name"],
            row["district_kind"],
            AreaLevel.DISTRICT,
            row["province_code"],
        )
    for row in rows:
        _store_area(
            session,
            row["commune_code"],
            row["commune_name"],
            row["commune_kind"],
            AreaLevel.COMMUNE,
            row["district_code"],
        )
    session.flush()
    return len({row["commune_code"] for row in rows})


def _store_area(
    session: Session, code: str, name: str, kind: str, level: AreaLevel, parent_code: str | None
) -> None:
    area = session.get(Area, code)
    if area is None:
        session.add(Area(code=code, name=name, kind=kind, level=level, parent_code=parent_code))
        session.flush()
    else:
        area.name, area.kind, area.level, area.parent_code = name, kind, level, parent_code
