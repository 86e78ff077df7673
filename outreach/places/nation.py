"""The nation's communes of before and after 1/7/2025, and which became which. They ship with the program.

`units_2024.csv.xz`: 10,035 communes of three levels, with their successors: one code where the whole unit went there,
several where it was split, with "*" behind the one that most of it or its seat became. `units_2025.csv.xz`: 3,321
communes of two levels. Sources: the statistics office's table as published in the packages vietnam-provinces 2026.9.0 and
vietnamadminunits 1.0.4 (MIT). From the latter alone: the successors of Mỹ Hưng (01651) and Phú Thịnh (02482), and the five
island districts without communes (Bạch Long Vĩ, Cồn Cỏ, Hoàng Sa, Lý Sơn, Côn Đảo), which stand as units of their own.
`unit_points.csv.xz`: approximate centres of both, degrees to three places, from vietnamadminunits 1.0.4 (MIT); against the successors'
centres 99 of 100 are within 19 km, about a dozen are 100 km off.
"""

import csv
import lzma
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from outreach.rules.errors import BadInput
from outreach.rules.gazetteer import Gazetteer, Unit

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
