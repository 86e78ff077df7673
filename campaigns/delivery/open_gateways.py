"""Gateways that a process has open, one for each account, and what all sending workers of an account share of it.

- Open gateways outlive the jobs.
- A halt: the gateway refused a request as too many.
- A fault of the gateway as a whole: answers that are not its own, a certificate that fails, errors without end. After MOST_FAULTS
  of them in a row no request starts in any worker of the account, but for one at a time that tries whether the gateway works
  again. People do not pay for it: what was not sent goes back to the outbox, and the sending page says what is wrong.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError

from campaigns.rules.delivery import FIRST_TRY_S, LONGEST_TRY_S, MOST_FAULTS, fault_of
from outreach.core.settings import Settings
from outreach.gateway_accounts import account_settings, read_accounts, shared_name
from outreach.models.office import GatewayKind, GatewayState
from outreach.rules.errors import LoaError
from outreach.rules.gateway import Gateway, Inbox, Outcome
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenGateway:
    """An account's gateway with its settings; `name` is what its workers share limits and faults under."""

    account_id: int
    gateway: Gateway
    settings: Settings
    name: str
    changed_at: datetime


class OpenGateways:
    """The open gateways of a process. Belongs to one event loop.

    `refresh` opens those of new and changed accounts, and closes those of closed accounts. What a changed account's former
    connection has under way may end first.
    """

    def __init__(self, runtime: Runtime, inbox: Inbox | None = None) -> None:
        self._runtime, self._inbox = runtime, inbox
        self._open: dict[int, OpenGateway] = {}
        self.active: frozenset[int] = frozenset()  # accounts that may be given messages
        self._closing: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def get(self, account_id: int) -> OpenGateway | None:
        return self._open.get(account_id)

    def all(self) -> Sequence[OpenGateway]:
        return list(self._open.values())

    async def refresh(self, *, without_smpp: bool = False) -> None:
        """Read the accounts and open their gateways. `without_smpp`: none that would take reports from a sending worker."""
        async with self._lock:
            accounts = await asyncio.to_thread(self._read)
            for account_id in self._open.keys() - accounts.keys():
                self._close_later(self._open.pop(account_id))
            for account_id, (settings, changed_at) in accounts.items():
                before = self._open.get(account_id)
                if before and before.changed_at == changed_at:
                    continue
                if without_smpp and settings.sms_gateway == "smpp":
                    continue
                tags = shared_name(account_id, self._runtime.settings)
                gateway = self._runtime.open_gateway(self._inbox, settings=settings, account_id=account_id)
                self._open[account_id] = OpenGateway(account_id, gateway, settings, tags, changed_at)
                if before:
                    self._close_later(before)

    def _read(self) -> dict[int, tuple[Settings, datetime]]:
        found: dict[int, tuple[Settings, datetime]] = {}
        active: set[int] = set()
        with self._runtime.db.read() as session:
            for account in read_accounts(session):
                try:
                    own = account_settings(account, self._runtime.settings)
                except LoaError as error:
                    log.error("gateway.not_opened account=%s error=%s", account.id, error.code)
                    continue
                is_own = account.kind is GatewayKind.ENVIRONMENT  # its terms change, its connection does not
                if account.state is GatewayState.ACTIVE:
                    active.add(account.id)
                found[account.id] = own, datetime.min.replace(tzinfo=UTC) if is_own else account.changed_at
        self.active = frozenset(active)
        return found

    def _close_later(self, former: OpenGateway) -> None:
        async def close() -> None:
            await asyncio.sleep(former.settings.send_timeout_s)
            await former.gateway.close()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all."""
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*(each.gateway.close() for each in self._open.values()))
        self._open.clear()


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


# Without a Retry-After the halt doubles from the first to the longest, for as long as only refusals come back.
FIRST_HALT_S, LONGEST_HALT_S = 0.25, 5.0
# The longer of two halts counts.
_HALT = """
if tonumber(ARGV[1]) > redis.call('PTTL', KEYS[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
"""


class AccountLimiter:
    """One worker's view of the halts of the gateway's account. Times are monotonic seconds. Only `heartbeat` uses Redis."""

    def __init__(self, redis: Redis, *, account: str) -> None:
        self._redis, self._halt_key = redis, f"loa:halt:{account}"
        self._refusals = 0
        self._unreported_halt_s = 0.0
        self.halted_until = 0.0  # after it one request at a time tries, until one is not refused

    def note_throttled(self, retry_after_s: float | None, *, now: float) -> None:
        """Start or prolong a halt: the gateway refused a request as too many.

        A refusal of a request from before the halt changes nothing, unless it has a Retry-After.
        """
        if now < self.halted_until and retry_after_s is None:
            return
        self._refusals += 1
        wait_s = retry_after_s
        if wait_s is None:
            wait_s = min(LONGEST_HALT_S, FIRST_HALT_S * 2 ** (self._refusals - 1))
        self.halted_until = max(self.halted_until, now + wait_s)
        self._unreported_halt_s = max(self._unreported_halt_s, wait_s)

    @property
    def is_trying(self) -> bool:
        """Return whether only one request may be under way: since the last halt none was accepted."""
        return self._refusals > 0

    def note_accepted(self, *, asked_at: float) -> None:
        """End the run of refusals if this request was made after the halt."""
        if self._refusals and asked_at >= self.halted_until:
            self._refusals = 0

    def heartbeat(self) -> None:
        """Exchange halts with the account's other workers. Raises RedisError."""
        if self._unreported_halt_s:
            self._redis.eval(_HALT, 1, self._halt_key, int(self._unreported_halt_s * 1000))
            self._unreported_halt_s = 0.0
        left_ms: Any = self._redis.pttl(self._halt_key)
        if left_ms > 0:
            self.halted_until = max(self.halted_until, time.monotonic() + left_ms / 1000)
            self._refusals = max(self._refusals, 1)
