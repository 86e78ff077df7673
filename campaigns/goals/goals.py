"""Set and read goals and denominators.

Setting goals and entering denominators. In the caller's transaction; what stood before stays to be read.

Goals and denominators as they stood at a moment, and how they came to it.

Many denominators at once, from a CSV: all of the file or none of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.models.figures import DenominatorEntry, GoalEntry
from campaigns.rules.goals import (
    Denominator,
    Goal,
    Goals,
    GoalScope,
    GoalSubject,
    read_as_of,
    read_count,
    read_deadline,
    read_share,
    standing_denominator,
)
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotAllowed

LONGEST = 200


def set_goal(
    session: Session,
    subject: GoalSubject,
    *,
    share: str,
    deadline: str,
    basis: str,
    user: User,
    now: datetime,
) -> bool:
    """A goal as typed: a share in percent, empty to end the goal; False when it stood there already.

    Raises BadInput; NotAllowed for whoever is not staff of the province.
    """
    require_province(session, user)
    basis = " ".join(basis.split())
    if len(basis) > LONGEST:
        raise BadInput(f"Căn cứ dài quá {LONGEST} chữ. Hãy ghi gọn lại, ví dụ số và ngày văn bản.")
    return append_goal(
        session,
        subject,
        share=read_share(share),
        deadline=read_deadline(deadline),
        basis=basis,
        user=user,
        now=now,
    )


def enter_denominator(
    session: Session, subject: GoalSubject, *, value: str, as_of: str, source: str, user: User, now: datetime
) -> bool:
    """A denominator as typed, empty to take back what was said of that day; False when it stood there already.

    Raises as `set_goal`.
    """
    require_province(session, user)
    source = " ".join(source.split())
    if not 0 < len(source) <= LONGEST:
        raise BadInput(f"Hãy ghi nguồn của số liệu, không quá {LONGEST} chữ.")
    return append_denominator(
        session,
        subject,
        value=read_count(value),
        as_of=read_as_of(as_of, today=now.astimezone(VIETNAM).date()),
        source=source,
        user=user,
        now=now,
    )


def may_set_goals(session: Session, user: User) -> bool:
    """Whether goals and denominators are theirs to set: staff of the province."""
    roles = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
    return user.role in roles and organisations_of(session, user) is None


def require_province(session: Session, user: User) -> None:
    """Raises NotAllowed for whoever may not set goals."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if not may_set_goals(session, user):
        raise NotAllowed("Chỉ cán bộ của cấp tỉnh được đặt mục tiêu và nhập số người làm mẫu số.")


def find_subject(
    session: Session, *, kind: str, scope: str, place: str, kinds: Collection[str]
) -> GoalSubject:
    """Whom a form or a file means: `place` is an area's or an organisation's code. Raises BadInput."""
    if kind not in kinds:
        raise BadInput(f"Không có loại chiến dịch “{kind[:40]}”. Các loại: {', '.join(sorted(kinds))}.")
    if scope not in (GoalScope.RESIDENTS, GoalScope.STAFF, GoalScope.MEMBERS):
        raise BadInput(f"Đối tượng là residents, staff hoặc members, không phải “{scope[:40]}”.")
    if scope == GoalScope.RESIDENTS:
        if session.get(Area, place) is None:
            raise BadInput(f"Không có địa bàn mang mã “{place[:20]}”.")
        return GoalSubject(kind, GoalScope.RESIDENTS, area=place)
    if scope == GoalScope.STAFF and not place:
        return GoalSubject(kind, GoalScope.STAFF)
    found = session.scalar(select(Organisation).where(Organisation.code == place))
    if found is None or (found.kind is OrganisationKind.AGENCY) != (scope == GoalScope.STAFF):
        wanted = "cơ quan, đơn vị" if scope == GoalScope.STAFF else "tổ chức"
        raise BadInput(f"Không có {wanted} nào mang mã “{place[:40]}”.")
    return GoalSubject(kind, GoalScope(scope), organisation=found.id)


def append_goal(
    session: Session,
    subject: GoalSubject,
    *,
    share: float | None,
    deadline: date | None,
    basis: str,
    user: User,
    now: datetime,
) -> bool:
    """Add to the book unless its last word on the subject is the same. The caller knows that the user may."""
    last = session.scalar(
        select(GoalEntry).where(*about(GoalEntry, subject)).order_by(GoalEntry.id.desc()).limit(1)
    )
    day = deadline.isoformat() if deadline and share is not None else None
    said = (share, day, basis if share is not None else "")
    if (last and (last.share, last.deadline, last.basis) == said) or (last is None and share is None):
        return False
    row = GoalEntry(
        **_columns(subject), share=share, deadline=day, basis=said[2], entered_by=user.id, entered_at=now
    )
    _add(session, row, user=user, now=now)
    return True


def append_denominator(
    session: Session,
    subject: GoalSubject,
    *,
    value: int | None,
    as_of: date,
    source: str,
    user: User,
    now: datetime,
) -> bool:
    """Add to the book unless its last word on the subject's day is the same. The caller knows that the user may."""
    last = session.scalar(
        select(DenominatorEntry)
        .where(*about(DenominatorEntry, subject), DenominatorEntry.as_of == as_of.isoformat())
        .order_by(DenominatorEntry.id.desc())
        .limit(1)
    )
    if (last and (last.value, last.source) == (value, source)) or (last is None and value is None):
        return False
    row = DenominatorEntry(
        **_columns(subject),
        value=value,
        as_of=as_of.isoformat(),
        source=source,
        entered_by=user.id,
        entered_at=now,
    )
    _add(session, row, user=user, now=now)
    return True


def _columns(subject: GoalSubject) -> dict[str, object]:
    return {
        "kind": subject.kind,
        "scope": subject.scope,
        "area_code": subject.area,
        "organisation_id": subject.organisation,
        "campaign_id": subject.campaign,
    }


def _add(session: Session, row: GoalEntry | DenominatorEntry, *, user: User, now: datetime) -> None:
    session.add(row)
    session.flush()
    if isinstance(row, GoalEntry):
        audit.record(session, actor_id=user.id, action="goal.set", subject=f"goals:{row.id}", now=now)
    else:
        audit.record(
            session, actor_id=user.id, action="goal.denominator", subject=f"denominators:{row.id}", now=now
        )


def read_goals(session: Session, *, at: datetime, kind: str | None = None) -> Goals:
    """All goals and denominators in force at a moment, of one kind of campaign or of all, but for campaigns' own.

    What was entered later, even of an earlier day, is not among them: a figure can be computed again as it was.
    """
    wanted = [
        (table.scope != GoalScope.AUDIENCE, *([table.kind == kind] if kind else ()))
        for table in (GoalEntry, DenominatorEntry)
    ]
    return _in_force(session, *wanted, at=at)


def read_campaign_goals(
    session: Session, campaigns: Iterable[int], *, at: datetime | None = None
) -> dict[int, Goal]:
    """By campaign: the goal that its own file set, with its denominator, as of a moment or as they stand."""
    ids = list(campaigns)
    wanted = [
        (table.scope == GoalScope.AUDIENCE, table.campaign_id.in_(ids))
        for table in (GoalEntry, DenominatorEntry)
    ]
    found = _in_force(session, *wanted, at=at).goals
    return {subject.campaign: goal for subject, goal in found.items() if subject.campaign is not None}


def read_staff_goal(session: Session, *, at: datetime) -> Goal | None:
    """The goal of all agencies' staff, of whichever kind it was set last: agencies hand in for one thing at a time."""
    found = [
        goal
        for subject, goal in read_goals(session, at=at).goals.items()
        if subject.scope is GoalScope.STAFF and subject.organisation is None
    ]
    return max(found, key=lambda goal: goal.entered_at, default=None)


def campaign_subject(campaign: Campaign) -> GoalSubject:
    """Whom a campaign's own goal is about: those that it writes to."""
    return GoalSubject(campaign.kind, GoalScope.AUDIENCE, campaign=campaign.id)


def read_history(session: Session, subject: GoalSubject) -> tuple[list[Goal | None], list[Denominator]]:
    """All that was ever set and entered about a subject, the latest first; None where a goal was ended."""
    goals = [
        goal
        for row, author in _rows(session, GoalEntry, about(GoalEntry, subject))
        for goal in [_goal(row, author)]
    ]
    entered = [
        _denominator(row, author)
        for row, author in _rows(session, DenominatorEntry, about(DenominatorEntry, subject))
    ]
    return goals[::-1], entered[::-1]


def _in_force(
    session: Session,
    goal_rows: tuple[ColumnElement[bool], ...],
    denominator_rows: tuple[ColumnElement[bool], ...],
    *,
    at: datetime | None,
) -> Goals:
    entered: dict[GoalSubject, list[Denominator]] = {}
    for row, author in _rows(session, DenominatorEntry, denominator_rows, at=at):
        entered.setdefault(row.subject, []).append(_denominator(row, author))
    standing = {subject: standing_denominator(history) for subject, history in entered.items()}
    denominators = {subject: found for subject, found in standing.items() if found}
    last = {row.subject: _goal(row, author) for row, author in _rows(session, GoalEntry, goal_rows, at=at)}
    goals = {
        subject: replace(goal, denominator=denominators.get(subject))
        for subject, goal in last.items()
        if goal
    }
    return Goals(goals, denominators)


def _rows(
    session: Session,
    table: type[GoalEntry] | type[DenominatorEntry],
    wanted: Iterable[ColumnElement[bool]],
    *,
    at: datetime | None = None,
) -> list[tuple[Any, str]]:
    query = (
        select(table, User.name, User.email)
        .outerjoin(User, User.id == table.entered_by)
        .where(*wanted, *([table.entered_at <= at] if at else ()))
        .order_by(table.id)
    )
    return [(row, name or email or "") for row, name, email in session.execute(query)]


def about(
    table: type[GoalEntry] | type[DenominatorEntry], subject: GoalSubject
) -> tuple[ColumnElement[bool], ...]:
    """The condition that a row is about a subject."""
    # IS NOT DISTINCT FROM: most of a subject's columns are NULL.
    return (
        table.kind == subject.kind,
        table.scope == subject.scope,
        table.area_code.is_not_distinct_from(subject.area),
        table.organisation_id.is_not_distinct_from(subject.organisation),
        table.campaign_id.is_not_distinct_from(subject.campaign),
    )


def _goal(row: GoalEntry, author: str) -> Goal | None:
    if row.share is None:
        return None
    deadline = date.fromisoformat(row.deadline) if row.deadline else None
    return Goal(row.subject, row.share, deadline, row.basis, author, row.entered_at)


def _denominator(row: DenominatorEntry, author: str) -> Denominator:
    return Denominator(row.value, date.fromisoformat(row.as_of), row.source, author, row.entered_at)


COLUMNS = ("scope", "place", "value", "as_of", "source")
SHOWN = 20  # wrong lines that are spelled out


def import_denominators(
    session: Session, content: bytes, *, kind: str, kinds: Collection[str], user: User, now: datetime
) -> tuple[int, int]:
    """A CSV in UTF-8 with COLUMNS, `place` an area's or an organisation's code; how many are new, and how many stood there.

    Raises BadInput with the wrong lines; NotAllowed for whoever is not staff of the province.
    """
    require_province(session, user)
    new, same, wrong = 0, 0, []
    for n, line in enumerate(_lines(content), start=2):
        try:
            subject = find_subject(session, kind=kind, scope=line["scope"], place=line["place"], kinds=kinds)
            said = {name: line[name] for name in ("value", "as_of", "source")}
            is_new = enter_denominator(session, subject, **said, user=user, now=now)
        except BadInput as error:
            wrong.append(f"dòng {n}: {error}")
            continue
        new, same = new + is_new, same + (not is_new)
    if wrong:
        more = f" Và {len(wrong) - SHOWN} dòng nữa." if len(wrong) > SHOWN else ""
        raise BadInput(f"Chưa nhập gì. {' '.join(wrong[:SHOWN])}{more}")
    return new, same


def _lines(content: bytes) -> list[dict[str, str]]:
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise BadInput(f"Dòng đầu của tệp phải là: {','.join(COLUMNS)}.")
        return [{name: (line.get(name) or "").strip() for name in COLUMNS} for line in lines]
    except UnicodeDecodeError as error:
        raise BadInput("Tệp không phải UTF-8. Hãy lưu lại dưới dạng CSV UTF-8.") from error
    except csv.Error as error:
        raise BadInput("Tệp không phải CSV. Hãy lưu lại dưới dạng CSV UTF-8.") from error
