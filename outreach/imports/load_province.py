"""Today's units of a province, from the nation's that ship with the program, into the table of areas."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.models.places import Area, AreaLevel
from outreach.places.nation import TWO_LEVELS_SINCE, province_names, units_of_today
from outreach.rules.errors import BadInput
from outreach.use_cases import use_case

_KINDS = ("Thành phố", "Tỉnh", "Đặc khu", "Phường", "Xã")


@use_case
def load_province(session: Session, code: str, *, now: datetime) -> int:
    """Add a province and its communes, as a command; those that are there stay. Returns the number of communes.

    Raises BadInput for an unknown code.
    """
    provinces = province_names(TWO_LEVELS_SINCE)
    if code not in provinces:
        known = [f"{each} {name}" for each, name in sorted(provinces.items())]
        raise BadInput("setup_province_unknown", code=code, provinces=known)
    units = [unit for unit in units_of_today().values() if unit.province_code == code]
    _add(session, code, provinces[code], AreaLevel.PROVINCE, None)
    session.flush()
    for unit in units:
        _add(session, unit.code, unit.name, AreaLevel.COMMUNE, code)
    audit.record(session, "areas.load", "areas:all", None, now, communes=len(units))
    return len(units)


def _add(session: Session, code: str, full_name: str, level: AreaLevel, parent_code: str | None) -> None:
    if session.get(Area, code) is None:
        kind = next(kind for kind in _KINDS if full_name.startswith(f"{kind} "))
        name = full_name.removeprefix(f"{kind} ")
        session.add(Area(code=code, name=name, kind=kind, level=level, parent_code=parent_code))
