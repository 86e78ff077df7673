"""Pace: segments a second for a lane, shared by all workers through Redis, without burst."""

from __future__ import annotations

import time

from redis import Redis

# The lane's next free moment moves on by the span of what is reserved. Redis's clock, so that workers on
# several machines agree. Returns the milliseconds to wait before the first segment.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free < now then free = now end
redis.call('SET', KEYS[1], string.format('%.3f', free + ARGV[1]), 'PX', math.ceil(free - now + ARGV[1]) + 60000)
return tostring(free - now)
"""


def reserve(redis: Redis, *, lane: int, segments: int, pace: float) -> float:
    """Reserve room for `segments` at `pace` a second; the monotonic moment at which it begins.

    Raises redis.RedisError when Redis is away: then nothing paced may be sent.
    """
    span_ms = segments / pace * 1000
    wait_ms = redis.eval(_RESERVE, 1, f"loa:pace:{lane}", span_ms)
    return time.monotonic() + float(wait_ms) / 1000
