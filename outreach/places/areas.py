"""Areas: the tree of those in the table, queries on it, and loading it; units of all days and a gazetteer of them.

Areas are loaded from a CSV file such as kontum_units.csv, or from the nation's files. A unit that ended stays with its last day, as
figures, reports and recipients of its time name it. A code that is used again is another unit with a key of its own
("23284-2025").

The nation's communes ship with the program.

`units_2024.csv.xz`: 10,035 communes of three levels, with their successors: one code where the whole unit went there,
several where it was split, with "*" behind the one that most of it or its seat became. `units_2025.csv.xz`: 3,321
communes of two levels. Sources: the statistics office's table as published in the packages vietnam-provinces 2026.9.0 and
vietnamadminunits 1.0.4 (MIT). From the latter alone: the successors of Mỹ Hưng (01651) and Phú Thịnh (02482), and the five
island districts without communes (Bạch Long Vĩ, Cồn Cỏ, Hoàng Sa, Lý Sơn, Côn Đảo), which stand as units of their own.
`unit_points.csv.xz`: approximate centres of both, degrees to three places, from vietnamadminunits 1.0.4 (MIT); against the successors'
centres 99 of 100 are within 19 km, about a dozen are 100 km off.
"""

from __future__ import annotations

import csv
import lzma
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session, aliased

from outreach.models.accounts import Area, AreaLevel, AreaSuccessor
from outreach.rules.declared_tables import first_lines, read_csv
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.gazetteer import Gazetteer, Unit, UnitsOfDay, spelling_key, split_kind
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
    order = (AreaSuccessor.old_code, AreaSuccessor.is_likely.desc(), AreaSuccessor.new_code)
    for old, new in session.execute(select(AreaSuccessor.old_code, AreaSuccessor.new_code).order_by(*order)):
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
    provinces = select(Area).where(Area.level == AreaLevel.PROVINCE, IS_CURRENT).order_by(Area.code)
    return [(area.code, f"{area.kind} {area.name}") for area in session.scalars(provinces)]


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


TWO_LEVELS_SINCE = date(2025, 7, 1)
# The whole commune became a town in 2019.
RENAMED = (("Đắk Long", "Kon Plông", "Măng Đen"),)


@dataclass(frozen=True, slots=True)
class NationUnit:
    """Commune of the nation; names carry their kind. `successors` are codes, the likely one of a split unit first."""

    code: str
    name: str
    province_code: str
    province: str
    district_code: str = ""
    district: str = ""
    successors: tuple[str, ...] = ()
    has_likely: bool = False


@lru_cache(maxsize=1)
def former_units() -> dict[str, NationUnit]:
    """Return the units until 30/6/2025 by code."""
    return {
        row["code"]: NationUnit(
            row["code"],
            row["name"],
            row["province_code"],
            row["province_name"],
            row["district_code"],
            row["district_name"],
            tuple(row["successors"].replace("*", "").split("/")),
            "*" in row["successors"],
        )
        for row in _read("units_2024.csv.xz")
    }


@lru_cache(maxsize=1)
def former_by_successor() -> dict[str, list[NationUnit]]:
    """Return the units until 30/6/2025 by the code of each unit that they or a part of them became."""
    found: dict[str, list[NationUnit]] = {}
    for unit in former_units().values():
        for code in unit.successors:
            found.setdefault(code, []).append(unit)
    return found


@lru_cache(maxsize=1)
def units_of_today() -> dict[str, NationUnit]:
    """Return the units since 1/7/2025 by code."""
    return {
        row["code"]: NationUnit(row["code"], row["name"], row["province_code"], row["province_name"])
        for row in _read("units_2025.csv.xz")
    }


@lru_cache(maxsize=2)
def _points(year: str) -> dict[str, tuple[float, float]]:
    """Return longitude and latitude of the communes of 2024 or 2025, and of 2024's districts as the mean of their communes."""
    found = {
        row["code"]: (float(row["longitude"]), float(row["latitude"]))
        for row in _read("unit_points.csv.xz")
        if row["units_of"] == year
    }
    districts: dict[str, list[tuple[float, float]]] = {}
    for unit in former_units().values() if year == "2024" else ():
        if unit.district_code and unit.code in found:
            districts.setdefault(unit.district_code, []).append(found[unit.code])
    means = {
        code: (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
        for code, points in districts.items()
    }
    return means | found


def points_of(codes: Collection[str]) -> dict[str, tuple[float, float]]:
    """Return the approximate centres of communes and districts by code, as longitude and latitude.

    A code may have been another commune's ground before: the units are those of the year that knows more of these codes.
    """
    today, before = _points("2025"), _points("2024")
    return max(today, before, key=lambda points: sum(code in points for code in codes))


def province_names(on: date) -> dict[str, str]:
    """Return the names of that day's provinces by code."""
    units = units_of_today() if on >= TWO_LEVELS_SINCE else former_units()
    return {unit.province_code: unit.province for unit in units.values()}


@lru_cache(maxsize=1)
def all_province_names() -> frozenset[str]:
    """Return the names of all provinces, of before and after."""
    return frozenset((*province_names(date.min).values(), *province_names(TWO_LEVELS_SINCE).values()))


@lru_cache(maxsize=40)  # all provinces of today
def gazetteer_of(provinces: frozenset[str], on: date) -> Gazetteer:
    """Return the gazetteer of `units_of`, kept for the next call. Raises BadInput for an unknown code."""
    day = TWO_LEVELS_SINCE if on >= TWO_LEVELS_SINCE else date.min
    return Gazetteer(units_of(provinces, day), provinces=all_province_names(), renamed=RENAMED)


def units_of(provinces: frozenset[str], on: date) -> list[Unit]:
    """Return a day's units in these provinces, and those that became them; of the whole nation if none is given.

    A province may be one of that day or, for a day since 1/7/2025, one that ended: then it is what became of it. Raises
    BadInput for an unknown code.
    """
    ended = provinces - province_names(on).keys()
    if unknown := ended if on < TWO_LEVELS_SINCE else ended - province_names(date.min).keys():
        raise BadInput("province_unknown", codes=sorted(unknown))
    if on < TWO_LEVELS_SINCE:
        former = former_units().values()
        chosen = (unit for unit in former if not provinces or unit.province_code in provinces)
        return [Unit(unit.name, (unit.code,), (unit.district,), (unit.province,)) for unit in chosen]
    return [*_current_of(provinces, ended), *_former_of(provinces, ended)]


def _current_of(provinces: frozenset[str], ended: frozenset[str]) -> Iterator[Unit]:
    """Yield today's units in these provinces, each with the names of districts and provinces that it had."""
    for unit in units_of_today().values():
        before = former_by_successor().get(unit.code, ())
        is_of_ended = any(old.province_code in ended for old in before)
        if not provinces or unit.province_code in provinces or is_of_ended:
            districts = tuple(sorted({old.district for old in before}))
            names = (*sorted({old.province for old in before}), unit.province)
            yield Unit(unit.name, (unit.code,), districts, names)


def _former_of(provinces: frozenset[str], ended: frozenset[str]) -> Iterator[Unit]:
    """Yield the units of before that lay in a province that ended, or became units of these provinces."""
    today = units_of_today()
    for unit in former_units().values():
        then = {today[code].province_code for code in unit.successors}
        if not provinces or unit.province_code in ended or then & provinces:
            names = (unit.province, today[unit.successors[0]].province)
            likely = unit.successors[0] if unit.has_likely else None
            yield Unit(unit.name, unit.successors, (unit.district,), names, is_former=True, likely=likely)


def _read(name: str) -> Iterator[dict[str, str]]:
    with lzma.open(Path(__file__).with_name(name), "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


_SINCE = TWO_LEVELS_SINCE.isoformat()


@dataclass(frozen=True)
class UnitHistory:
    """Units by code, of any day, and which became which. A former unit that is not in the table has a code of its own."""

    areas: Mapping[str, Area]
    own: frozenset[str]  # those of the table
    successors: tuple[tuple[str, str], ...]

    @cached_property
    def days(self) -> list[date]:
        """The last day before the first reform and the first day of each; none where there was no reform."""
        firsts = sorted({area.valid_to for area in self.areas.values() if area.valid_to})
        days = [date.fromisoformat(first) for first in firsts]
        return [days[0] - timedelta(days=1), *days] if days else []

    def day_of_units(self, day: date) -> date:
        """Return the one of `days` whose units are those of a day; the day itself where there was no reform."""
        return max((each for each in self.days if each <= day), default=self.days[0] if self.days else day)

    def day_of(self, code: str) -> date:
        """Return a day of a unit: its last one, or the newest of `days` if it has not ended."""
        ends = self.areas[code].valid_to if code in self.areas else None
        newest = self.days[-1] if self.days else date.max
        return date.fromisoformat(ends) - timedelta(days=1) if ends else newest

    def on(self, day: date) -> UnitsOfOneDay:
        """Return the units of a day."""
        return UnitsOfOneDay(self, day)


class UnitsOfOneDay:
    """Communes and what lies above them on a day, and the places of that day in which any recorded unit lies."""

    def __init__(self, history: UnitHistory, day: date) -> None:
        self.areas, self.day = history.areas, day
        self.of_day = [area for area in self.areas.values() if area.is_valid_on(day.isoformat())]
        communes = [area.code for area in self.of_day if area.level is AreaLevel.COMMUNE]
        self._units = UnitsOfDay(communes, history.successors)
        self._children: dict[str, list[str]] = {}
        for area in self.areas.values():
            self._children.setdefault(area.parent_code or "", []).append(area.code)

    @property
    def below_province(self) -> list[Area]:
        """Return the areas of the day directly below a province."""
        return [area for area in self.of_day if is_below_province(self.areas, area)]

    def communes_of(self, code: str) -> frozenset[str]:
        """Return the day's communes on whose ground a unit of any day and level lies; none where that is not known."""
        ground = self._units.ground_of(code)
        if not ground and (within := self._children.get(code)):
            return frozenset().union(*(self.communes_of(each) for each in within))
        return ground

    def places_of(self, code: str | None) -> frozenset[str | None]:
        """Return the day's places below the province in which a unit lies; the unit itself where that is not known."""
        if code is None:
            return frozenset((None,))
        found = {below_province(self.areas, each) for each in self.communes_of(code)} - {None}
        return frozenset(found) or frozenset((below_province(self.areas, code) or code,))

    def units_on(self, code: str) -> tuple[set[str], set[str]]:
        """Return the units of any day that lie on the ground of a place of this day: wholly, and perhaps in part."""
        ground = self.communes_of(code)
        found = {each: self.communes_of(each) for each in self.areas}
        return (
            {each for each, communes in found.items() if communes and communes <= ground} | {code},
            {each for each, communes in found.items() if communes & ground and not communes <= ground},
        )


def read_unit_history(session: Session) -> UnitHistory:
    """Return the units of all days."""
    areas = {area.code: area for area in session.scalars(select(Area).order_by(Area.code))}
    own = frozenset(areas)
    pairs = select(AreaSuccessor.old_code, AreaSuccessor.new_code)
    successors: list[tuple[str, str]] = [*session.execute(pairs)]
    today = {area.official_code: area.code for area in areas.values() if area.valid_from == _SINCE}
    known = {area.official_code for area in areas.values() if area.valid_from is None}
    # By those of today: the nation's ten thousand are not looked through at each page.
    former = {unit.code: unit for code in today for unit in former_by_successor().get(code, ())}
    for unit in (former[code] for code in sorted(former.keys() - known)):
        became = [today[code] for code in unit.successors if code in today]
        province = _former(areas, unit.province_code, unit.province, AreaLevel.PROVINCE, None, known)
        district = province
        if unit.district:
            district = _former(areas, unit.district_code, unit.district, AreaLevel.DISTRICT, province, known)
        # An island district without communes has the code of its district.
        name = unit.code if unit.code != unit.district_code else f"{unit.code}-0"
        commune = _former(areas, name, unit.name, AreaLevel.COMMUNE, district, known)
        successors += [(commune, new) for new in became]
    return UnitHistory(areas, own, tuple(successors))


def _former(
    areas: dict[str, Area],
    official: str,
    full_name: str,
    level: AreaLevel,
    parent: str | None,
    known: set[str],
) -> str:
    """Add a unit that ended with the reform of 2025 to the areas, for reading only. Returns its code."""
    if official in known:
        return official
    code = f"{official}-2024"
    if code not in areas:
        kind, name = split_kind(full_name)
        area = Area(code=code, official_code=official, name=name, kind=kind, level=level, parent_code=parent)
        area.valid_to, areas[code] = _SINCE, area
    return code


def _units_of_table(areas: Mapping[str, Area], named: Collection[tuple[str, str]]) -> Iterator[Unit]:
    """Yield the communes of the table that are not named like this by the nation's files."""
    for area in areas.values():
        if area.level is AreaLevel.COMMUNE and (area.code, spelling_key(area.full_name)) not in named:
            around = [areas[code] for code in path_upwards(areas, area.parent_code)]
            districts = tuple(each.full_name for each in around if each.level is AreaLevel.DISTRICT)
            above = tuple(each.full_name for each in around if each.level is AreaLevel.PROVINCE)
            yield Unit(area.full_name, (area.code,), districts, above)


def installation_gazetteer(session: Session) -> Gazetteer:
    """Return the gazetteer of the communes in the table of areas.

    Of provinces that the nation's files have it knows the former units, too, and what became of the files' own by later
    reforms. A commune that the files do not have, or not by this name, is recognised by its name in the table.
    """
    table = session.scalars(select(Area)).all()
    areas = {area.code: area for area in table if area.valid_to is None}
    has_districts = any(area.level is AreaLevel.DISTRICT for area in areas.values())
    day, begun = (date.min, None) if has_districts else (TWO_LEVELS_SINCE, TWO_LEVELS_SINCE.isoformat())
    of_files = {area.official_code: area for area in table if area.valid_from == begun}
    successors = read_successors(session)
    keys = {area.official_code: [area.code] for area in areas.values()}
    keys |= {official: last_units(successors, area.code) for official, area in of_files.items()}

    def as_now(unit: Unit) -> Unit:
        codes = dict.fromkeys(key for code in unit.codes for key in keys.get(code, ()) if key in areas)
        has_ended = unit.codes[0] in of_files and of_files[unit.codes[0]].valid_to is not None
        likely = keys[unit.likely][0] if unit.likely in keys else None
        return replace(unit, codes=tuple(codes), is_former=unit.is_former or has_ended, likely=likely)

    provinces = {area.official_code for area in areas.values() if area.level is AreaLevel.PROVINCE}
    known = frozenset(provinces & province_names(day).keys())
    units = list(filter(attrgetter("codes"), map(as_now, units_of(known, day) if known else ())))
    named = {(unit.codes[0], spelling_key(unit.name)) for unit in units if not unit.is_former}
    units += _units_of_table(areas, named)
    return Gazetteer(units, provinces=all_province_names(), renamed=RENAMED)


_CODE = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class LoadedUnits:
    """What loading changed: communes of today in the provinces, and units of before that ended with it."""

    communes: int
    ended: int


def load_provinces(session: Session, provinces: Collection[str]) -> LoadedUnits:
    """Create or update today's units of these provinces; end the units in the table that became them.

    Nobody is moved. Raises BadInput for an unknown code.
    """
    names = province_names(TWO_LEVELS_SINCE)
    if unknown := sorted({*provinces} - names.keys()):
        known = [f"{code} {name}" for code, name in sorted(names.items())]
        raise BadInput("setup_province_unknown", code=unknown[0], provinces=known)
    areas = {area.code: area for area in session.scalars(select(Area))}
    keys = {area.official_code: area.code for area in areas.values() if area.valid_from == _SINCE}
    tops = {}
    for code in provinces:
        tops[code] = _store(session, areas, keys, code, names[code], AreaLevel.PROVINCE, None)
    chosen = [unit for unit in units_of_today().values() if unit.province_code in tops]
    # Provinces have two digits and communes five: no code of one is the other's.
    for unit in chosen:
        _store(session, areas, keys, unit.code, unit.name, AreaLevel.COMMUNE, tops[unit.province_code])
    session.flush()
    return LoadedUnits(len(chosen), _end(session, areas, keys))


CHANGE_COLUMNS = ("old_code", "new_code", "new_name", "main")


def change_units(session: Session, file: Path, day: date) -> LoadedUnits:
    """Apply a later reform: each line says that an old unit went to a new one, wholly if it has one line.

    Codes are official ones, `new_name` carries its kind, `main` is x where most of a split unit went. A rename is a line with
    the same code twice. Nobody is moved. Raises BadInput with every line that is wrong.
    """
    lines = read_table(file, CHANGE_COLUMNS)
    areas = {area.code: area for area in session.scalars(select(Area))}
    current = {area.official_code: area for area in areas.values() if area.valid_to is None}
    since, keys = day.isoformat(), dict[str, str]()
    _check_changes(lines, current, since)
    for line in lines:
        official, parent = line["new_code"], current[line["old_code"]].parent_code
        if official not in keys:
            kind, name = split_kind(line["new_name"])
            key = keys[official] = _free_key(areas, official, since)
            new = Area(code=key, official_code=official, name=name, kind=kind, level=AreaLevel.COMMUNE)
            new.parent_code, new.valid_from, areas[key] = parent, since, new
            session.add(new)
    session.flush()
    olds: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        olds.setdefault(line["old_code"], []).append(line)
    for code, successors in olds.items():
        current[code].valid_to = since
        for line in successors:
            is_likely, key = (
                len(successors) == 1 or line["main"].strip().lower() == "x",
                keys[line["new_code"]],
            )
            session.add(AreaSuccessor(old_code=current[code].code, new_code=key, is_likely=is_likely))
    session.flush()
    return LoadedUnits(len(keys), len(olds))


def _check_changes(lines: Sequence[Mapping[str, str]], current: Mapping[str, Area], since: str) -> None:
    """Raise BadInput with every line that is wrong."""
    wrong: list[tuple[int, LoaError]] = []
    names = {line["new_code"]: line["new_name"] for line in lines}
    ending, seen = {line["old_code"] for line in lines}, set[tuple[str, str]]()
    for number, line in enumerate(lines, 2):
        old, new, name = current.get(line["old_code"]), line["new_code"], line["new_name"]
        if old is None or old.level is not AreaLevel.COMMUNE:
            wrong.append((number, LoaError("areas_change_old_unknown", code=line["old_code"])))
        elif not _CODE.fullmatch(new) or not split_kind(name)[1]:
            wrong.append((number, LoaError("areas_change_new_wrong")))
        elif names[new] != name:
            wrong.append((number, LoaError("areas_change_names_differ")))
        elif new in current and new not in ending:
            wrong.append((number, LoaError("areas_change_new_goes_on", code=new)))
        elif (old.valid_from or "") >= since or (old.code, new) in seen:
            wrong.append((number, LoaError("areas_change_twice")))
        else:
            seen.add((old.code, new))
    if wrong:
        raise BadInput("lines_wrong", lines=first_lines(wrong))


def _free_key(areas: Mapping[str, Area], official: str, since: str) -> str:
    """Return a key that no other unit has: the code, or with the year, or with the year's second reform and so on."""
    numbered = (f"{official}-{since[2:4]}{letter}" for letter in "bcdefghijklm")
    return next(key for key in (official, f"{official}-{since[:4]}", *numbered) if key not in areas)


def _store(
    session: Session,
    areas: dict[str, Area],
    keys: dict[str, str],
    official: str,
    full_name: str,
    level: AreaLevel,
    parent: str | None,
) -> str:
    """Create or update a unit. Returns its key."""
    kind, name = split_kind(full_name)
    key = keys.get(official) or (official if official not in areas else f"{official}-{_SINCE[:4]}")
    area = areas.get(key)
    if area is None:
        area = areas[key] = Area(code=key, official_code=official, level=level, valid_from=_SINCE)
        session.add(area)
    area.name, area.kind, area.parent_code = name, kind, parent
    keys[official] = key
    if level is AreaLevel.PROVINCE:
        session.flush()  # its communes refer to it
    return key


def _end(session: Session, areas: dict[str, Area], keys: dict[str, str]) -> int:
    """End the units of before that became units of today in the table, and what lies in none that goes on."""
    former = former_units()
    ended = 0
    for area in areas.values():
        unit = former.get(area.official_code)
        is_open = area.valid_from is None and area.valid_to is None and area.level is not AreaLevel.PROVINCE
        if not is_open or unit is None or not all(code in keys for code in unit.successors):
            continue
        area.valid_to = _SINCE
        ended += 1
        session.execute(delete(AreaSuccessor).where(AreaSuccessor.old_code == area.code))
        likely = unit.successors[0] if unit.has_likely or len(unit.successors) == 1 else None
        for code in unit.successors:
            session.add(AreaSuccessor(old_code=area.code, new_code=keys[code], is_likely=code == likely))
    for level in (AreaLevel.DISTRICT, AreaLevel.PROVINCE):
        ended += _end_parents(areas, level)
    session.flush()
    return ended


def _end_parents(areas: Mapping[str, Area], level: AreaLevel) -> int:
    """End the units of a level in which nothing goes on. Returns how many."""
    going_on = {area.parent_code for area in areas.values() if area.valid_to is None}
    parents = {area.parent_code for area in areas.values()}
    empty = [area for area in areas.values() if area.level is level and area.code in parents - going_on]
    ended = [area for area in empty if not (area.valid_from or area.valid_to)]
    for area in ended:
        area.valid_to = _SINCE
    return len(ended)
