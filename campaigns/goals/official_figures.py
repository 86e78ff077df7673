"""Official installs by district and commune, entered day by day.

They are shown beside what residents report, and never added to it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.figures import OfficialInstalls
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.core.bulk import newest_of_each
from outreach.models.accounts import Role, User
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput, NotAllowed
from outreach.use_cases import use_case

COLUMNS = ("day", "area", "installed", "source")
MAX_INSTALLED = 2**31 - 1
MAX_LISTED = 20  # wrong lines that are listed
# 12500 or 12.500, as written in Vietnam.
_COUNT = re.compile(r"\d{1,10}|\d{1,3}(?:\.\d{3})+")


@dataclass(frozen=True, slots=True)
class Official:
    """A place's latest official figure.

    A district without a figure of its own has its communes' sum, once each commune has one.
    """

    installed: int
    day: str  # for a sum of communes: the oldest of their days
    source: str
    is_sum: bool = False


@use_case
def import_official(session: Session, content: bytes, *, user: User, now: datetime) -> tuple[int, int]:
    """Import figures from a CSV. Returns how many are new, and how many were in force already.

    The CSV is in UTF-8 with COLUMNS; it is imported whole or not at all. Raises BadInput with the wrong
    lines; NotAllowed for a user who does not see the whole province.
    """
    return _store(session, _lines(content), user=user, now=now)


@use_case
def enter_official(
    session: Session, *, day: str, area: str, installed: str, source: str, user: User, now: datetime
) -> bool:
    """Enter one figure from form values. Returns False if it is in force already.

    Raises as `import_official`.
    """
    return _store(session, [("", (day, area, installed, source))], user=user, now=now)[0] == 1


def _store(
    session: Session, lines: Sequence[tuple[str, tuple[str, ...]]], *, user: User, now: datetime
) -> tuple[int, int]:
    require_role(user, Role.STAFF, Role.APPROVER)
    if organisations_of(session, user) is not None:
        raise NotAllowed("Chỉ cán bộ của cấp tỉnh được nhập số liệu chính thức.")
    rows = _check(lines, today=now.astimezone(VIETNAM).date(), areas=_areas(session))
    in_force = {
        (row.area_code, row.day): (row.installed, row.source)
        for row in session.scalars(select(OfficialInstalls).order_by(OfficialInstalls.id))
    }
    new = [row for row in rows if in_force.get((row[1], row[0])) != row[2:]]
    session.add_all(
        OfficialInstalls(
            area_code=area, day=day, installed=installed, source=source, entered_by=user.id, entered_at=now
        )
        for day, area, installed, source in new
    )
    audit.record(
        session, "official.import", "official_installs", user, now, new=len(new), same=len(rows) - len(new)
    )
    return len(new), len(rows) - len(new)


def latest_official(
    session: Session, *, today: date, known_until: datetime | None = None
) -> dict[str, Official]:
    """Return the latest known figures until today, by area. A place without one is not included.

    `known_until` leaves out figures entered later.
    """
    conditions = [OfficialInstalls.day <= today.isoformat()]
    if known_until:
        conditions.append(OfficialInstalls.entered_at <= known_until)
    by = (OfficialInstalls.day, OfficialInstalls.id)
    newest = newest_of_each(OfficialInstalls.area_code, OfficialInstalls, by=by, where=conditions)
    known = {row.area_code: Official(row.installed, row.day, row.source) for row in session.execute(newest)}
    communes: dict[str, list[str]] = {}
    for area in session.scalars(select(Area).where(Area.level == AreaLevel.COMMUNE)):
        communes.setdefault(area.parent_code or "", []).append(area.code)
    for district, codes in communes.items():
        if district not in known and (total := add_up_official(known, codes)):
            known[district] = total
    return known


def add_up_official(known: Mapping[str, Official], places: Iterable[str]) -> Official | None:
    """Return the sum over places, as of the oldest of their days.

    Returns None unless the figure of each is known.
    """
    parts = [known.get(code) for code in places]
    known_parts = [part for part in parts if part]
    if not known_parts or len(known_parts) < len(parts):
        return None
    return Official(
        sum(part.installed for part in known_parts),
        min(part.day for part in known_parts),
        "; ".join(sorted({part.source for part in known_parts})),
        is_sum=True,
    )


def _areas(session: Session) -> set[str]:
    """Return the codes of areas that figures are entered for. The province's is the sum of its districts."""
    levels = (AreaLevel.DISTRICT, AreaLevel.COMMUNE)
    return set(session.scalars(select(Area.code).where(Area.level.in_(levels))))


def _lines(content: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """Return the lines of a file, each with its name in error messages."""
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise BadInput(f"Dòng đầu của tệp phải là: {','.join(COLUMNS)}.")
        rows = list(lines)
    except UnicodeDecodeError as error:
        raise BadInput("Tệp không phải UTF-8. Hãy lưu lại dưới dạng CSV UTF-8.") from error
    except csv.Error as error:
        raise BadInput("Tệp không phải CSV. Hãy lưu lại dưới dạng CSV UTF-8.") from error
    return [
        (f"dòng {n}: ", tuple((line.get(name) or "").strip() for name in COLUMNS))
        for n, line in enumerate(rows, start=2)
    ]


def _check(
    lines: Sequence[tuple[str, tuple[str, ...]]], *, today: date, areas: set[str]
) -> list[tuple[str, str, int, str]]:
    rows, wrong, seen = [], [], set()
    for name, (day, area, count, source) in lines:
        problem = (
            _day_problem(day, today)
            or (f"không có huyện hay xã nào mang mã {area}" if area not in areas else "")
            or ("số máy phải là số nguyên không âm" if not _COUNT.fullmatch(count) else "")
            or ("số máy quá lớn" if int(count.replace(".", "")) > MAX_INSTALLED else "")
            or ("thiếu nguồn, hoặc nguồn dài quá 200 chữ" if not 0 < len(source) <= 200 else "")
            or ("ngày và địa bàn này đã có ở dòng trên" if (day, area) in seen else "")
        )
        if problem:
            wrong.append(name + problem)
            continue
        seen.add((day, area))
        rows.append((day, area, int(count.replace(".", "")), source))
    if wrong:
        more = f"; và {len(wrong) - MAX_LISTED} dòng nữa" if len(wrong) > MAX_LISTED else ""
        message = "; ".join(wrong[:MAX_LISTED])
        raise BadInput(f"Chưa nhập gì. {message[:1].upper()}{message[1:]}{more}.")
    return rows


def _day_problem(day: str, today: date) -> str:
    try:
        parsed = date.fromisoformat(day) if len(day) == 10 else None
    except ValueError:
        parsed = None
    if parsed is None:
        return "ngày phải viết như 2020-08-20"
    return "ngày này chưa tới" if parsed > today else ""
