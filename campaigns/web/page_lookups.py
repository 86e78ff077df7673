"""Lookups behind the answer page: recipients, page opens, and a guard against guessed links.

- `find_recipient`, `RecipientLookup`: read one recipient for their page, or many at once: a campaign's links are opened in the
  minutes after it was sent, by thousands.
- `OpenTracker`: records whose page was opened, a moment later and many at a time, so that opening costs nothing.
  Unverified: programs that check links ask for pages as well. What a killed process had not stored is lost.
- `TokenGuard`: limits guessing of links. A carrier puts thousands of phones behind one address, and none of them may pay
  for another's guesses: an address is refused only if most of its tokens open nothing, and then every link that it has
  not opened before, lest the one guess that hits be answered. A link counts once: one's own, opened a thousand times,
  buys no guesses. An IPv6 network of 48 bits is one address.
"""

import json
import logging
import time
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import BigInteger, Connection, Row, String, case, cast, func, literal, null, or_, select, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.replies import SafetyReport
from campaigns.replies.record_answer import counted_id
from campaigns.rules.states import Exclusion
from outreach.accounts.security_events import SecurityEvent, note_event
from outreach.contacts.wishes import LEFT_ALONE
from outreach.core.db import Database, UtcDateTime, insert_new, rows_table, values_parameter
from outreach.core.rate_limits import network_of
from outreach.models.contacts import Phone
from outreach.rules.wishes import EVERYTHING

_counted = aliased(Recipient)  # of those who were merged, whose answer the page shows
_RECIPIENTS = (
    select(
        Recipient.id,
        Recipient.campaign_id,
        Campaign.launched_at,
        Campaign.corrected_at,
        Campaign.fields,
        Recipient.contact_id,
        Recipient.list_id,
        _counted.answer,
        _counted.own_answer,
        _counted.wants_reminder,
        Recipient.clicked_at,
        Phone.language,
        # What the number or the person is left alone by: everything comes before the drive.
        select(func.min(LEFT_ALONE.c.scope))
        .where(
            LEFT_ALONE.c.scope.in_((EVERYTHING, literal("drive:").concat(cast(Campaign.drive_id, String)))),
            or_(LEFT_ALONE.c.phone_id == Recipient.phone_id, LEFT_ALONE.c.contact_id == Recipient.contact_id),
        )
        .scalar_subquery()
        .label("left_alone"),
        # On the page of a warning, what the number said of its safety: "" for nothing; NULL on other pages.
        case(
            (Campaign.urgent_reason == "", null()),
            else_=func.coalesce(
                select(cast(SafetyReport.status, String))
                .where(
                    SafetyReport.campaign_id == Recipient.campaign_id,
                    SafetyReport.phone_id == _counted.phone_id,
                )
                .scalar_subquery(),
                literal(""),
            ),
        ).label("safety"),
        _counted.phone_id,
    )
    .join(Campaign, Campaign.id == Recipient.campaign_id)
    .join(_counted, _counted.id == counted_id(Recipient))
    .join(Phone, Phone.id == Recipient.phone_id)
    # Without a contact the person was erased. Who was merged keeps the link that was sent: it must take an opt-out.
    .where(
        or_(Recipient.exclusion.is_(None), Recipient.exclusion == Exclusion.SAME_PERSON),
        Recipient.contact_id.is_not(None),
    )
)


def find_recipient(db: Database, recipient_id: int) -> Row[Any] | None:
    """Return a recipient's row with its campaign's launch and an opt-out, if any.

    Returns None if the id is not that of a person who is written to: unknown, excluded or erased.
    """
    with db.read() as session:
        statement: Any = _RECIPIENTS.where(Recipient.id == recipient_id)
        return session.execute(statement).first()


class RecipientLookup:
    """Reader of many recipients at once, for one thread."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: Connection | None = None
        ids = values_parameter("ids", is_postgresql=db.is_postgresql)
        self._statement: Any = _RECIPIENTS.where(Recipient.id.in_(ids))

    def find_all(self, ids: list[int]) -> list[Row[Any] | None]:
        """Return rows as `find_recipient`, in the order of the ids."""
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

    def _query(self, connection: Connection, ids: list[int]) -> list[Row[Any] | None]:
        try:
            rows = {row.id: row for row in connection.execute(self._statement, {"ids": json.dumps(ids)})}
            return [rows.get(each) for each in ids]
        finally:
            connection.rollback()


log = logging.getLogger(__name__)


EVERY_S = 1.0
MAX_REMEMBERED = 100_000


class OpenTracker:
    """Tracker that records each recipient's first page open once. `record` never waits and never raises."""

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
                session.execute(insert_new(session, PageOpen).from_select(names, rows))
        except Exception as error:
            log.warning("page_opens.not_stored count=%s error=%s", len(waiting), type(error).__name__)
            with self._lock:
                self._waiting = waiting | self._waiting

    def _write_all(self) -> None:
        while self._pending.wait():
            self._pending.clear()
            Event().wait(EVERY_S)
            self.write()


WINDOW_S = 10 * 60
MOST = 60  # an honest mistake is made once or twice; of 60 guesses one in 14,000 series hits
MOST_OF_ALL = 600  # however many links an address opens
# A Redis that hangs is not used again for this time: the page must not wait for it each time.
REDIS_RETRY_S = 30.0
MAX_WATCHED = 10_000  # addresses; one that is forgotten here is watched again from its next miss on
_MISSES, _OPENED = "misses", "opened"
_NOBODY = 0  # the id of no recipient: the set of opened links is never empty


def is_guessing(misses: int, hits: int) -> bool:
    """Return whether so many tokens that opened nothing exceed honest mistakes, against so many links that opened."""
    return misses > MOST_OF_ALL or (misses > MOST and misses > hits)


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
        return network_of(address) in self._watched

    def miss(self, address: str) -> int:
        """Count a token that opened nothing."""
        now, network = time.monotonic(), network_of(address)
        if len(self._watched) >= MAX_WATCHED:
            self._watched.clear()
        self._watched[network] = now + WINDOW_S
        counts = self._count(network, None, now)
        if counts is None:
            return 0
        misses, hits, _is_new, wait_s = counts
        if is_guessing(misses, hits) and not is_guessing(misses - 1, hits):
            note_event(self._redis, SecurityEvent.LINKS_GUESSED, address=address)
        return wait_s if is_guessing(misses, hits) else 0

    def hit(self, address: str, recipient_id: int) -> int:
        """Count a token that opens something. To be called before it does."""
        network = network_of(address)
        until = self._watched.get(network)
        if until is None:
            return 0
        now = time.monotonic()
        if now > until:
            self._watched.pop(network, None)
            return 0
        counts = self._count(network, recipient_id, now)
        if counts is None:
            return 0
        misses, hits, is_new, wait_s = counts
        if not is_new or not is_guessing(misses, hits - 1):
            return 0
        with suppress(RedisError):  # what was refused was not opened
            self._redis.srem(_key(network, _OPENED), recipient_id)
        return wait_s

    def _count(self, network: str, opened: int | None, now: float) -> tuple[int, int, bool, int] | None:
        """Count a miss, or a link that was opened.

        Returns the misses, the links opened, whether this one is new, and the seconds to the window's end; None without Redis.
        """
        if now < self._redis_away_until:
            return None
        misses_key, opened_key = _key(network, _MISSES), _key(network, _OPENED)
        try:
            with self._redis.pipeline() as pipe:
                pipe.incrby(misses_key, 1 if opened is None else 0)
                pipe.expire(misses_key, WINDOW_S, nx=True)
                pipe.sadd(opened_key, _NOBODY)
                pipe.sadd(opened_key, _NOBODY if opened is None else opened)
                pipe.expire(opened_key, WINDOW_S, nx=True)
                pipe.scard(opened_key)
                pipe.ttl(misses_key)
                misses, _, _, is_new, _, links, ttl_s = pipe.execute()
        except RedisError as error:
            self._redis_away_until = time.monotonic() + REDIS_RETRY_S
            log.warning("answer_page.guard_away error=%s", type(error).__name__)
            return None
        return int(misses), int(links) - 1, bool(is_new), max(1, int(ttl_s))


def _key(network: str, field: str) -> str:
    return f"loa:tokens:{network}:{field}"
