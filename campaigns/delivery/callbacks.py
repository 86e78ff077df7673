"""Status callbacks: stored raw as they come, applied later in bulk by rank."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Self

from sqlalchemy import BigInteger, Insert, String, bindparam, case, cast, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.delivery.recording import Report, settle
from campaigns.messages import StatusEvent
from campaigns.states import AttemptState
from outreach.bulk import UNSYNCED, as_text, listed, rows
from outreach.db import Database, UtcDateTime
from outreach.sms.gateway import StatusReport

APPLY_LIMIT = 1000

_COLUMNS = {"attempt_id": BigInteger, "gateway_id": String, "status": String, "cause": String, "code": String}


class Callback(NamedTuple):
    """What a gateway said of an attempt, as it is stored. A status that is new to us is empty."""

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


class CallbackStore:
    """A connection over which callbacks are stored, made at the first ones and kept until `let_go`. For one thread at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held: AbstractContextManager[Session] | None = None
        self._session: Session
        self._insertion: Insert

    def store(self, callbacks: Sequence[Callback], *, now: datetime) -> None:
        """Return once they are durable; raises what the database raised, and then none is stored.

        A status that is new to us is kept too, already applied: it changes nothing.
        """
        is_kept = self._held is not None
        try:
            self._store(callbacks, now=now)
        except OperationalError:
            # One that was kept may have been cut meanwhile, which shows only now.
            if not is_kept:
                raise
            self._store(callbacks, now=now)

    def _store(self, callbacks: Sequence[Callback], *, now: datetime) -> None:
        try:
            if self._held is None:
                held = self._db.hold()
                self._session, self._held = held.__enter__(), held
                self._insertion = _insertion(self._session)
            events = as_text([each._asdict() for each in callbacks])
            self._session.connection().execute(self._insertion, {"events": events, "now": now})
            self._session.commit()
        except BaseException:
            self.let_go()
            raise

    def let_go(self) -> None:
        """Give the connection back; what was not committed is gone."""
        held, self._held = self._held, None
        if held:
            held.__exit__(None, None, None)


def _insertion(session: Session) -> Insert:
    """Made once for many batches: to make it costs more than to run it."""
    new = rows(session, _COLUMNS, bindparam("events", type_=String))
    now = bindparam("now", type_=UtcDateTime)
    values = {
        **{name: new.c[name] for name in _COLUMNS},
        "received_at": cast(now, UtcDateTime),
        "applied_at": case((new.c.status == "", cast(now, UtcDateTime))),
    }
    return insert(StatusEvent).from_select(list(values), select(*values.values()))


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
