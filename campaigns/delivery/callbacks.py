"""Status callbacks: stored raw as they come, applied later in bulk by rank."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import BigInteger, String, case, insert, literal, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.recording import Report, settle
from campaigns.messages import StatusEvent
from campaigns.states import AttemptState
from outreach.bulk import UNSYNCED, listed, rows
from outreach.db import Database, UtcDateTime
from outreach.sms.gateway import StatusReport

log = logging.getLogger(__name__)

APPLY_LIMIT = 1000

_COLUMNS = {"attempt_id": BigInteger, "gateway_id": String, "status": String, "cause": String, "code": String}


class StatusWriter:
    """Stores the callbacks that come at the same time in one transaction: each costs a fraction of its own."""

    def __init__(self, db: Database, *, stored: Callable[[], object]) -> None:
        """`stored` is called once for each transaction, after its commit."""
        self._db, self._stored = db, stored
        self._waiting: SimpleQueue[tuple[dict[str, Any], datetime, Future[None]]] = SimpleQueue()
        self._starting = Lock()
        self._thread: Thread | None = None

    def store(self, attempt_id: int, report: StatusReport, *, now: datetime) -> None:
        """Return once what came is durable; raises what the transaction raised, and then nothing is stored.

        A status that is new to us is kept too, already applied: it changes nothing.
        """
        event = {
            "attempt_id": attempt_id,
            "gateway_id": report.gateway_id[:64],
            "status": report.status.value if report.status else "",
            "cause": report.cause.value if report.cause else None,
            "code": report.code[:24] if report.code else None,
        }
        is_durable: Future[None] = Future()
        self._waiting.put((event, now, is_durable))
        # Not earlier: the server forks its processes after the application was made.
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = Thread(target=self._write_all, name="status-writer", daemon=True)
                    self._thread.start()
        is_durable.result()

    def _write_all(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < APPLY_LIMIT and not self._waiting.empty():
                batch.append(self._waiting.get())
            try:
                with self._db.write() as session:
                    _insert(session, [event for event, _, _ in batch], now=batch[0][1])
            except Exception as error:
                for _, _, is_durable in batch:
                    is_durable.set_exception(error)
            else:
                for _, _, is_durable in batch:
                    is_durable.set_result(None)
                try:
                    self._stored()
                except Exception:
                    # The sweep finds what was stored; this thread must outlive whatever the bell met.
                    log.exception("callbacks.bell_failed")


def _insert(session: Session, events: list[dict[str, Any]], *, now: datetime) -> None:
    new = rows(session, _COLUMNS, events)
    values = {
        **{name: new.c[name] for name in _COLUMNS},
        "received_at": literal(now, UtcDateTime),
        "applied_at": case((new.c.status == "", literal(now, UtcDateTime))),
    }
    session.execute(insert(StatusEvent).from_select(list(values), select(*values.values())))


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
