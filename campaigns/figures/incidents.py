"""Incidents: what must never happen, shown until a person of its scope has looked, and kept afterwards."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, case, cast, exists, func, or_, select, true, update
from sqlalchemy.orm import Session

from campaigns.messages import Attempt, Incident, Message
from campaigns.models import Campaign
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import NotFound


def list_incidents(session: Session, user: User, *, limit: int = 200) -> list[Incident]:
    """Those of the user's scope: what nobody has looked at first, then the newest."""
    return list(
        session.scalars(
            select(Incident)
            .where(_within(session, user))
            .order_by(Incident.seen_at.is_not(None), Incident.at.desc(), Incident.id.desc())
            .limit(limit)
        )
    )


def count_incidents(session: Session, user: User) -> int:
    """Incidents of the user's scope that nobody has looked at yet."""
    unseen = select(func.count()).select_from(Incident).where(Incident.seen_at.is_(None))
    return session.scalar(unseen.where(_within(session, user))) or 0


def mark_seen(session: Session, incident_id: int, *, user: User, now: datetime) -> None:
    """Say that a person has looked. It stays in the list. Raises NotAllowed, NotFound."""
    require_role(user, Role.APPROVER)
    theirs = (Incident.id == incident_id, _within(session, user))
    if not session.scalar(select(Incident.id).where(*theirs)):
        raise NotFound("Không có sự cố này.")
    seen = session.execute(
        update(Incident).where(Incident.id == incident_id, Incident.seen_at.is_(None)).values(seen_at=now)
    )
    if seen.rowcount == 1:  # type: ignore[attr-defined]
        audit.record(
            session, actor_id=user.id, action="incident.see", subject=f"incidents:{incident_id}", now=now
        )


def _within(session: Session, user: User) -> ColumnElement[bool]:
    """Of a campaign that the user may see. What belongs to no campaign is for those who see everything."""
    seen = visible_to(session, user, Campaign.organisation_id)
    if seen.compare(true()):
        return true()
    campaigns = select(Campaign.id).where(seen)
    of_message = exists().where(Message.id == _row("messages"), Message.campaign_id.in_(campaigns))
    of_attempt = exists().where(
        Attempt.id == _row("attempts"), Attempt.message_id == Message.id, Message.campaign_id.in_(campaigns)
    )
    return or_(of_message, of_attempt)


def _row(table: str) -> ColumnElement[int | None]:
    """The number behind `table:` in a subject; null in a subject of another table."""
    number = cast(func.substr(Incident.subject, len(table) + 2), BigInteger)
    return case((Incident.subject.startswith(f"{table}:"), number), else_=None)
