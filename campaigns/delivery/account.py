"""The gateway's account, which all sending workers share: a halt after 429, and requests under way at once."""

from __future__ import annotations

import time

from redis import Redis

# A worker that has not been heard of for so long has ended.
FORGOTTEN_AFTER_S = 3.0

# Without a Retry-After the halt doubles from here up to there, for as long as only refusals come back.
FIRST_HALT_S, LONGEST_HALT_S = 0.25, 5.0

# Says that this worker lives, by Redis's clock; returns the ms left of a halt, and how many workers send.
_BEAT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], 60)
return {redis.call('PTTL', KEYS[2]), redis.call('ZCARD', KEYS[1])}
"""

# The longer of two halts counts.
_HALT = """
if tonumber(ARGV[1]) > redis.call('PTTL', KEYS[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
"""


class Account:
    """What one worker knows of it. Times are monotonic seconds; Redis is asked by `beat` and `leave` alone."""

    def __init__(self, redis: Redis, *, account: str, worker: str, limit: int | None) -> None:
        self._redis, self._worker, self._limit = redis, worker, limit
        self._workers_key, self._halt_key = f"loa:senders:{account}", f"loa:halt:{account}"
        self._refusals = 0
        self._untold_s = 0.0
        self.halted_until = 0.0
        self.share: float = 0 if limit else float("inf")  # requests under way that this worker may have
        self._beats = 0

    def refused(self, retry_after_s: float | None, *, now: float) -> None:
        """The gateway said that it is too much. Refusals of requests from before the halt say nothing new."""
        if now < self.halted_until and retry_after_s is None:
            return
        self._refusals += 1
        wait = retry_after_s
        if wait is None:
            wait = min(LONGEST_HALT_S, FIRST_HALT_S * 2 ** (self._refusals - 1))
        self.halted_until = max(self.halted_until, now + wait)
        self._untold_s = max(self._untold_s, wait)

    def accepted(self, *, asked_at: float) -> None:
        """It takes messages: one that was asked for after the halt ends the row of refusals."""
        if self._refusals and asked_at >= self.halted_until:
            self._refusals = 0

    def beat(self) -> None:
        """Tell the other workers of a halt and hear of theirs; find this worker's share. Raises RedisError."""
        if self._untold_s:
            self._redis.eval(_HALT, 1, self._halt_key, int(self._untold_s * 1000))
            self._untold_s = 0.0
        left_ms, workers = self._redis.eval(
            _BEAT, 2, self._workers_key, self._halt_key, self._worker, FORGOTTEN_AFTER_S
        )
        if left_ms > 0:
            self.halted_until = max(self.halted_until, time.monotonic() + left_ms / 1000)
        if self._limit:
            # One that joins others begins at its third beat: by then they have made room.
            self._beats += 1
            joins = workers > 1 and self._beats <= 2
            self.share = 0 if joins else max(1, self._limit // workers)

    def leave(self) -> None:
        """The job is over: the others may have this worker's share. Raises RedisError."""
        self._redis.zrem(self._workers_key, self._worker)
