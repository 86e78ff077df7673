"""Fixed-window rate limit, counted in Redis for all processes."""

from __future__ import annotations

from redis import Redis


def hit(redis: Redis, key: str, *, window_s: int) -> tuple[int, int]:
    """Count a hit. Returns the hits in the window, which began with the first, and the seconds left.

    Raises redis.RedisError.
    """
    with redis.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, window_s, nx=True)
        pipe.ttl(key)
        hits, _was_new, seconds_left = pipe.execute()
    return int(hits), max(1, int(seconds_left))
