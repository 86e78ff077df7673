"""The record of who did what. Written in the transaction of the deed itself, so neither stands alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from outreach.access.models import AuditEvent


def record(
    session: Session, *, actor_id: int | None, action: str, subject: str, now: datetime, **details: Any
) -> None:
    """`subject` is table:id. Details hold ids and counts, never numbers, names or texts."""
    session.add(AuditEvent(at=now, actor_id=actor_id, action=action, subject=subject, details=details))
