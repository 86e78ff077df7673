"""Official installs by place and day: shown beside residents' reports, never added to them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.figures import OfficialInstalls
from campaigns.rules.reports.snapshot import OfficialInstallFigure
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.core.db import newest_of_each
from outreach.models.accounts import Role, User
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import IS_CURRENT
from outreach.rules.declared_tables import first_lines, read_csv
from outreach.rules.errors import BadInput, LoaError, NotAllowed
from outreach.rules.formats import read_day, read_whole
from outreach.use_cases import use_case

COLUMNS = ("day", "area", "installed", "source")
MAX_INSTALLED = 2**31 - 1


@use_case
def import_official(
    session: Session, content: bytes, *, drive: int, user: User, now: datetime
) -> tuple[int, int]:
    """Import figures from a CSV of COLUMNS. Returns how many new and same. Raises BadInput, NotAllowed."""
    lines = [(row.line, tuple(map(row.text, COLUMNS))) for row in read_csv(content, COLUMNS)]
    return _store(session, lines, drive=drive, user=user, now=now)


@use_case
def enter_official(
    session: Session,
    *,
    drive: int,
    day: str,
    area: str,
    installed: str,
    source: str,
    user: User,
    now: datetime,
) -> bool:
    """Enter one official figure. Returns False if it is in force already. Raises as `import_official`."""
    return _store(session, [(0, (day, area, installed, source))], drive=drive, user=user, now=now)[0] == 1


def _store(
    session: Session, lines: Sequence[tuple[int, tuple[str, ...]]], *, drive: int, user: User, now: datetime
) -> tuple[int, int]:
    require_role(user, Role.STAFF, Role.APPROVER)
    if organisations_of(session, user) is not None:
        raise NotAllowed("official_figures_not_allowed")
    rows = _check(lines, today=now.astimezone(VIETNAM).date(), areas=_areas(session))
    entered = select(OfficialInstalls).where(OfficialInstalls.drive_id == drive).order_by(OfficialInstalls.id)
    in_force = {(row.area_code, row.day): (row.installed, row.source) for row in session.scalars(entered)}
    new = [row for row in rows if in_force.get((row[1], row[0])) != row[2:]]
    session.add_all(
        OfficialInstalls(
            drive_id=drive,
            area_code=area,
            day=day,
            installed=installed,
            source=source,
            entered_by=user.id,
            entered_at=now,
        )
        for day, area, installed, source in new
    )
    audit.record(
        session, "official.import", "official_installs", user, now, new=len(new), same=len(rows) - len(new)
    )
    return len(new), len(rows) - len(new)


def latest_official(
    session: Session, drive: int, *, today: date, known_until: datetime | None = None
) -> dict[str, OfficialInstallFigure]:
    """Return a drive's latest known figures until today, by area. A place without one is not included.

    A district without a figure of its own has its communes' sum, once each commune has one. `known_until` leaves out
    figures entered later.
    """
    conditions = [OfficialInstalls.drive_id == drive, OfficialInstalls.day <= today.isoformat()]
    if known_until:
        conditions.append(OfficialInstalls.entered_at <= known_until)
    by = (OfficialInstalls.day, OfficialInstalls.id)
    newest = newest_of_each(OfficialInstalls.area_code, OfficialInstalls, by=by, where=conditions)
    known = {
        row.area_code: OfficialInstallFigure(row.installed, row.day, row.source)
        for row in session.execute(newest)
    }
    communes: dict[str, list[str]] = {}
    for area in session.scalars(select(Area).where(Area.level == AreaLevel.COMMUNE)):
        if area.is_valid_on(today.isoformat()):
            communes.setdefault(area.parent_code or "", []).append(area.code)
    for district, codes in communes.items():
        if district not in known and (total := add_up_official(known, codes)):
            known[district] = total
    return known


def add_up_official(
    known: Mapping[str, OfficialInstallFigure], places: Iterable[str]
) -> OfficialInstallFigure | None:
    """Return the sum over places as of their oldest day; None unless each one's figure is known."""
    parts = [known.get(code) for code in places]
    known_parts = [part for part in parts if part]
    if not known_parts or len(known_parts) < len(parts):
        return None
    return OfficialInstallFigure(
        sum(part.installed for part in known_parts),
        min(part.day for part in known_parts),
        "; ".join(sorted({part.source for part in known_parts})),
        is_sum=True,
    )


def _areas(session: Session) -> set[str]:
    """Return the codes of areas that figures are entered for. The province's is the sum of its districts."""
    levels = (AreaLevel.DISTRICT, AreaLevel.COMMUNE)
    return set(session.scalars(select(Area.code).where(Area.level.in_(levels), IS_CURRENT)))


def _check(
    lines: Sequence[tuple[int, tuple[str, ...]]], *, today: date, areas: set[str]
) -> list[tuple[str, str, int, str]]:
    rows, seen = [], set()
    wrong: list[tuple[int, LoaError]] = []
    for n, (day, area, count, source) in lines:
        installed = _read_count(count)
        problem = _day_problem(day, today) or _line_problem(area, installed, source, areas=areas)
        if problem is None and (day, area) in seen:
            problem = LoaError("official_line_repeated")
        if problem:
            wrong.append((n, problem))
            continue
        seen.add((day, area))
        rows.append((day, area, installed or 0, source))
    if wrong:
        is_typed = not wrong[0][0]
        raise BadInput("lines_wrong", lines=[wrong[0][1]] if is_typed else first_lines(wrong))
    return rows


def _read_count(count: str) -> int | None:
    try:
        return read_whole(count, most=10**12)
    except ValueError:
        return None


def _line_problem(area: str, installed: int | None, source: str, *, areas: set[str]) -> LoaError | None:
    if area not in areas:
        return LoaError("official_area_unknown", code=area)
    if installed is None:
        return LoaError("official_number_wrong")
    if installed > MAX_INSTALLED:
        return LoaError("official_number_large")
    return None if 0 < len(source) <= 200 else LoaError("official_source_wrong")


def _day_problem(day: str, today: date) -> LoaError | None:
    if (parsed := read_day(day)) is None:
        return LoaError("official_day_wrong")
    return LoaError("official_day_future") if parsed > today else None
