"""A brake: how often something happened lately, counted in Redis for all processes."""

from __future__ import annotations

from redis import Redis


def hit(redis: Redis, key: str, *, window_s: int) -> tuple[int, int]:
    """Count one more; how many in the window that began with the first, and the seconds until it ends.

    Raises redis.RedisError.
    """
    with redis.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, window_s, nx=True)
        pipe.ttl(key)
        times, _was_new, left = pipe.execute()
    return int(times), max(1, int(left))
