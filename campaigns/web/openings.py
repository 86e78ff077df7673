"""Whose page was asked for: noted a moment later and many at a time, so that looking costs nothing.

Unverified: programs that look at links ask for pages as well. What a process that is killed still held is lost.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from sqlalchemy import BigInteger, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from campaigns.models import Opening
from outreach.bulk import rows
from outreach.db import Database, UtcDateTime

log = logging.getLogger(__name__)

EVERY_S = 1.0
MOST_REMEMBERED = 100_000


class Openings:
    """Notes each recipient's first opening once; `note` never waits and never raises."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = Lock()
        self._waiting: dict[tuple[int, int], datetime] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._thread: Thread | None = None
        self._rings = Event()

    def note(self, campaign_id: int, recipient_id: int, *, now: datetime) -> None:
        with self._lock:
            if recipient_id in self._known or len(self._waiting) >= MOST_REMEMBERED:
                return
            self._known[recipient_id] = None
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
            self._waiting[campaign_id, recipient_id] = now
            # Not earlier: the server forks its processes after the application was made.
            if self._thread is None:
                self._thread = Thread(target=self._write_all, name="openings", daemon=True)
                self._thread.start()
        self._rings.set()

    def write(self) -> None:
        """Store what waits. With the database away it waits on, up to a limit."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            with self._db.write() as session:
                opened = rows(
                    session,
                    {"campaign_id": BigInteger, "recipient_id": BigInteger},
                    [{"campaign_id": campaign, "recipient_id": whose} for campaign, whose in waiting],
                )
                moment = literal(max(waiting.values()), UtcDateTime)
                chosen = select(opened.c.campaign_id, opened.c.recipient_id, moment).where(true())
                names = ["campaign_id", "recipient_id", "at"]
                session.execute(_insert(session).from_select(names, chosen).on_conflict_do_nothing())
        except Exception as error:
            log.warning("openings.not_stored count=%s error=%s", len(waiting), type(error).__name__)
            with self._lock:
                self._waiting = waiting | self._waiting

    def _write_all(self) -> None:
        while self._rings.wait():
            self._rings.clear()
            Event().wait(EVERY_S)
            self.write()


def _insert(session: Session) -> Any:
    """Only the two dialects' own statements know ON CONFLICT."""
    return (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(Opening)
