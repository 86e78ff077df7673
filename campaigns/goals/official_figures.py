"""Official installs by district and commune: brought in day by day, shown beside what residents report, never with it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models.figures import OfficialInstalls
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.models.accounts import Role, User
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput, NotAllowed

COLUMNS = ("day", "area", "installed", "source")
MOST = 2**31 - 1
SHOWN = 20  # wrong lines that are spelled out
# 12500 or 12.500, as one writes it in Vietnam.
_COUNT = re.compile(r"\d{1,10}|\d{1,3}(?:\.\d{3})+")


@dataclass(frozen=True, slots=True)
class Official:
    """A place's latest figure. Of a district without one of its own: its communes', once each has one."""

    installed: int
    day: str  # of communes the oldest one's
    source: str
    is_sum: bool = False


def import_official(session: Session, content: bytes, *, user: User, now: datetime) -> tuple[int, int]:
    """A CSV in UTF-8 with COLUMNS; how many figures are new, and how many stood there already.

    All of the file or none of it. Raises BadInput with the wrong lines; NotAllowed for whoever does not see the whole
    province.
    """
    return _store(session, _lines(content), user=user, now=now)


def enter_official(
    session: Session, *, day: str, area: str, installed: str, source: str, user: User, now: datetime
) -> bool:
    """One figure as typed into a form; False when it stood there already. Raises as `import_official`."""
    return _store(session, [("", (day, area, installed, source))], user=user, now=now)[0] == 1


def may_enter(session: Session, user: User) -> bool:
    """Whether official figures are theirs to enter: staff of the province."""
    roles = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
    return user.role in roles and organisations_of(session, user) is None


def _store(
    session: Session, lines: Sequence[tuple[str, tuple[str, ...]]], *, user: User, now: datetime
) -> tuple[int, int]:
    require_role(user, Role.STAFF, Role.APPROVER)
    if organisations_of(session, user) is not None:
        raise NotAllowed("Chỉ cán bộ của cấp tỉnh được nhập số liệu chính thức.")
    rows = _check(lines, today=now.astimezone(VIETNAM).date(), areas=_areas(session))
    standing = {
        (row.area_code, row.day): (row.installed, row.source)
        for row in session.scalars(select(OfficialInstalls).order_by(OfficialInstalls.id))
    }
    new = [row for row in rows if standing.get((row[1], row[0])) != row[2:]]
    session.add_all(
        OfficialInstalls(
            area_code=area, day=day, installed=installed, source=source, entered_by=user.id, entered_at=now
        )
        for day, area, installed, source in new
    )
    audit.record(
        session,
        actor_id=user.id,
        action="official.import",
        subject="official_installs",
        now=now,
        new=len(new),
        same=len(rows) - len(new),
    )
    return len(new), len(rows) - len(new)


def latest_official(
    session: Session, *, today: date, known_until: datetime | None = None
) -> dict[str, Official]:
    """By area: what is known until today. A place that is not in it is not known.

    `known_until` leaves out what was entered later.
    """
    newest = (
        select(
            OfficialInstalls,
            func.row_number()
            .over(
                partition_by=OfficialInstalls.area_code,
                order_by=(OfficialInstalls.day.desc(), OfficialInstalls.id.desc()),
            )
            .label("turn"),
        )
        .where(
            OfficialInstalls.day <= today.isoformat(),
            *([OfficialInstalls.entered_at <= known_until] if known_until else []),
        )
        .subquery()
    )
    known = {
        row.area_code: Official(row.installed, row.day, row.source)
        for row in session.execute(select(newest).where(newest.c.turn == 1))
    }
    communes: dict[str, list[str]] = {}
    for area in session.scalars(select(Area).where(Area.level == AreaLevel.COMMUNE)):
        communes.setdefault(area.parent_code or "", []).append(area.code)
    for district, below in communes.items():
        if district not in known and (together := add_up_official(known, below)):
            known[district] = together
    return known


def add_up_official(known: Mapping[str, Official], places: Iterable[str]) -> Official | None:
    """Of many places together, as of the oldest of their days; None unless each is known."""
    parts = [known.get(code) for code in places]
    found = [part for part in parts if part]
    if not found or len(found) < len(parts):
        return None
    return Official(
        sum(part.installed for part in found),
        min(part.day for part in found),
        "; ".join(sorted({part.source for part in found})),
        is_sum=True,
    )


def _areas(session: Session) -> set[str]:
    """Where figures are told for: districts and communes; the province's is their sum."""
    levels = (AreaLevel.DISTRICT, AreaLevel.COMMUNE)
    return set(session.scalars(select(Area.code).where(Area.level.in_(levels))))


def _lines(content: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """The lines of a file, each with how it is called."""
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise BadInput(f"Dòng đầu của tệp phải là: {','.join(COLUMNS)}.")
        found = list(lines)
    except UnicodeDecodeError as error:
        raise BadInput("Tệp không phải UTF-8. Hãy lưu lại dưới dạng CSV UTF-8.") from error
    except csv.Error as error:
        raise BadInput("Tệp không phải CSV. Hãy lưu lại dưới dạng CSV UTF-8.") from error
    return [
        (f"dòng {n}: ", tuple((line.get(name) or "").strip() for name in COLUMNS))
        for n, line in enumerate(found, start=2)
    ]


def _check(
    lines: Sequence[tuple[str, tuple[str, ...]]], *, today: date, areas: set[str]
) -> list[tuple[str, str, int, str]]:
    rows, wrong, there = [], [], set()
    for name, (day, area, count, source) in lines:
        why = (
            _day_trouble(day, today)
            or (f"không có huyện hay xã nào mang mã {area}" if area not in areas else "")
            or ("số máy phải là số nguyên không âm" if not _COUNT.fullmatch(count) else "")
            or ("số máy quá lớn" if int(count.replace(".", "")) > MOST else "")
            or ("thiếu nguồn, hoặc nguồn dài quá 200 chữ" if not 0 < len(source) <= 200 else "")
            or ("ngày và địa bàn này đã có ở dòng trên" if (day, area) in there else "")
        )
        if why:
            wrong.append(name + why)
            continue
        there.add((day, area))
        rows.append((day, area, int(count.replace(".", "")), source))
    if wrong:
        more = f"; và {len(wrong) - SHOWN} dòng nữa" if len(wrong) > SHOWN else ""
        said = "; ".join(wrong[:SHOWN])
        raise BadInput(f"Chưa nhập gì. {said[:1].upper()}{said[1:]}{more}.")
    return rows


def _day_trouble(day: str, today: date) -> str:
    try:
        found = date.fromisoformat(day) if len(day) == 10 else None
    except ValueError:
        found = None
    if found is None:
        return "ngày phải viết như 2020-08-20"
    return "ngày này chưa tới" if found > today else ""
