"""Status callbacks: stored raw as they come, and applied later in bulk."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Self

from sqlalchemy import BigInteger, ColumnElement, Insert, String, bindparam, case, cast, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.messages import StatusEvent
from campaigns.rules.states import AttemptReport, AttemptState
from outreach.core.db import (
    Database,
    UtcDateTime,
    columns_of,
    is_postgresql,
    rows_json,
    rows_table,
    set_columns,
    values_subquery,
)
from outreach.rules.gateway import StatusReport

APPLY_LIMIT = 1000
_CALLBACK_COLUMNS = {
    "attempt_id": BigInteger,
    "gateway_id": String,
    "status": String,
    "cause": String,
    "code": String,
}


class StatusCallback(NamedTuple):
    """A status callback as it is stored. `status` is empty if the gateway sent one that is new to us."""

    attempt_id: int
    gateway_id: str
    status: str
    cause: str | None
    code: str | None

    @classmethod
    def of(cls, attempt_id: int, report: StatusReport) -> Self:
        return cls(
            attempt_id,
            report.gateway_id[:64],
            report.status.value if report.status else "",
            report.cause.value if report.cause else None,
            report.code[:24] if report.code else None,
        )


class StatusCallbackStore:
    """Database connection for storing callbacks, opened at the first ones and kept until `close`.

    For one thread at a time.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._context: AbstractContextManager[Session] | None = None
        self._session: Session
        self._insertion: Insert

    def store(self, callbacks: Sequence[StatusCallback], *, now: datetime) -> None:
        """Store callbacks and return once they are durable.

        Raises what the database raised, and then none is stored. A callback with a status that is new to us is kept too,
        already applied: it changes nothing.
        """
        was_open = self._context is not None
        try:
            self._store(callbacks, now=now)
        except OperationalError:
            # A connection kept open may have been cut meanwhile, which shows only now.
            if not was_open:
                raise
            self._store(callbacks, now=now)

    def _store(self, callbacks: Sequence[StatusCallback], *, now: datetime) -> None:
        try:
            if self._context is None:
                context = self._db.autocommit_session()
                self._session, self._context = context.__enter__(), context
                self._insertion = _insertion(self._session)
            events = rows_json([callback._asdict() for callback in callbacks])
            self._session.connection().execute(self._insertion, {"events": events, "now": now})
            self._session.commit()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection. What was not committed is lost."""
        context, self._context = self._context, None
        if context:
            context.__exit__(None, None, None)


def _insertion(session: Session) -> Insert:
    """Return the INSERT for callbacks. Built once for many batches: to build it costs more than to run it."""
    new = rows_table(session, _CALLBACK_COLUMNS, bindparam("events", type_=String))
    now: ColumnElement[datetime] = bindparam("now", type_=UtcDateTime)
    if is_postgresql(session):
        now = cast(now, UtcDateTime)  # SQLite would make the number 2026 of it
    values = {
        **{name: new.c[name] for name in _CALLBACK_COLUMNS},
        "received_at": now,
        "applied_at": case((new.c.status == "", now)),
    }
    return insert(StatusEvent).from_select(list(values), select(*values.values()))


def apply_status_callbacks(session: Session, *, now: datetime, secret_key: str) -> int:
    """Apply up to APPLY_LIMIT stored callbacks, in any order. Returns how many there were."""
    events = session.execute(
        select(*columns_of(StatusEvent, "id attempt_id gateway_id status cause code"))
        .where(StatusEvent.applied_at.is_(None))
        .order_by(StatusEvent.id)
        .limit(APPLY_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    apply_reports(
        session,
        [
            AttemptReport(
                event.attempt_id,
                AttemptState(event.status),
                event.gateway_id or None,
                cause=event.cause,
                code=event.code,
            )
            for event in events
        ],
        now=now,
        secret_key=secret_key,
    )
    applied = values_subquery(session, [event.id for event in events])
    set_columns(session, StatusEvent, StatusEvent.id.in_(applied), applied_at=now)
    return len(events)
