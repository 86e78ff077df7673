"""A brake on guessing links. It counts tokens that open nothing, never those that do: a carrier puts thousands
of phones behind one address, and none of them may pay for another's guesses."""

from __future__ import annotations

import logging
import time

from redis import Redis, RedisError

from outreach.brake import count

log = logging.getLogger(__name__)

WINDOW_S = 10 * 60
MOST = 60  # an honest mistake is made once or twice; of 60 guesses one in 14,000 series hits

# A Redis that hangs is not asked again for so long: the page must not wait for it each time.
LEFT_ALONE_S = 30.0


class FailedTokens:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._away_until = 0.0

    def count(self, address: str) -> int:
        """Count a token that opened nothing; seconds to wait, 0 while there were few. Redis away limits nobody."""
        if time.monotonic() < self._away_until:
            return 0
        try:
            times, left = count(self._redis, f"loa:failed-tokens:{address}", window_s=WINDOW_S)
        except RedisError as error:
            self._away_until = time.monotonic() + LEFT_ALONE_S
            log.warning("answer_page.brake_away error=%s", type(error).__name__)
            return 0
        if times == MOST + 1:
            log.warning("answer_page.guessing tokens=%s", times)
        return left if times > MOST else 0
