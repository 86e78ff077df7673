"""Cache of slow counts in Redis, shared by all processes; the slower a count, the longer it is cached."""

import json
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

from redis import Redis, RedisError

# Counting may take this share of the time at most: a count of 100 ms is cached for a second.
MAX_LOAD_SHARE = 0.1
KEEP_S = 43_200


def cached_count(
    redis: Redis,
    key: str,
    count: Callable[[], dict[str, Any]],
    *,
    min_ttl_s: float,
    in_background: bool = False,
) -> dict[str, Any]:
    """Return the cached result of `count`; its lifetime grows with its cost, from `min_ttl_s` seconds.

    The result has been through JSON. Without Redis, `count` runs each time. `in_background`: nobody waits for a new count while there is
    an old one, as `count` runs in a thread and reads with a session of its own.
    """
    try:
        cached: Any = redis.get(key)
        must_count = cached is None or redis.set(f"{key}:fresh", 1, px=60_000, nx=True)
    except RedisError:
        return _as_json(count())
    if must_count and cached and in_background:
        Thread(target=_count_and_keep, args=(redis, key, count, min_ttl_s), daemon=True).start()
    elif must_count or not cached:
        return _count_and_keep(redis, key, count, min_ttl_s)
    return dict(json.loads(cached))


def _count_and_keep(
    redis: Redis, key: str, count: Callable[[], dict[str, Any]], min_ttl_s: float
) -> dict[str, Any]:
    began = time.monotonic()
    counts = _as_json(count())
    cost = time.monotonic() - began
    try:
        redis.set(key, json.dumps(counts), ex=KEEP_S)
        redis.set(f"{key}:fresh", 1, px=int(1000 * max(min_ttl_s, cost / MAX_LOAD_SHARE)))
    except RedisError:
        pass
    return counts


def _as_json(counts: dict[str, Any]) -> dict[str, Any]:
    """Return the counts as JSON would, so that cached and new ones are equal."""
    return dict(json.loads(json.dumps(counts, default=str)))
