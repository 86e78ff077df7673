"""Status callbacks: stored raw as they come, applied later in bulk by rank."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import BigInteger, Insert, String, bindparam, case, cast, insert, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.recording import Report, settle
from campaigns.messages import StatusEvent
from campaigns.states import AttemptState
from outreach.bulk import UNSYNCED, as_text, listed, rows
from outreach.db import Database, UtcDateTime
from outreach.sms.gateway import StatusReport

log = logging.getLogger(__name__)

APPLY_LIMIT = 1000
# Those that come within it share a statement and its wait for the disk; nobody waits for a callback.
GATHER_S = 0.005
RING_EVERY_S = 0.1  # for those that follow one another
HOLD_S = 1.0  # a connection is kept for so long for the next

_COLUMNS = {"attempt_id": BigInteger, "gateway_id": String, "status": String, "cause": String, "code": String}


@dataclass(slots=True)
class _Waiting:
    event: dict[str, Any]
    came_at: datetime
    is_durable: Future[None]


class StatusWriter:
    """Stores the callbacks that come at the same time in one transaction: each costs a fraction of its own."""

    def __init__(self, db: Database, *, stored: Callable[[], object]) -> None:
        """`stored` is called after a commit; once for those that follow one another closely."""
        self._db, self._stored = db, stored
        self._waiting: SimpleQueue[_Waiting] = SimpleQueue()
        self._told_at = 0.0
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
        self._waiting.put(_Waiting(event, now, is_durable))
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
            try:
                with self._db.hold() as session:
                    insertion = _insertion(session)
                    while batch:
                        time.sleep(GATHER_S)
                        batch += self._come_within(0, most=APPLY_LIMIT - len(batch))
                        events = as_text([each.event for each in batch])
                        session.connection().execute(insertion, {"events": events, "now": batch[0].came_at})
                        session.commit()
                        for each in batch:
                            each.is_durable.set_result(None)
                        batch = self._come_within(self._told_at + RING_EVERY_S - time.monotonic())
                        if time.monotonic() >= self._told_at + RING_EVERY_S:
                            self._tell()
                        batch = batch or self._come_within(HOLD_S)
            except Exception as error:
                for each in batch:
                    each.is_durable.set_exception(error)

    def _come_within(self, seconds: float, *, most: int = 1) -> list[_Waiting]:
        come: list[_Waiting] = []
        with suppress(Empty):
            while len(come) < most:
                come.append(self._waiting.get(timeout=max(0.0, seconds)))
        return come

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        try:
            self._stored()
        except Exception:
            # The sweep finds what was stored; this thread must outlive whatever the bell met.
            log.exception("callbacks.bell_failed")


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
