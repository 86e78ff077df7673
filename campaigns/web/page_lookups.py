"""Batched look-ups, page opens, guard on guessing.

Where recipients stand, for their page. Those who ask while a look-up is under way share the next one: a
campaign's links are opened in the minutes after it was sent, by thousands.

Whose page was asked for: noted a moment later and many at a time, so that looking costs nothing.

Unverified: programs that look at links ask for pages as well. What a process that is killed still held is lost.

A brake on guessing links. A carrier puts thousands of phones behind one address, and none of them may pay for
another's guesses: an address is held up only where most of its tokens open nothing, and then as a whole, lest the one
guess that hits be answered.
"""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import BigInteger, Connection, Row, and_, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from outreach.core.bulk import rows_table, values_parameter
from outreach.core.db import Database, UtcDateTime
from outreach.models.contacts import Phone, Suppression, SuppressionReason

_STANDINGS = (
    select(
        Recipient.id,
        Recipient.campaign_id,
        Campaign.launched_at,
        Campaign.corrected_at,
        Recipient.list_id,
        Recipient.answer,
        Recipient.clicked_at,
        Phone.language,
        Suppression.id.label("left_alone"),
    )
    .join(Campaign, Campaign.id == Recipient.campaign_id)
    .join(Phone, Phone.id == Recipient.phone_id)
    .outerjoin(
        Suppression,
        and_(
            Suppression.phone_id == Recipient.phone_id,
            Suppression.reason == SuppressionReason.OPT_OUT,
            Suppression.lifted_at.is_(None),
        ),
    )
    # Without a contact the person was erased.
    .where(Recipient.exclusion.is_(None), Recipient.contact_id.is_not(None))
)


@dataclass(slots=True)
class _Question:
    recipient_id: int
    is_answered: bool = False
    standing: Row[Any] | None = None
    error: Exception | None = None


class RecipientLookup:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._turn = Lock()
        self._waiting: deque[_Question] = deque()
        self._connection: Connection | None = None
        ids = values_parameter("ids", BigInteger, is_postgresql=db.is_postgresql)
        self._statement: Any = _STANDINGS.where(Recipient.id.in_(ids))

    def find(self, recipient_id: int) -> Row[Any] | None:
        """The recipient's row with its campaign's launch and an opt-out, if any; None for nobody who is written to."""
        question = _Question(recipient_id)
        self._waiting.append(question)
        with self._turn:
            if not question.is_answered:
                self._answer([self._waiting.popleft() for _ in range(len(self._waiting))])
        if question.error:
            raise question.error
        return question.standing

    def _answer(self, questions: list[_Question]) -> None:
        try:
            found = self.find_all([question.recipient_id for question in questions])
        except Exception as error:
            for question in questions:
                question.error, question.is_answered = error, True
            return
        for question in questions:
            question.standing, question.is_answered = found.get(question.recipient_id), True

    def find_all(self, ids: list[int]) -> dict[int, Row[Any]]:
        """As `find`, for many at once and by their ids. Nobody else may ask meanwhile."""
        if self._connection is not None:
            try:
                return self._ask(self._connection, ids)
            except DBAPIError:
                # The database was started anew meanwhile; if it is away, the next try says so.
                self._connection.invalidate()
                self._connection.close()
                self._connection = None
        self._connection = self._db.connect_autocommit()
        return self._ask(self._connection, ids)

    def _ask(self, connection: Connection, ids: list[int]) -> dict[int, Row[Any]]:
        try:
            found = connection.execute(self._statement, {"ids": json.dumps(ids)})
            return {row.id: row for row in found}
        finally:
            connection.rollback()


log = logging.getLogger(__name__)


EVERY_S = 1.0
MOST_REMEMBERED = 100_000


class OpenTracker:
    """Notes each recipient's first opening once; `note` never waits and never raises."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = Lock()
        self._waiting: dict[tuple[int, int], datetime] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._thread: Thread | None = None
        self._pending = Event()

    def record(self, campaign_id: int, recipient_id: int, *, now: datetime) -> None:
        with self._lock:
            if recipient_id in self._known or len(self._waiting) >= MOST_REMEMBERED:
                return
            self._known[recipient_id] = None
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
            self._waiting[campaign_id, recipient_id] = now
            # Not earlier: the server forks its processes after the application was made.
            if self._thread is None:
                self._thread = Thread(target=self._write_all, name="page-opens", daemon=True)
                self._thread.start()
        self._pending.set()

    def write(self) -> None:
        """Store what waits. With the database away it waits on, up to a limit."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            with self._db.write() as session:
                opened = rows_table(
                    session,
                    {"campaign_id": BigInteger, "recipient_id": BigInteger},
                    [{"campaign_id": campaign, "recipient_id": whose} for campaign, whose in waiting],
                )
                moment = literal(max(waiting.values()), UtcDateTime)
                chosen = select(opened.c.campaign_id, opened.c.recipient_id, moment).where(true())
                names = ["campaign_id", "recipient_id", "at"]
                session.execute(_insert(session).from_select(names, chosen).on_conflict_do_nothing())
        except Exception as error:
            log.warning("page_opens.not_stored count=%s error=%s", len(waiting), type(error).__name__)
            with self._lock:
                self._waiting = waiting | self._waiting

    def _write_all(self) -> None:
        while self._pending.wait():
            self._pending.clear()
            Event().wait(EVERY_S)
            self.write()


def _insert(session: Session) -> Any:
    """Only the two dialects' own statements know ON CONFLICT."""
    return (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(PageOpen)


WINDOW_S = 10 * 60
MOST = 60  # an honest mistake is made once or twice; of 60 guesses one in 14,000 series hits
# A Redis that hangs is not asked again for so long: the page must not wait for it each time.
LEFT_ALONE_S = 30.0
MOST_WATCHED = 10_000  # addresses; whose misses are forgotten here is watched again with the next
_MISSES, _HITS = "misses", "hits"


def is_guessing(misses: int, hits: int) -> bool:
    """Whether so many tokens that opened nothing, beside so many that did, are more than honest mistakes."""
    return misses > MOST and misses > hits


class TokenGuard:
    """Counts in Redis for all processes, from an address's first miss on: of others no hit costs a round trip.

    Both give the seconds to wait, 0 where the address may go on. Redis away limits nobody.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._away_until = 0.0
        self._watched: dict[str, float] = {}  # address to the end of its window, as this process knows it

    def is_watched(self, address: str) -> bool:
        """Whether a hit of this address has to be counted."""
        return address in self._watched

    def miss(self, address: str) -> int:
        """Count a token that opened nothing."""
        now = time.monotonic()
        if len(self._watched) >= MOST_WATCHED:
            self._watched.clear()
        self._watched[address] = now + WINDOW_S
        return self._count(address, _MISSES, now)

    def hit(self, address: str) -> int:
        """Count a token that opens something; to be asked before it does."""
        until = self._watched.get(address)
        if until is None:
            return 0
        now = time.monotonic()
        if now > until:
            self._watched.pop(address, None)
            return 0
        return self._count(address, _HITS, now)

    def _count(self, address: str, what: str, now: float) -> int:
        if now < self._away_until:
            return 0
        key = f"loa:tokens:{address}"
        try:
            with self._redis.pipeline() as pipe:
                pipe.hincrby(key, what, 1)
                pipe.expire(key, WINDOW_S, nx=True)
                pipe.hmget(key, _MISSES, _HITS)
                pipe.ttl(key)
                _, _, counted, left = pipe.execute()
        except RedisError as error:
            self._away_until = time.monotonic() + LEFT_ALONE_S
            log.warning("answer_page.guard_away error=%s", type(error).__name__)
            return 0
        misses, hits = (int(each or 0) for each in counted)
        if what is _MISSES and misses == MOST + 1:
            log.warning("answer_page.guessing tokens=%s hits=%s", misses, hits)
        return max(1, int(left)) if is_guessing(misses, hits) else 0
