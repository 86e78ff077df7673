"""Status callbacks: stored raw as they come, applied later in bulk by rank."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.recording import Report, settle
from campaigns.messages import StatusEvent
from campaigns.states import AttemptState
from outreach.bulk import UNSYNCED, listed
from outreach.sms.gateway import StatusReport

APPLY_LIMIT = 1000


def store_status(session: Session, attempt_id: int, report: StatusReport, *, now: datetime) -> None:
    """Append what came. A status that is new to us is kept too, already applied: it changes nothing."""
    session.add(
        StatusEvent(
            attempt_id=attempt_id,
            gateway_id=report.gateway_id[:64],
            status=report.status.value if report.status else "",
            cause=report.cause.value if report.cause else None,
            code=report.code[:24] if report.code else None,
            received_at=now,
            applied_at=None if report.status else now,
        )
    )


def apply_statuses(session: Session, *, now: datetime, secret_key: str) -> int:
    """Apply one round of waiting callbacks; how many there were. Order does not matter."""
    events = session.execute(
        select(
            StatusEvent.id,
            StatusEvent.attempt_id,
            StatusEvent.gateway_id,
            StatusEvent.status,
            StatusEvent.cause,
            StatusEvent.code,
        )
        .where(StatusEvent.applied_at.is_(None))
        .order_by(StatusEvent.id)
        .limit(APPLY_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    settle(
        session,
        [
            Report(e.attempt_id, AttemptState(e.status), e.gateway_id or None, cause=e.cause, code=e.code)
            for e in events
        ],
        now=now,
        secret_key=secret_key,
    )
    session.execute(
        update(StatusEvent)
        .where(StatusEvent.id.in_(listed(session, [event.id for event in events], BigInteger)))
        .values(applied_at=now),
        execution_options=UNSYNCED,
    )
    return len(events)
