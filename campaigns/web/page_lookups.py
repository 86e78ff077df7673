"""Lookups behind the answer page: recipients, page opens, and a guard against guessed links.

- `RecipientLookup`: reads recipients for their page. Requests that come during a query share the next one: a campaign's
  links are opened in the minutes after it was sent, by thousands.
- `OpenTracker`: records whose page was opened, a moment later and many at a time, so that opening costs nothing.
  Unverified: programs that check links ask for pages as well. What a killed process had not stored is lost.
- `TokenGuard`: limits guessing of links. A carrier puts thousands of phones behind one address, and none of them may pay
  for another's guesses: an address is refused only if most of its tokens open nothing, and then as a whole, lest the one
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

_RECIPIENTS = (
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
class _Request:
    recipient_id: int
    is_answered: bool = False
    row: Row[Any] | None = None
    error: Exception | None = None


class RecipientLookup:
    """Batched reader of recipients, for threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = Lock()
        self._waiting: deque[_Request] = deque()
        self._connection: Connection | None = None
        ids = values_parameter("ids", BigInteger, is_postgresql=db.is_postgresql)
        self._statement: Any = _RECIPIENTS.where(Recipient.id.in_(ids))

    def find(self, recipient_id: int) -> Row[Any] | None:
        """Return the recipient's row with its campaign's launch and an opt-out, if any.

        Returns None if the id is not that of a person who is written to: unknown, excluded or erased.
        """
        request = _Request(recipient_id)
        self._waiting.append(request)
        with self._lock:
            if not request.is_answered:
                self._resolve([self._waiting.popleft() for _ in range(len(self._waiting))])
        if request.error:
            raise request.error
        return request.row

    def _resolve(self, requests: list[_Request]) -> None:
        try:
            rows = self.find_all([request.recipient_id for request in requests])
        except Exception as error:
            for request in requests:
                request.error, request.is_answered = error, True
            return
        for request in requests:
            request.row, request.is_answered = rows.get(request.recipient_id), True

    def find_all(self, ids: list[int]) -> dict[int, Row[Any]]:
        """Return rows as `find`, for many ids at once. No other thread may use the lookup meanwhile."""
        if self._connection is not None:
            try:
                return self._query(self._connection, ids)
            except DBAPIError:
                # The database was restarted meanwhile; if it is away, the next try raises.
                self._connection.invalidate()
                self._connection.close()
                self._connection = None
        self._connection = self._db.connect_autocommit()
        return self._query(self._connection, ids)

    def _query(self, connection: Connection, ids: list[int]) -> dict[int, Row[Any]]:
        try:
            rows = connection.execute(self._statement, {"ids": json.dumps(ids)})
            return {row.id: row for row in rows}
        finally:
            connection.rollback()


log = logging.getLogger(__name__)


EVERY_S = 1.0
MAX_REMEMBERED = 100_000


class OpenTracker:
    """Tracker that records each recipient's first page open once.

    `record` never waits and never raises.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = Lock()
        self._waiting: dict[tuple[int, int], datetime] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._thread: Thread | None = None
        self._pending = Event()

    def record(self, campaign_id: int, recipient_id: int, *, now: datetime) -> None:
        with self._lock:
            if recipient_id in self._known or len(self._waiting) >= MAX_REMEMBERED:
                return
            self._known[recipient_id] = None
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
            self._waiting[campaign_id, recipient_id] = now
            # Not earlier: the server forks its processes after the application was created.
            if self._thread is None:
                self._thread = Thread(target=self._write_all, name="page-opens", daemon=True)
                self._thread.start()
        self._pending.set()

    def write(self) -> None:
        """Store what waits. While the database is away it goes on waiting, up to a limit."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            with self._db.write() as session:
                opens = rows_table(
                    session,
                    {"campaign_id": BigInteger, "recipient_id": BigInteger},
                    [{"campaign_id": campaign, "recipient_id": recipient} for campaign, recipient in waiting],
                )
                moment = literal(max(waiting.values()), UtcDateTime)
                rows = select(opens.c.campaign_id, opens.c.recipient_id, moment).where(true())
                names = ["campaign_id", "recipient_id", "at"]
                session.execute(_insert(session).from_select(names, rows).on_conflict_do_nothing())
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
    """Return the dialect's INSERT: only these two know ON CONFLICT."""
    return (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(PageOpen)


WINDOW_S = 10 * 60
MOST = 60  # an honest mistake is made once or twice; of 60 guesses one in 14,000 series hits
# A Redis that hangs is not used again for this time: the page must not wait for it each time.
REDIS_RETRY_S = 30.0
MAX_WATCHED = 10_000  # addresses; one that is forgotten here is watched again from its next miss on
_MISSES, _HITS = "misses", "hits"


def is_guessing(misses: int, hits: int) -> bool:
    """Return whether so many tokens that opened nothing, against so many hits, exceed honest mistakes."""
    return misses > MOST and misses > hits


class TokenGuard:
    """Guard that counts hits and misses of an address in Redis, for all processes.

    It counts from an address's first miss on: for other addresses no hit costs a round trip. `hit` and `miss` return the
    seconds to wait, 0 if the address may go on. Without Redis nothing is limited.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._redis_away_until = 0.0
        self._watched: dict[str, float] = {}  # end of the window by address, as this process knows it

    def is_watched(self, address: str) -> bool:
        """Return whether a hit of this address has to be counted."""
        return address in self._watched

    def miss(self, address: str) -> int:
        """Count a token that opened nothing."""
        now = time.monotonic()
        if len(self._watched) >= MAX_WATCHED:
            self._watched.clear()
        self._watched[address] = now + WINDOW_S
        return self._count(address, _MISSES, now)

    def hit(self, address: str) -> int:
        """Count a token that opens something. To be called before it does."""
        until = self._watched.get(address)
        if until is None:
            return 0
        now = time.monotonic()
        if now > until:
            self._watched.pop(address, None)
            return 0
        return self._count(address, _HITS, now)

    def _count(self, address: str, field: str, now: float) -> int:
        if now < self._redis_away_until:
            return 0
        key = f"loa:tokens:{address}"
        try:
            with self._redis.pipeline() as pipe:
                pipe.hincrby(key, field, 1)
                pipe.expire(key, WINDOW_S, nx=True)
                pipe.hmget(key, _MISSES, _HITS)
                pipe.ttl(key)
                _, _, totals, ttl_s = pipe.execute()
        except RedisError as error:
            self._redis_away_until = time.monotonic() + REDIS_RETRY_S
            log.warning("answer_page.guard_away error=%s", type(error).__name__)
            return 0
        misses, hits = (int(total or 0) for total in totals)
        if field is _MISSES and misses == MOST + 1:
            log.warning("answer_page.guessing tokens=%s hits=%s", misses, hits)
        return max(1, int(ttl_s)) if is_guessing(misses, hits) else 0
