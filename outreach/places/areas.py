"""Tree of areas: queries on it, and loading it from a CSV file such as kontum_units.csv."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from outreach.models.places import Area, AreaLevel, AreaSuccessor
from outreach.rules.declared_tables import read_csv
from outreach.rules.errors import BadInput
from outreach.rules.identity import vietnamese_order

IS_CURRENT = Area.valid_to.is_(None)
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
    """Return the codes of these areas, of all areas within them, and of the units that these became.

    A later unit is included if all the ground that it came from is: nobody's scope grows by a reform.
    """
    within = descendants(session.execute(select(Area.code, Area.parent_code)), codes)
    return with_successors(session, within)


def with_successors(session: Session, codes: set[str]) -> set[str]:
    """Return the codes and those of the units that came from nothing else than them, through all reforms."""
    origins: dict[str, set[str]] = {}
    for old, new in session.execute(select(AreaSuccessor.old_code, AreaSuccessor.new_code)):
        origins.setdefault(new, set()).add(old)
    found = set(codes)
    while later := {code for code, olds in origins.items() if olds <= found} - found:
        found |= later
    return found


def read_successors(session: Session) -> dict[str, list[str]]:
    """Return the successors of each ended unit, the likely one first."""
    successors: dict[str, list[str]] = {}
    for old, new in session.execute(
        select(AreaSuccessor.old_code, AreaSuccessor.new_code).order_by(
            AreaSuccessor.old_code, AreaSuccessor.is_likely.desc(), AreaSuccessor.new_code
        )
    ):
        successors.setdefault(old, []).append(new)
    return successors


def last_units(successors: Mapping[str, Sequence[str]], code: str) -> list[str]:
    """Return the units on whose ground a unit lies after all reforms, the likely one first; itself if it goes on."""
    found = [code]
    while any(each in successors for each in found):
        found = list(dict.fromkeys(new for each in found for new in successors.get(each, (each,))))
    return found


def whole_successors(session: Session, day: date) -> dict[str, str]:
    """Return what became of each unit that had ended by a day and went whole into one other, through all reforms."""
    ended = {*session.scalars(select(Area.code).where(Area.valid_to <= day.isoformat()))}
    successors = {old: new for old, new in read_successors(session).items() if old in ended}
    last = {old: last_units(successors, old) for old in successors}
    return {old: units[0] for old, units in last.items() if len(units) == 1}


def below_province(areas: Mapping[str, Area], code: str | None) -> str | None:
    """Return the area of the level below the province that an area is or lies in. None for a province.

    That level is the district until 30/6/2025, the commune since.
    """
    path = path_upwards(areas, code)
    levels = [areas[each].level for each in path]
    if AreaLevel.DISTRICT in levels:
        return path[levels.index(AreaLevel.DISTRICT)]
    return path[0] if levels[:2] == [AreaLevel.COMMUNE, AreaLevel.PROVINCE] else None


def is_below_province(areas: Mapping[str, Area], area: Area) -> bool:
    """Return whether an area is of the level below the province."""
    return below_province(areas, area.code) == area.code


def name_level(areas: Iterable[Area]) -> str:
    """Return what areas of one level are called together, the most frequent first: "Xã, phường, đặc khu"."""
    kinds = Counter(area.kind.lower() for area in areas)
    return ", ".join(sorted(kinds, key=lambda kind: (-kinds[kind], kind))).capitalize()


def read_districts(session: Session) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return today's communes by what they lie in, a district or since 1/7/2025 the province, for a select field.

    Each is (code, name, communes); a commune is (code, name).
    """
    return group_communes(session.scalars(select(Area).where(IS_CURRENT)))


def group_communes(areas: Iterable[Area]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the communes of one day by what they lie in, as `read_districts` does."""
    areas = sorted(areas, key=lambda area: vietnamese_order(area.name))
    communes: dict[str, list[tuple[str, str]]] = {}
    for area in areas:
        if area.level is AreaLevel.COMMUNE and area.parent_code:
            communes.setdefault(area.parent_code, []).append((area.code, f"{area.kind} {area.name}"))
    return [
        (area.code, f"{area.kind} {area.name}", communes.get(area.code, []))
        for area in areas
        if area.code in communes or area.level is AreaLevel.DISTRICT
    ]


def read_place_names(session: Session, codes: Iterable[str | None]) -> dict[str, str]:
    """Return names with the district, as some are the same: "Xã Đắk Long (Đắk Glei)"."""
    district = aliased(Area)
    query = select(Area, district.name).outerjoin(
        district, and_(district.code == Area.parent_code, district.level == AreaLevel.DISTRICT)
    )
    rows = session.execute(query.where(Area.code.in_({code for code in codes if code})))
    return {area.code: area.full_name + (f" ({parent})" if parent else "") for area, parent in rows}


def read_provinces(session: Session) -> list[tuple[str, str]]:
    """Return (code, name) of each province of today."""
    provinces = session.scalars(
        select(Area).where(Area.level == AreaLevel.PROVINCE, IS_CURRENT).order_by(Area.code)
    )
    return [(area.code, f"{area.kind} {area.name}") for area in provinces]


_LEVELS = ("district", "commune")
COLUMNS = ("province_code", *(f"{level}_{part}" for level in _LEVELS for part in ("code", "name", "kind")))
PROVINCES = {"62": "Kon Tum"}


def read_table(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return these columns of a CSV file. Raises BadInput where one of them or every row is missing."""
    rows = read_csv(file.read_bytes(), columns)
    if not rows:
        raise BadInput("areas_no_rows", name=file.name)
    return [{name: row.text(name) for name in columns} for row in rows]


def load_areas(session: Session, file: Path) -> int:
    """Create or update provinces, districts and communes. Returns the number of communes.

    Raises BadInput, also where a code is that of another unit by now: the units of before come first, then today's.
    """
    rows = read_table(file, COLUMNS)
    codes = {row[f"{level}_code"] for level in ("province", "district", "commune") for row in rows}
    today = session.scalars(select(Area.code).where(Area.code.in_(codes), Area.valid_from.is_not(None)))
    if known := sorted(today):
        raise BadInput("areas_of_today", codes=known[:10])
    for row in rows:
        province = row["province_code"]
        name, level = PROVINCES.get(province, province), AreaLevel.PROVINCE
        session.merge(Area(code=province, name=name, kind="Tỉnh", level=level, parent_code=None))
    for level, parent in ((AreaLevel.DISTRICT, "province"), (AreaLevel.COMMUNE, "district")):
        for row in rows:
            code, name, kind = (row[f"{level.value}_{part}"] for part in ("code", "name", "kind"))
            around = row[f"{parent}_code"]
            session.merge(Area(code=code, name=name, kind=kind, level=level, parent_code=around))
    session.flush()
    return len({row["commune_code"] for row in rows})
