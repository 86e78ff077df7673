"""Fault of the gateway as a whole: answers that are not its own, a certificate that fails, errors without end.

After MOST_FAULTS of them in a row no request starts in any worker of the account, but for one at a time that tries
whether the gateway works again. People do not pay for it: what was not sent goes back to the outbox, and the sending
page says what is wrong.
"""

import logging
from collections import Counter
from contextlib import suppress
from typing import Any

from redis import Redis, RedisError

from campaigns.rules.delivery import FIRST_TRY_S, LONGEST_TRY_S, MOST_FAULTS, fault_of
from outreach.rules.gateway import Outcome

log = logging.getLogger(__name__)
# The fault is forgotten when no worker has met it for so long, as when sending was paused meanwhile.
FAULT_TTL_S = 900
# Hash of how many faulty answers each account's workers have met, since Redis was last emptied.
ERRORS_KEY = "loa:gateway-errors"
# A worker that was killed during its try must not keep the others from theirs.
TRY_TTL_S = 30


class GatewayFaults:
    """One worker's view of a fault that all workers of the account share. Times are monotonic seconds.

    `fault` is its key while sending is stopped, else empty. Only `exchange` uses Redis.
    """

    def __init__(self, redis: Redis, *, account: str, worker: str) -> None:
        self._redis, self._account, self._worker = redis, account, worker
        self._fault_key, self._try_key = _fault_key(account), f"loa:fault-try:{account}"
        self.fault = ""
        self._in_a_row = self._uncounted = 0
        self._changed_at = 0.0  # when sending was stopped, or went on
        self._is_published = False
        self._is_mended = False
        self._may_try = self._has_tried = False
        self._try_at, self._wait_s = 0.0, FIRST_TRY_S

    def note(self, outcome: Outcome, *, asked_at: float, now: float) -> None:
        """Count the outcome of a request made at `asked_at`; requests from before the last change do not count."""
        fault = fault_of(outcome)
        self._uncounted += bool(fault)
        if fault is None or asked_at < self._changed_at:
            return
        if not fault:
            self._in_a_row = 0
            if self.fault:
                log.warning("gateway.works_again fault=%s", self.fault)
                self._go_on(now)
                self._is_mended = True
            return
        self._in_a_row += 1
        if self.fault:
            self._has_tried = True
            self._wait_s = min(LONGEST_TRY_S, self._wait_s * 2)
            self._try_at = now + self._wait_s
        elif self._in_a_row >= MOST_FAULTS:
            log.error("gateway.fault fault=%s", fault)
            self._stop(fault, now)

    def may_start(self) -> bool:
        """Return whether a request may start. While sending is stopped the one that may has used up its try."""
        if not self.fault:
            return True
        may_try, self._may_try = self._may_try, False
        return may_try

    @property
    def may_try(self) -> bool:
        """Whether this worker has the next try, and no message for it yet."""
        return bool(self.fault) and self._may_try

    def exchange(self, *, now: float, is_leaving: bool = False) -> None:
        """Tell the other workers of a fault or of its end, learn theirs, and take the next try. Raises RedisError."""
        if self._uncounted:
            self._redis.hincrby(ERRORS_KEY, self._account, self._uncounted)
            self._uncounted = 0
        if self._is_mended:
            self._redis.delete(self._fault_key, self._try_key)
            self._is_mended = False
        if self.fault and not self._is_published:
            self._redis.set(self._fault_key, self.fault, ex=FAULT_TTL_S, nx=True)
            self._is_published = True
        known: Any = self._redis.get(self._fault_key)
        if known and not self.fault:
            self._stop(known.decode(), now)
            self._is_published = True
        elif self.fault and not known:
            self._go_on(now)
        if self._has_tried:
            self._redis.delete(self._try_key)
            self._has_tried = False
        if self.fault and now >= self._try_at and not self._may_try and not is_leaving:
            self._may_try = bool(self._redis.set(self._try_key, self._worker, ex=TRY_TTL_S, nx=True))
            self._try_at = now + (TRY_TTL_S if self._may_try else self._wait_s)
            self._redis.expire(self._fault_key, FAULT_TTL_S)

    def leave(self) -> None:
        """Tell the others the last news, and leave them the try, at the end of the job. Raises RedisError."""
        self._has_tried = self._has_tried or self._may_try
        self.exchange(now=float("-inf"), is_leaving=True)

    def _stop(self, fault: str, now: float) -> None:
        self.fault, self._changed_at = fault, now
        self._try_at, self._wait_s, self._is_published = now + FIRST_TRY_S, FIRST_TRY_S, False

    def _go_on(self, now: float) -> None:
        self.fault, self._changed_at, self._in_a_row, self._may_try = "", now, 0, False


def read_fault(redis: Redis, account: str) -> str:
    """Return the key of the gateway's present fault, or "" if there is none or Redis is away."""
    fault: Any = b""
    with suppress(RedisError):
        fault = redis.get(_fault_key(account)) or b""
    return str(fault, "ascii")


def count_errors(redis: Redis) -> Counter[str]:
    """Return how many faulty answers there were, by account. Raises RedisError."""
    found: Any = redis.hgetall(ERRORS_KEY)
    return Counter({name.decode(): int(n) for name, n in found.items()})


def _fault_key(account: str) -> str:
    return f"loa:fault:{account}"
