"""Security events: refusals that an administrator should see, logged, counted for the metrics, and kept for a page.

The log is the record. Redis holds the counts since it was started, and the latest events, for 30 days.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from redis import Redis, RedisError

log = logging.getLogger(__name__)

KEPT = 5_000  # events
_KEPT_FOR = timedelta(days=30)
_EVENTS, _COUNTS = "loa:security:events", "loa:security:counts"


class SecurityEvent(StrEnum):
    """Kinds of refusals."""

    LOGIN_REFUSED = "login_refused"  # a wrong password, or no such account
    CODE_REFUSED = "code_refused"  # a wrong second factor
    LOGIN_BRAKED = "login_braked"  # too many attempts
    FORBIDDEN = "forbidden"  # a signed-in user asked for what their role or scope does not have
    API_REFUSED = "api_refused"  # no token, one that has ended, a missing right, too many requests
    WEBHOOK_REFUSED = "webhook_refused"  # a callback with a wrong signature
    LINKS_GUESSED = "links_guessed"  # an address that tries links which open nothing
    NUMBERS_QUOTA = "numbers_quota"  # an officer who opened more full numbers than the quota


@dataclass(frozen=True, slots=True)
class NotedEvent:
    """Event as kept. `who` names a row as `users:5`, or is empty."""

    at: datetime
    event: SecurityEvent
    address: str
    who: str


def note_event(redis: Redis, event: SecurityEvent, *, address: str, who: str = "") -> None:
    """Log an event, count it and keep it. Without Redis it is logged alone."""
    log.warning("security.%s address=%s who=%s", event.value, address, who or "-")
    try:
        with redis.pipeline(transaction=False) as pipe:
            fields: Any = {"event": event.value, "address": address, "who": who}
            pipe.xadd(_EVENTS, fields, maxlen=KEPT, approximate=True)
            pipe.expire(_EVENTS, _KEPT_FOR)
            pipe.hincrby(_COUNTS, event.value, 1)
            pipe.execute()
    except RedisError as error:
        log.warning("security.not_kept error=%s", type(error).__name__)


def read_events(redis: Redis, *, event: SecurityEvent | None = None, limit: int = 200) -> list[NotedEvent]:
    """Return the latest events, newest first, of one kind or all. Raises redis.RedisError."""
    found: list[NotedEvent] = []
    entries: Any = redis.xrevrange(_EVENTS, count=KEPT if event else limit)
    for number, fields in entries:
        values = {name.decode(): value.decode() for name, value in fields.items()}
        if (event and values["event"] != event) or values["event"] not in list(SecurityEvent):
            continue
        at = datetime.fromtimestamp(int(number.split(b"-")[0]) / 1000, UTC)
        found.append(NotedEvent(at, SecurityEvent(values["event"]), values["address"], values["who"]))
    return found[:limit]


def count_events(redis: Redis) -> Counter[SecurityEvent]:
    """Return how many events of each kind there were since Redis was started. Raises redis.RedisError."""
    counts: Any = redis.hgetall(_COUNTS)
    return Counter({event: int(counts.get(event.value.encode(), 0)) for event in SecurityEvent})
