"""Pool of one gateway in a sending job: its buffer, its senders, and what it knows of its account's limits and faults."""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable

from redis import Redis

from campaigns.delivery.claim_messages import Claim, SendTask
from campaigns.delivery.gateway_faults import GatewayFaults
from campaigns.delivery.open_gateways import OpenGateway, OpenGateways
from campaigns.delivery.streams import AccountLimiter
from outreach.rules.gateway import Accepted, OutboundMessage, Outcome, OutcomeUnknown, Refused, Throttled

log = logging.getLogger(__name__)


_LAST = 9  # behind all ranks: the end


class _ReadyQueue(asyncio.Queue[SendTask | None]):
    """Queue in order of arrival; warnings go ahead of all, then transactional messages, then campaigns."""

    def _init(self, maxsize: int) -> None:
        self._heap: list[tuple[int, int, SendTask | None]] = []
        self._arrivals = itertools.count()

    def qsize(self) -> int:
        return len(self._heap)

    def empty(self) -> bool:
        return not self._heap

    def _put(self, item: SendTask | None) -> None:
        rank = _LAST if item is None else item.claim.rank
        heapq.heappush(self._heap, (rank, next(self._arrivals), item))

    def _get(self) -> SendTask | None:
        return heapq.heappop(self._heap)[2]


class SendBuffer:
    """Buffer of claimed messages: due now, or waiting for their start. A slow campaign delays no other."""

    def __init__(self) -> None:
        self._ready = _ReadyQueue()
        self._scheduled: dict[int, tuple[SendTask, asyncio.TimerHandle]] = {}  # by attempt
        self.is_ended = False

    def __len__(self) -> int:
        return self._ready.qsize() + len(self._scheduled)

    @property
    def later(self) -> int:
        """Return how many tasks wait for their start."""
        return len(self._scheduled)

    def put(self, task: SendTask) -> None:
        wait_s = task.starts_at - time.monotonic()
        if wait_s <= 0:
            self._ready.put_nowait(task)
        else:
            timer = asyncio.get_running_loop().call_later(wait_s, self._make_ready, task)
            self._scheduled[task.claim.attempt_id] = task, timer

    def _make_ready(self, task: SendTask) -> None:
        del self._scheduled[task.claim.attempt_id]
        self._ready.put_nowait(task)

    async def get(self) -> SendTask | None:
        """Return the next task that is due. Returns None after the end."""
        return await self._ready.get()

    def release(self) -> None:
        """Make all tasks due at once: nothing more will start, and they are to be returned unsent."""
        for task, timer in list(self._scheduled.values()):
            timer.cancel()
            self._make_ready(task)

    def end(self, receivers: int) -> None:
        """Tell this many receivers that nothing follows."""
        self.is_ended = True
        for _ in range(receivers):
            self._ready.put_nowait(None)

    def left_over(self) -> list[SendTask]:
        """Return the tasks that were not taken, after the end."""
        tasks = []
        while not self._ready.empty():
            if task := self._ready.get_nowait():
                tasks.append(task)
        return tasks


class GatewayPool:
    """Senders of one gateway, each with one request at a time. A gateway that hangs holds up its own pool alone.

    `may_start` says whether a message may leave at all; `note_start` is called when a request is about to leave; `done` takes
    each outcome, None for a message that did not leave.
    """

    def __init__(
        self,
        opened: OpenGateway,
        gateways: OpenGateways,
        *,
        redis: Redis,
        worker: str,
        may_start: Callable[[SendTask], bool],
        note_start: Callable[[int], None],
        done: Callable[[Claim, Outcome | None], None],
    ) -> None:
        self.account_id, self._gateways = opened.account_id, gateways
        self._account = AccountLimiter(redis, account=opened.name)
        self.faults = GatewayFaults(redis, account=opened.name, worker=worker)
        self.buffer = SendBuffer()
        self.in_flight = 0
        self.given_at = float("-inf")  # when it was last given a message
        self._under_way = 0  # of these, requests that have started
        self._may_start, self._note_start, self._done = may_start, note_start, done
        self._senders = [
            asyncio.create_task(self._send_all()) for _ in range(opened.settings.requests_at_once)
        ]

    @property
    def is_halted(self) -> bool:
        return time.monotonic() < self._account.halted_until

    def exchange(self) -> None:
        """Exchange halts and faults with the account's other workers. Raises RedisError."""
        self._account.heartbeat()
        self.faults.exchange(now=time.monotonic())

    def leave(self) -> None:
        """Leave the next try to the others, at the end of the job. Raises RedisError."""
        self.faults.leave()

    async def end(self) -> list[SendTask]:
        """End the senders once they have done what they have in hand. Returns the tasks that none has taken."""
        self.buffer.release()
        self.buffer.end(len(self._senders))
        await asyncio.gather(*self._senders)
        return self.buffer.left_over()

    async def _send_all(self) -> None:
        while True:
            if (task := await self.buffer.get()) is None:
                return
            self.in_flight += 1
            try:
                await self._send_one(task)
            finally:
                self.in_flight -= 1

    async def _send_one(self, task: SendTask) -> None:
        claim = task.claim
        opened = self._gateways.get(self.account_id) if await self._wait_for_start(task) else None
        if opened is None:
            return self._done(claim, None)

        has_begun = False

        def is_over() -> bool:
            """Asked again when its turn in the gateway's window has come; parts follow one that has left."""
            nonlocal has_begun
            if task.fence.is_over() or not (has_begun or self._may_start(task)):
                return True
            if not has_begun:
                has_begun = True
                self._note_start(claim.attempt_id)
            return False

        left_s = int(task.closes_at - time.monotonic())
        message = OutboundMessage(
            attempt_id=claim.attempt_id,
            to=claim.to,
            sender=claim.sender,
            body=claim.body,
            validity_s=max(1, left_s),
            is_over=is_over,
            notice=claim.notice,
        )
        outcome: Outcome
        asked_at = time.monotonic()
        self._under_way += 1
        try:
            outcome = await opened.gateway.send(message)
        except Exception as error:
            # A fault of ours must not end the sender task; whether the request left is not known.
            log.exception("send.fault attempt=%s", claim.attempt_id)
            outcome = OutcomeUnknown(type(error).__name__)
        finally:
            self._under_way -= 1
        if isinstance(outcome, Throttled) and not (
            outcome.fault or outcome.is_eased
        ):  # too many, not out of order
            self._account.note_throttled(outcome.retry_after_s, now=time.monotonic())
        elif isinstance(outcome, Accepted | Refused):
            self._account.note_accepted(asked_at=asked_at)
        self.faults.note(outcome, asked_at=asked_at, now=time.monotonic())
        self._done(claim, outcome)

    async def _wait_for_start(self, task: SendTask) -> bool:
        """Wait while the account is halted. Returns whether the request may start now.

        After a halt one request at a time tries. While the gateway has a fault one message waits for its turn to try, and
        the others go back at once.
        """
        while self._may_start(task):
            if not self.is_halted and not (self._account.is_trying and self._under_way):
                if self.faults.may_start():
                    return True
                if self.in_flight > 1 or self.buffer.is_ended:
                    return False  # at the end of the job too: the next one tries
            await asyncio.sleep(0.02)
        return False
