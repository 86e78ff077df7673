"""Fixed-window rate limits, counted in Redis for all processes. While Redis is unavailable nothing is limited."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis, RedisError


def network_of(address: str) -> str:
    """Return what is counted as one caller: an IPv4 address, the /48 network of an IPv6 address, else the text itself.

    An IPv6 connection has at least 2^64 addresses, a site with a /48 65,536 times as many, and may use another for each request.
    """
    try:
        parsed = ip_address(address.strip())
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), 48), strict=False))
    return str(parsed)


log = logging.getLogger(__name__)


@lru_cache(maxsize=8)
def limiter(redis: Redis) -> FixedWindowRateLimiter:
    """Return the limiter of a Redis. It sends over our connections: their timeouts hold if Redis hangs."""
    return FixedWindowRateLimiter(RedisStorage("redis://", redis.connection_pool, key_prefix="loa"))


def hit(redis: Redis, limit: RateLimitItem, name: str, *, count: int = 1) -> int:
    """Count hits of `name`. Returns the seconds to wait, 0 if it may go on; of several all go on or none counts. Raises redis.RedisError."""
    may_go_on = count == 1 or limiter(redis).test(limit, name, cost=count)
    if may_go_on and limiter(redis).hit(limit, name, cost=count):
        return 0
    return max(1, math.ceil(limiter(redis).get_window_stats(limit, name).reset_time - time.time()))


def hit_in_turn(redis: Redis, *limits: tuple[RateLimitItem, str]) -> int:
    """Count a hit under each limit up to the first that refuses it: who is over a limit of their own uses up none of everybody's. Returns as `hit`."""
    return next((wait for limit, name in limits if (wait := hit(redis, limit, name))), 0)


@contextmanager
def nothing_limited_without_redis(event: str) -> Iterator[None]:
    """Leave the block if Redis is unavailable, and log `event`."""
    try:
        yield
    except RedisError as error:
        log.warning("%s error=%s", event, type(error).__name__)
