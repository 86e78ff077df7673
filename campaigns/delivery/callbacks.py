"""Status callbacks: stored raw as they come, applied later in bulk by rank."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import BigInteger, insert, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.recording import Report, settle
from campaigns.messages import StatusEvent
from campaigns.states import AttemptState
from outreach.bulk import UNSYNCED, listed
from outreach.db import Database
from outreach.sms.gateway import StatusReport

log = logging.getLogger(__name__)

APPLY_LIMIT = 1000


class StatusWriter:
    """Stores the callbacks that come at the same time in one transaction: each costs a fraction of its own."""

    def __init__(self, db: Database, *, stored: Callable[[], object]) -> None:
        """`stored` is called once for each transaction, after its commit."""
        self._db, self._stored = db, stored
        self._waiting: SimpleQueue[tuple[dict[str, Any], Future[None]]] = SimpleQueue()
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
            "received_at": now,
            "applied_at": None if report.status else now,
        }
        is_durable: Future[None] = Future()
        self._waiting.put((event, is_durable))
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
                    session.execute(insert(StatusEvent), [event for event, _ in batch])
            except Exception as error:
                for _, is_durable in batch:
                    is_durable.set_exception(error)
            else:
                for _, is_durable in batch:
                    is_durable.set_result(None)
                try:
                    self._stored()
                except Exception:
                    # The sweep finds what was stored; this thread must outlive whatever the bell met.
                    log.exception("callbacks.bell_failed")


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
