"""Pace: segments a second of a sender and of a campaign, shared by all workers through Redis, without burst."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

# A worker claims for this much of the pace at once, and only while no more than this lies reserved ahead:
# all workers together hold a few seconds of a slow campaign, so that a pause or an opt-out still meets it
# in the outbox.
AHEAD_S = 1.0

# Redis's clock, so that workers on several machines agree. Each key holds the moment (ms) from which its
# sender or campaign is free again; a span begins when all of them are, and each moves on by what the span
# takes of its own pace. Returns the milliseconds to wait and the new moments, or nothing while more than
# ARGV[2] ms (where it is not negative) lie ahead.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local start, free = now, {}
for i, key in ipairs(KEYS) do
  free[i] = math.max(now, tonumber(redis.call('GET', key) or '0'))
  start = math.max(start, free[i])
end
local most = tonumber(ARGV[2])
if most >= 0 and start - now > most then return {} end
local given = {tostring(start - now)}
for i, key in ipairs(KEYS) do
  local till = string.format('%.3f', free[i] + ARGV[1] / ARGV[2 + i] * 1000)
  redis.call('SET', key, till, 'PX', math.ceil(till - now) + 60000)
  given[i + 1] = till
end
return given
"""

# What was not needed goes back while nobody has reserved behind it; what was needed above it is added.
_SETTLE = """
for i, key in ipairs(KEYS) do
  local free = tonumber(redis.call('GET', key) or '0')
  local change = ARGV[1] / ARGV[2 * i] * 1000
  if change > 0 or string.format('%.3f', free) == ARGV[2 * i + 1] then
    redis.call('SET', key, string.format('%.3f', free + change), 'KEEPTTL')
  end
end
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """`per_second` segments of whatever `name` stands for: a sender, or a campaign."""

    name: str
    per_second: float

    @property
    def key(self) -> str:
        return f"loa:pace:{self.name}"


class Reservation:
    """A span of time; `starts_at` is monotonic. Settle it with what was really taken."""

    def __init__(
        self, redis: Redis, paces: Sequence[Pace], *, starts_at: float, till: list[str], segments: float
    ):
        self._redis, self._paces, self._till = redis, paces, till
        self.starts_at, self.segments = starts_at, segments

    @property
    def per_second(self) -> float:
        """At which the span's segments may follow one another."""
        return min(pace.per_second for pace in self._paces)

    def settle(self, segments: int) -> None:
        """Say how many segments were claimed."""
        if segments != self.segments:
            each = [
                part
                for pace, till in zip(self._paces, self._till, strict=True)
                for part in (pace.per_second, till)
            ]
            self._redis.eval(
                _SETTLE, len(self._paces), *(p.key for p in self._paces), segments - self.segments, *each
            )


def reserve(
    redis: Redis, paces: Sequence[Pace], *, most: float = math.inf, segments: int | None = None
) -> Reservation | None:
    """Room for AHEAD_S of the slowest of these paces, or for `most` segments; None while enough is reserved already.

    No more than can be taken: until it is settled, what others reserve lies behind all of it.
    With `segments` room for just these, however much lies ahead: what goes before all others takes the
    next place. Raises redis.RedisError when Redis is away: then nothing paced may be claimed.
    """
    ahead_ms = AHEAD_S * 1000 if segments is None else -1
    wanted = segments or max(1.0, min(most, min(pace.per_second for pace in paces) * AHEAD_S))
    given: list[bytes] = redis.eval(
        _RESERVE, len(paces), *(p.key for p in paces), wanted, ahead_ms, *(p.per_second for p in paces)
    )
    if not given:
        return None
    return Reservation(
        redis,
        paces,
        starts_at=time.monotonic() + float(given[0]) / 1000,
        till=[till.decode() for till in given[1:]],
        segments=wanted,
    )
