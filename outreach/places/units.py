"""Units of the nation before and after 1/7/2025, and which became which; those of an installation through all reforms; its gazetteer.

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
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from operator import attrgetter
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.models.places import Area, AreaLevel, AreaSuccessor
from outreach.places.areas import below_province, is_below_province, last_units, path_upwards, read_successors
from outreach.rules.errors import BadInput
from outreach.rules.gazetteer import Gazetteer, Unit, UnitsOfDay, spelling_key, split_kind

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
        areas[code] = Area(
            code=code,
            official_code=official,
            name=name,
            kind=kind,
            level=level,
            parent_code=parent,
            valid_to=_SINCE,
        )
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
