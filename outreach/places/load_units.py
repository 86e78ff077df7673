"""Today's units of a province in the table of areas, beside those that ended, and what became of these; later reforms.

A unit that ended stays with its last day, as figures, reports and recipients of its time name it. A code that is used again
is another unit with a key of its own ("23284-2025").
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from outreach.models.places import Area, AreaLevel, AreaSuccessor
from outreach.places.areas import read_table
from outreach.places.units import TWO_LEVELS_SINCE, former_units, province_names, units_of_today
from outreach.rules.declared_tables import first_lines
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.gazetteer import split_kind

_SINCE = TWO_LEVELS_SINCE.isoformat()
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
        official = line["new_code"]
        if official not in keys:
            kind, name = split_kind(line["new_name"])
            keys[official] = _free_key(areas, official, since)
            areas[keys[official]] = Area(
                code=keys[official],
                official_code=official,
                name=name,
                kind=kind,
                level=AreaLevel.COMMUNE,
                parent_code=current[line["old_code"]].parent_code,
                valid_from=since,
            )
            session.add(areas[keys[official]])
    session.flush()
    olds: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        olds.setdefault(line["old_code"], []).append(line)
    for code, successors in olds.items():
        current[code].valid_to = since
        for line in successors:
            session.add(
                AreaSuccessor(
                    old_code=current[code].code,
                    new_code=keys[line["new_code"]],
                    is_likely=len(successors) == 1 or line["main"].strip().lower() == "x",
                )
            )
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
        session.execute(
            insert(AreaSuccessor),
            [
                {"old_code": area.code, "new_code": keys[code], "is_likely": code == likely}
                for code in unit.successors
            ],
        )
    for level in (AreaLevel.DISTRICT, AreaLevel.PROVINCE):
        ended += _end_parents(areas, level)
    session.flush()
    return ended


def _end_parents(areas: Mapping[str, Area], level: AreaLevel) -> int:
    """End the units of a level in which nothing goes on. Returns how many."""
    going_on = {area.parent_code for area in areas.values() if area.valid_to is None}
    parents = {area.parent_code for area in areas.values()}
    ended = [
        area
        for area in areas.values()
        if area.level is level and area.code in parents - going_on and not (area.valid_from or area.valid_to)
    ]
    for area in ended:
        area.valid_to = _SINCE
    return len(ended)
