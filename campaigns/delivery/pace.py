"""Pace: segments a second for a lane, shared by all workers through Redis, without burst."""

from __future__ import annotations

import time

from redis import Redis

# A worker claims for this much of the pace at once, and only while no more than this lies reserved ahead:
# all workers together hold a few seconds of a slow campaign, so that a pause or an opt-out still meets it
# in the outbox.
AHEAD_S = 1.0

# Redis's clock, so that workers on several machines agree. The lane's next free moment moves on by the
# span that is reserved. Returns the milliseconds to wait and the end of the span, or nothing while enough
# lies ahead.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free < now then free = now end
if free - now > tonumber(ARGV[2]) then return {} end
local till = string.format('%.3f', free + ARGV[1])
redis.call('SET', KEYS[1], till, 'PX', math.ceil(free - now + ARGV[1]) + 60000)
return {tostring(free - now), till}
"""

# What was not needed goes back while nobody has reserved behind it; what was needed above it is added.
_SETTLE = """
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
local change = tonumber(ARGV[2])
if change > 0 or string.format('%.3f', free) == ARGV[1] then
  redis.call('SET', KEYS[1], string.format('%.3f', free + change), 'KEEPTTL')
end
"""


class Reservation:
    """A span of a lane's time; `starts_at` is monotonic. Settle it with what was really taken."""

    def __init__(self, redis: Redis, key: str, *, starts_at: float, till: str, pace: float, segments: float):
        self._redis, self._key, self._till, self._pace = redis, key, till, pace
        self.starts_at, self.segments = starts_at, segments

    def settle(self, segments: int) -> None:
        """Say how many segments were claimed."""
        change_ms = (segments - self.segments) / self._pace * 1000
        if change_ms:
            self._redis.eval(_SETTLE, 1, self._key, self._till, change_ms)


def reserve(redis: Redis, *, lane: int, pace: float) -> Reservation | None:
    """Room for AHEAD_S at `pace` segments a second; None while enough of it is reserved already.

    Raises redis.RedisError when Redis is away: then nothing paced may be claimed.
    """
    key = f"loa:pace:{lane}"
    segments = max(1.0, pace * AHEAD_S)
    granted: list[bytes] = redis.eval(_RESERVE, 1, key, segments / pace * 1000, AHEAD_S * 1000)
    if not granted:
        return None
    starts_at = time.monotonic() + float(granted[0]) / 1000
    return Reservation(
        redis, key, starts_at=starts_at, till=granted[1].decode(), pace=pace, segments=segments
    )
