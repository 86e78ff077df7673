"""Sender of one job: claim, send and record in one event loop, without a barrier between batches.

Three kinds of task share the event loop. The claimer keeps the gateways' buffers short but never empty; the senders of each
gateway take from its buffer, each one request at a time; the recorder stores outcomes in bulk. Claims and records run in a database process beside
the loop, so that the loop does nothing but HTTP.

No request starts once the worker was told to stop, the campaign was paused, its window is about to close, or the lease
would not outlast the request. Then the message goes back unsent. The lease is checked once more when the connection is in
hand: a worker that was stopped while it connected must not send what another has taken over.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.claim_messages import Claim, ClaimBatch, SendTask, claim_next_batch
from campaigns.delivery.open_gateways import AccountLimiter, GatewayFaults, OpenGateway, OpenGateways
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.delivery.streams import Stream, streams_still_open, suppressed_attempts
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.budget import vnd_of
from campaigns.rules.delivery import MOST_FIRST_REFUSALS, may_be_refused_to_all
from campaigns.rules.gateway_choice import PoolState, next_claim
from outreach.core.db import database_now
from outreach.rules.gateway import Accepted, OutboundMessage, Outcome, OutcomeUnknown, Refused, Throttled
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
T = TypeVar("T")
RECORD_EVERY_S = 0.2
CHECK_EVERY_S = 0.5  # for pause, cancel and closed windows; a stop takes effect within it
HEARTBEAT_EVERY_S = 0.1  # to learn of a halt of the gateway's that another worker met
USED_FOR_S = 2.0  # a gateway that was given no message for so long is not used
RETRY_DATABASE_S = 1.0
IDLE_S = 0.3  # the job ends after this time with nothing to claim and nothing under way


class BackendUnavailable(Exception):
    """Failure of the database, of Redis or of the database process.

    The argument is the error's class name, without its message.
    """


def call_backend(runtime: Runtime, function: Callable[..., T], *args: Any) -> T:
    """Call a function in the database process. Raises BackendUnavailable."""
    try:
        return function(runtime, *args)
    except (SQLAlchemyError, RedisError) as error:
        raise BackendUnavailable(type(error).__name__) from None


_LAST = 9  # behind all ranks: the end


class SendBuffer:
    """Buffer of claimed messages: due now, or waiting for their start. A slow campaign delays no other.

    Due ones are in the order of their arrival; warnings go ahead of all, then transactional messages, then campaigns.
    """

    def __init__(self) -> None:
        self._ready = asyncio.PriorityQueue[tuple[int, int, SendTask | None]]()
        self._arrivals = itertools.count()
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
            self._put_ready(task, task.claim.rank)
        else:
            timer = asyncio.get_running_loop().call_later(wait_s, self._make_ready, task)
            self._scheduled[task.claim.attempt_id] = task, timer

    def _put_ready(self, task: SendTask | None, rank: int) -> None:
        self._ready.put_nowait((rank, next(self._arrivals), task))

    def _make_ready(self, task: SendTask) -> None:
        del self._scheduled[task.claim.attempt_id]
        self._put_ready(task, task.claim.rank)

    async def get(self) -> SendTask | None:
        """Return the next task that is due. Returns None after the end."""
        return (await self._ready.get())[2]

    def end(self, receivers: int) -> None:
        """Make all tasks due at once, to be returned unsent, and tell this many receivers that nothing follows."""
        self.is_ended = True
        for task, timer in list(self._scheduled.values()):
            timer.cancel()
            self._make_ready(task)
        for _ in range(receivers):
            self._put_ready(None, _LAST)

    def left_over(self) -> list[SendTask]:
        """Return the tasks that were not taken, after the end."""
        return [task for _ in range(self._ready.qsize()) if (task := self._ready.get_nowait()[2])]


class GatewayPool:
    """Senders of one gateway, each with one request at a time. A gateway that hangs holds up its own pool alone."""

    def __init__(self, opened: OpenGateway, job: MessageSender) -> None:
        self.account_id, self._job = opened.account_id, job
        self._account = AccountLimiter(job.runtime.redis, account=opened.name)
        self.faults = GatewayFaults(job.runtime.redis, account=opened.name, worker=job.worker)
        self.buffer = SendBuffer()
        self.in_flight = 0
        self.given_at = float("-inf")  # when it was last given a message
        self._under_way = 0  # of these, requests that have started
        self._senders = [
            asyncio.create_task(self._send_all()) for _ in range(opened.settings.requests_at_once)
        ]

    @property
    def is_halted(self) -> bool:
        return time.monotonic() < self._account.halted_until

    @property
    def state(self) -> PoolState:
        return PoolState(
            self.account_id,
            buffered=len(self.buffer),
            has_fault=bool(self.faults.fault),
            may_try=self.faults.may_try,
            is_halted=self.is_halted,
            is_used=time.monotonic() - self.given_at < USED_FOR_S,
        )

    def exchange(self) -> None:
        """Exchange halts and faults with the account's other workers. Raises RedisError."""
        self._account.heartbeat()
        self.faults.exchange(now=time.monotonic())

    async def end(self) -> list[SendTask]:
        """End the senders once they have done what they have in hand. Returns the tasks that none has taken."""
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
        opened = self._job.gateways.get(self.account_id) if await self._wait_for_start(task) else None
        if opened is None:
            return self._job.take_outcome(claim, None)

        has_begun = False

        def is_over() -> bool:
            """Asked again when its turn in the gateway's window has come; parts follow one that has left."""
            nonlocal has_begun
            if task.fence.is_over() or not (has_begun or self._job.may_start(task)):
                return True
            if not has_begun:
                has_begun = True
                self._job.note_start(claim.attempt_id)
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
        asked_at = time.monotonic()
        self._under_way += 1
        try:
            outcome: Outcome = await opened.gateway.send(message)
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
        self._job.take_outcome(claim, outcome)

    async def _wait_for_start(self, task: SendTask) -> bool:
        """Wait while the account is halted. Returns whether the request may start now.

        After a halt one request at a time tries. While the gateway has a fault one message waits for its turn to try, and
        the others go back at once.
        """
        while self._job.may_start(task):
            if not self.is_halted and not (self._account.is_trying and self._under_way):
                if self.faults.may_start():
                    return True
                if self.in_flight > 1 or self.buffer.is_ended:
                    return False  # at the end of the job too: the next one tries
            await asyncio.sleep(0.02)
        return False


@dataclass
class MessageSender:
    """Sender that works for `seconds` or until told to stop.

    Each job has its own; the gateways outlive it. `run_in_database` runs a function with a runtime and these arguments beside
    the event loop, and raises BackendUnavailable. `enqueue_helper` is called once, after the first batch; `note_start` with each
    attempt when its request is about to leave.
    """

    runtime: Runtime
    gateways: OpenGateways
    run_in_database: Callable[..., Awaitable[Any]]
    worker: str
    stop_requested: Callable[[], bool]
    enqueue_helper: Callable[[], object]
    note_start: Callable[[int], None] = lambda _attempt_id: None
    # Of this job, in messages: claimed, requested, returned, skipped.
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._settings = self.runtime.settings
        self._pools: dict[int, GatewayPool] = {}
        self._unusable: set[int] = set()  # accounts whose gateway cannot be opened here
        self._outcomes: list[tuple[Claim, Outcome | None]] = []
        self._open_until: dict[int, float] = {}  # streams that may send, and until when (monotonic)
        self._buffered: set[int] = set()  # attempts in the buffer
        self._suppressed: set[int] = set()  # of these, those whose number was suppressed meanwhile
        # By stream and account, while the gateway has accepted none of the stream.
        self._refused_first: Counter[tuple[int, int]] = Counter()
        # By stream: claims made before this moment may not start, as the gateway charges more than they reserved.
        self._claims_from: dict[int, float] = {}
        self._recording = 0  # outcomes being stored: some may be messages to claim again
        self._is_finished = False

    async def run(self, seconds: float) -> Counter[str]:
        """Run the whole job. Returns when the time is up or there has been nothing to do for IDLE_S."""
        ends_at = time.monotonic() + seconds
        self._watcher = asyncio.create_task(self._watch_streams())
        self._recorder = asyncio.create_task(self._record_all())
        for opened in self.gateways.all():
            self._open_pool(opened)
        with suppress(RedisError):  # a fault that is known already
            await asyncio.to_thread(self._exchange)
        heartbeat = asyncio.create_task(self._heartbeat())
        try:
            await self._claim_all(ends_at)
        finally:
            while any(pool.buffer.later for pool in self._pools.values()) and not self._has_to_stop():
                await asyncio.sleep(0.02)
            for left in await asyncio.gather(*(pool.end() for pool in self._pools.values())):
                self._outcomes += [(task.claim, None) for task in left]
            self._is_finished = True
            self._watcher.cancel()
            ended = await asyncio.gather(self._recorder, self._watcher, heartbeat, return_exceptions=True)
            await self._record_last()
        for error in ended:
            if isinstance(error, Exception):
                raise error
        return self.counts

    def _has_to_stop(self) -> bool:
        """Return whether nothing may start any more: asked to stop, or a fault ended the watcher or the recorder."""
        return self.stop_requested() or self._watcher.done() or self._recorder.done()

    def _open_pool(self, opened: OpenGateway) -> GatewayPool:
        pool = self._pools[opened.account_id] = GatewayPool(opened, self)
        return pool

    async def _pool_of(self, account_id: int) -> GatewayPool | None:
        """Return an account's pool, opened now where the account is new; None if its gateway cannot be opened."""
        if account_id in self._pools:
            return self._pools[account_id]
        if account_id not in self._unusable and self.gateways.get(account_id) is None:
            await self.gateways.refresh()
        if opened := self.gateways.get(account_id):
            return self._open_pool(opened)
        self._unusable.add(account_id)
        return None

    def _is_in_hand(self) -> bool:
        return bool(any(pool.in_flight for pool in self._pools.values()) or self._outcomes or self._recording)

    def _has_work(self) -> bool:
        return self._is_in_hand() or any(len(pool.buffer) or pool.is_halted for pool in self._pools.values())

    # -- claim ---------------------------------------------------------------------------------------

    async def _claim_all(self, ends_at: float) -> None:
        began = busy_at = time.monotonic()
        while time.monotonic() < ends_at and not self._has_to_stop():
            per_second = self.counts["requested"] / max(0.2, time.monotonic() - began)
            wanted = next_claim(
                [pool.state for pool in self._pools.values()],
                active=self.gateways.active,
                unusable=self._unusable,
                per_second=per_second,
                is_in_hand=self._is_in_hand(),
            )
            if wanted is None:
                await asyncio.sleep(0.005)
                busy_at = time.monotonic()
                continue
            had_work = self._has_work()  # what goes back during a claim is for the next one
            try:
                claimed = await self.run_in_database(claim_next_batch, self.worker, *wanted)
            except BackendUnavailable as error:
                log.warning("send.claim_failed error=%s", error)
                await asyncio.sleep(RETRY_DATABASE_S)
                busy_at = time.monotonic()
                continue
            if claimed:
                await self._add_to_buffer(*claimed)
            if claimed or had_work or self._has_work():
                busy_at = time.monotonic()
            elif time.monotonic() - busy_at > IDLE_S:
                return
            if not claimed:
                await asyncio.sleep(0.05)

    async def _add_to_buffer(self, stream: Stream, batch: ClaimBatch, tasks: list[SendTask]) -> None:
        if tasks and not self.counts["claimed"]:
            self.enqueue_helper()
        self.counts.update(claimed=len(tasks), skipped=batch.skipped)
        if tasks:
            self._open_until[stream.id] = max(task.closes_at for task in tasks)
        for task in tasks:
            if pool := await self._pool_of(task.claim.account_id):
                self._buffered.add(task.claim.attempt_id)
                pool.given_at = time.monotonic()
                pool.buffer.put(task)
            else:
                self.take_outcome(task.claim, None)

    # -- send ----------------------------------------------------------------------------------------

    def take_outcome(self, claim: Claim, outcome: Outcome | None) -> None:
        """Take the outcome of a request, None for a message that did not leave."""
        self._buffered.discard(claim.attempt_id)
        self.counts["returned" if outcome is None else "requested"] += 1
        if outcome is not None:
            self._note_for_stream(claim, outcome)
        self._outcomes.append((claim, outcome))

    def _note_for_stream(self, claim: Claim, outcome: Outcome) -> None:
        """Stop the stream's requests of this worker if the gateway refuses all, or charges more than was reserved.

        What was claimed before that is stored goes back: storing it pauses the campaign, or lets it reserve more.
        """
        match outcome:
            case Refused(cause) if claim.is_unproved and may_be_refused_to_all(cause):
                self._refused_first[claim.stream_id, claim.account_id] += 1
            case Accepted(segments=segments, price=price, unit=unit):
                self._refused_first.pop((claim.stream_id, claim.account_id), None)
                if claim.price_vnd is None:
                    return
                vnd = vnd_of(price, unit, usd_vnd=self._settings.usd_vnd)
                charged_vnd = (segments or claim.segments) * claim.price_vnd if vnd is None else vnd
                if charged_vnd > claim.segments * claim.price_vnd:
                    self._claims_from[claim.stream_id] = math.inf

    def may_start(self, task: SendTask) -> bool:
        """Return whether a message may leave at all."""
        claim, now = task.claim, time.monotonic()
        if (
            task.fence.is_over()
            or self._has_to_stop()
            or claim.attempt_id in self._suppressed
            or (
                claim.is_unproved
                and self._refused_first[claim.stream_id, claim.account_id] >= MOST_FIRST_REFUSALS
            )
            or task.claimed_at < self._claims_from.get(claim.stream_id, 0.0)
        ):
            return False
        return now < min(self._open_until.get(claim.stream_id, 0.0), task.closes_at)

    async def _heartbeat(self) -> None:
        """Exchange halts and shares with the account's other workers.

        Without Redis each goes on with what it knew.
        """
        # Never cancelled: the thread would go on, and take the next try after this worker had left.
        while not self._is_finished:
            with suppress(RedisError):
                await asyncio.to_thread(self._exchange)
            await asyncio.sleep(HEARTBEAT_EVERY_S)
        with suppress(RedisError):
            for pool in self._pools.values():
                pool.faults.leave()

    def _exchange(self) -> None:
        for pool in list(self._pools.values()):
            pool.exchange()

    async def _watch_streams(self) -> None:
        """Drop streams that were paused, cancelled or closed, and note numbers that opted out."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            stream_ids, buffered = list(self._open_until), list(self._buffered)
            try:
                open_until, self._suppressed = await asyncio.to_thread(
                    self._check_streams, stream_ids, buffered
                )
            except SQLAlchemyError as error:
                # Cut off from the database we cannot learn of a pause; the lease bounds how long.
                log.warning("send.watch_failed error=%s", type(error).__name__)
                continue
            for stream_id in stream_ids:  # streams claimed meanwhile are not touched
                if stream_id in open_until:
                    self._open_until[stream_id] = open_until[stream_id]
                else:
                    self._open_until.pop(stream_id, None)
                    for key in [key for key in self._refused_first if key[0] == stream_id]:
                        del self._refused_first[key]

    def _check_streams(self, stream_ids: list[int], buffered: list[int]) -> tuple[dict[int, float], set[int]]:
        """Return until when these streams may send (monotonic), and which of these attempts must not go."""
        settings, asked_at = self._settings, time.monotonic()
        with self.runtime.db.read() as session:
            now = database_now(session)
            is_live, quiet = settings.is_live, quiet_days(settings)
            still_open = streams_still_open(session, stream_ids, now=now, is_live=is_live, quiet=quiet)
            passes = settings.urgent_passes_opt_outs
            suppressed = suppressed_attempts(session, buffered, passes_opt_outs=passes)
        return {
            id_: asked_at + (closes - now).total_seconds() for id_, closes in still_open.items()
        }, suppressed

    # -- record --------------------------------------------------------------------------------------

    async def _record_all(self) -> None:
        while not self._is_finished:
            await asyncio.sleep(RECORD_EVERY_S)
            await self._record_outcomes()

    async def _record_outcomes(self) -> bool:
        """Store the outcomes that have come in.

        Returns False if the database is away; all are kept for the next try.
        """
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return True
        self._recording = len(outcomes)
        dearer = [stream_id for stream_id, moment in self._claims_from.items() if moment == math.inf]
        try:
            await self.run_in_database(store_outcomes, outcomes)
        except BackendUnavailable as error:
            log.warning("send.record_failed count=%s error=%s", len(outcomes), error)
            self._outcomes = outcomes + self._outcomes
            return False
        finally:
            self._recording = 0
        self._claims_from.update(dict.fromkeys(dearer, time.monotonic()))
        return True

    async def _record_last(self) -> None:
        """Store the last outcomes, trying until the leases are over.

        After that the reconciler finds out by itself.
        """
        gives_up_at = time.monotonic() + self._settings.lease_s
        while self._outcomes and not await self._record_outcomes() and time.monotonic() < gives_up_at:
            await asyncio.sleep(RETRY_DATABASE_S)
