"""The audit read back: who did what to which row, the latest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.access.models import AuditEvent, AuditValues, User
from outreach.access.users import visible_to

ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. `who` is "" where the system or a command did it."""

    id: int
    at: datetime
    who: str
    who_id: int | None
    action: str
    subject: str
    details: dict[str, Any]
    origin: str
    changes: dict[str, Any]  # field: [before, after]
    is_emptied: bool  # there were changes, and an erasure has taken them


def read_journal(
    session: Session,
    user: User,
    *,
    who: int | None = None,
    action: str = "",
    subject: str = "",
    origin: str = "",
    day: datetime | None = None,
    before: int | None = None,
) -> tuple[list[Entry], bool]:
    """A page, and whether there are earlier ones. Without the whole scope: what one's own organisations did.

    `day` is the first moment of the day wanted; `before` the id of the last entry shown.
    """
    query = (
        select(AuditEvent, User.name, User.email, AuditValues)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .outerjoin(AuditValues, AuditValues.event_id == AuditEvent.id)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(AuditEvent.id.desc())
        .limit(ON_A_PAGE + 1)
    )
    if who is not None:
        query = query.where(AuditEvent.actor_id == who)
    if action:
        query = query.where(AuditEvent.action == action)
    if subject:
        query = query.where(AuditEvent.subject == subject)
    if origin:
        query = query.where(AuditEvent.origin == origin)
    if day is not None:
        query = query.where(AuditEvent.at >= day, AuditEvent.at < day + timedelta(days=1))
    if before is not None:
        query = query.where(AuditEvent.id < before)
    entries = [
        Entry(
            event.id,
            event.at,
            name or email or "",
            event.actor_id,
            event.action,
            event.subject,
            event.details,
            event.origin,
            (values.changes if values else None) or {},
            values is not None and values.emptied_at is not None,
        )
        for event, name, email, values in session.execute(query)
    ]
    return entries[:ON_A_PAGE], len(entries) > ON_A_PAGE


def read_actors(session: Session, user: User) -> list[tuple[int, str]]:
    """(id, e-mail) of the users whose deeds a user may read."""
    rows = session.execute(
        select(User.id, User.email)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(User.email)
    )
    return [(found, email) for found, email in rows]
