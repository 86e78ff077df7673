"""Setting goals and entering denominators. In the caller's transaction; what stood before stays to be read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.goals.goal import Scope, Subject
from campaigns.goals.models import DenominatorEntry, GoalEntry
from campaigns.goals.reading import about
from campaigns.goals.typed import read_as_of, read_count, read_deadline, read_share
from campaigns.windows import VIETNAM
from outreach.access import audit
from outreach.access.models import Organisation, OrganisationKind, Role, User
from outreach.access.users import organisations_of, require_role
from outreach.errors import BadInput, NotAllowed
from outreach.places.models import Area

LONGEST = 200


def set_goal(
    session: Session, subject: Subject, *, share: str, deadline: str, basis: str, user: User, now: datetime
) -> bool:
    """A goal as typed: a share in percent, empty to end the goal; False when it stood there already.

    Raises BadInput; NotAllowed for whoever is not staff of the province.
    """
    require_province(session, user)
    basis = " ".join(basis.split())
    if len(basis) > LONGEST:
        raise BadInput(f"Căn cứ dài quá {LONGEST} chữ. Hãy ghi gọn lại, ví dụ số và ngày văn bản.")
    return note_goal(
        session,
        subject,
        share=read_share(share),
        deadline=read_deadline(deadline),
        basis=basis,
        user=user,
        now=now,
    )


def enter_denominator(
    session: Session, subject: Subject, *, value: str, as_of: str, source: str, user: User, now: datetime
) -> bool:
    """A denominator as typed, empty to take back what was said of that day; False when it stood there already.

    Raises as `set_goal`.
    """
    require_province(session, user)
    source = " ".join(source.split())
    if not 0 < len(source) <= LONGEST:
        raise BadInput(f"Hãy ghi nguồn của số liệu, không quá {LONGEST} chữ.")
    return note_denominator(
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


def find_subject(session: Session, *, kind: str, scope: str, place: str, kinds: Collection[str]) -> Subject:
    """Whom a form or a file means: `place` is an area's or an organisation's code. Raises BadInput."""
    if kind not in kinds:
        raise BadInput(f"Không có loại chiến dịch “{kind[:40]}”. Các loại: {', '.join(sorted(kinds))}.")
    if scope not in (Scope.RESIDENTS, Scope.STAFF, Scope.MEMBERS):
        raise BadInput(f"Đối tượng là residents, staff hoặc members, không phải “{scope[:40]}”.")
    if scope == Scope.RESIDENTS:
        if session.get(Area, place) is None:
            raise BadInput(f"Không có địa bàn mang mã “{place[:20]}”.")
        return Subject(kind, Scope.RESIDENTS, area=place)
    if scope == Scope.STAFF and not place:
        return Subject(kind, Scope.STAFF)
    found = session.scalar(select(Organisation).where(Organisation.code == place))
    if found is None or (found.kind is OrganisationKind.AGENCY) != (scope == Scope.STAFF):
        wanted = "cơ quan, đơn vị" if scope == Scope.STAFF else "tổ chức"
        raise BadInput(f"Không có {wanted} nào mang mã “{place[:40]}”.")
    return Subject(kind, Scope(scope), organisation=found.id)


def note_goal(
    session: Session,
    subject: Subject,
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


def note_denominator(
    session: Session,
    subject: Subject,
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


def _columns(subject: Subject) -> dict[str, object]:
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
