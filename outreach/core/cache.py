"""Counts that take a while, shared by all who look: kept in Redis, and counted anew the seldomer the longer it takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from redis import Redis, RedisError

# Counts may cost this share of the time at most: what took 100 ms is good for a second.
MAX_LOAD_SHARE = 0.1
KEEP_S = 3600


def cached_count(
    redis: Redis, key: str, count: Callable[[], dict[str, Any]], *, min_ttl_s: float
) -> dict[str, Any]:
    """What `count` gave a moment ago, at least `min_ttl_s`, or gives now; as JSON has it. Without Redis always anew."""
    try:
        kept: Any = redis.get(key)
        is_mine = kept is None or redis.set(f"{key}:fresh", 1, px=60_000, nx=True)
    except RedisError:
        return _as_json(count())
    if not is_mine and kept:
        return dict(json.loads(kept))
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
    """The same whether it was kept or not."""
    return dict(json.loads(json.dumps(counts, default=str)))
