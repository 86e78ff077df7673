"""Fixed-window rate limits, counted in Redis for all processes. While Redis is unavailable nothing is limited."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis, RedisError

log = logging.getLogger(__name__)


@lru_cache(maxsize=8)
def _limiter(redis: Redis) -> FixedWindowRateLimiter:
    # It sends over our connections: with their timeouts a Redis that hangs does not hold up a request.
    return FixedWindowRateLimiter(RedisStorage("redis://", redis.connection_pool, key_prefix="loa"))


def hit(redis: Redis, limit: RateLimitItem, name: str) -> int:
    """Count a hit of `name`. Returns the seconds to wait, 0 if it may go on. Raises redis.RedisError."""
    limiter = _limiter(redis)
    if limiter.hit(limit, name):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(limit, name).reset_time - time.time()))


def clear(redis: Redis, limit: RateLimitItem, name: str) -> None:
    """Forget the hits of `name`. Raises redis.RedisError."""
    _limiter(redis).clear(limit, name)


def refund(redis: Redis, limit: RateLimitItem, name: str) -> None:
    """Take one hit of `name` back. Raises redis.RedisError."""
    _limiter(redis).storage.incr(limit.key_for(name), limit.get_expiry(), amount=-1)


@contextmanager
def nothing_limited_without_redis(event: str) -> Iterator[None]:
    """Leave the block if Redis is unavailable, and log `event`."""
    try:
        yield
    except RedisError as error:
        log.warning("%s error=%s", event, type(error).__name__)
