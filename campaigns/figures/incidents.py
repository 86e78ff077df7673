"""Incidents: what must never happen, shown until a person has looked, and kept afterwards."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.messages import Incident
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role
from outreach.errors import NotFound


def list_incidents(session: Session, *, limit: int = 200) -> list[Incident]:
    """Those that nobody has looked at first, then the newest."""
    return list(
        session.scalars(
            select(Incident)
            .order_by(Incident.seen_at.is_not(None), Incident.at.desc(), Incident.id.desc())
            .limit(limit)
        )
    )


def mark_seen(session: Session, incident_id: int, *, user: User, now: datetime) -> None:
    """Say that a person has looked. It stays in the list. Raises NotAllowed, NotFound."""
    require_role(user, Role.APPROVER)
    if session.get(Incident, incident_id) is None:
        raise NotFound("Không có sự cố này.")
    seen = session.execute(
        update(Incident).where(Incident.id == incident_id, Incident.seen_at.is_(None)).values(seen_at=now)
    )
    if seen.rowcount == 1:  # type: ignore[attr-defined]
        audit.record(
            session, actor_id=user.id, action="incident.see", subject=f"incidents:{incident_id}", now=now
        )
