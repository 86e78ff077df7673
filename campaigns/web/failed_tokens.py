"""A brake on guessing links. A carrier puts thousands of phones behind one address, and none of them may pay for
another's guesses: an address is held up only where most of its tokens open nothing, and then as a whole, lest the one
guess that hits be answered."""

from __future__ import annotations

import logging
import time

from redis import Redis, RedisError

log = logging.getLogger(__name__)

WINDOW_S = 10 * 60
MOST = 60  # an honest mistake is made once or twice; of 60 guesses one in 14,000 series hits

# A Redis that hangs is not asked again for so long: the page must not wait for it each time.
LEFT_ALONE_S = 30.0

MOST_WATCHED = 10_000  # addresses; whose misses are forgotten here is watched again with the next

_MISSES, _HITS = "misses", "hits"


def is_guessing(misses: int, hits: int) -> bool:
    """Whether so many tokens that opened nothing, beside so many that did, are more than honest mistakes."""
    return misses > MOST and misses > hits


class FailedTokens:
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
            log.warning("answer_page.brake_away error=%s", type(error).__name__)
            return 0
        misses, hits = (int(each or 0) for each in counted)
        if what is _MISSES and misses == MOST + 1:
            log.warning("answer_page.guessing tokens=%s hits=%s", misses, hits)
        return max(1, int(left)) if is_guessing(misses, hits) else 0
