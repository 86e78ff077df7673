"""The gazetteer of an installation: its own communes, with the former names that lists still have."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from operator import attrgetter

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.models.places import Area, AreaLevel
from outreach.places.areas import last_units, path_upwards, read_successors
from outreach.places.nation import RENAMED, TWO_LEVELS_SINCE, all_province_names, province_names, units_of
from outreach.rules.gazetteer import Gazetteer, Unit
from outreach.rules.place_words import spelling_key


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
