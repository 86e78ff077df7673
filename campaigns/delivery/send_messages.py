"""Sender of one job: claim, send and record in one event loop, without a barrier between batches.

Three kinds of task share the event loop. The claimer keeps the buffer short but never empty; the senders take from it,
each one request at a time; the recorder stores outcomes in bulk. Claims and records run in a database process beside
the loop, so that the loop does nothing but HTTP.

No request starts once the worker was told to stop, the campaign was paused, its window is about to close, or the lease
would not outlast the request. Then the message goes back unsent. The lease is checked once more when the connection is in
hand: a worker that was stopped while it connected must not send what another has taken over.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.claim_messages import (
    CLAIM_LIMIT,
    Claim,
    ClaimBatch,
    SendTask,
    claim_next_batch,
    monotonic_of,
)
from campaigns.delivery.gateway_faults import GatewayFaults
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.delivery.streams import (
    TRANSACTIONAL_STREAM,
    AccountLimiter,
    Stream,
    streams_still_open,
    suppressed_attempts,
)
from campaigns.rules.budget import vnd_of
from campaigns.rules.delivery import MOST_FIRST_REFUSALS, may_be_refused_to_all
from campaigns.rules.states import MessageKind
from outreach.rules.gateway import (
    Accepted,
    Gateway,
    OutboundMessage,
    Outcome,
    OutcomeUnknown,
    Refused,
    Throttled,
)
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
# A worker claims what it sends in this time, so that at a campaign's end no worker is left with much more than the
# others. It makes the next claim while the buffer still holds enough for the time that a claim and a record take.
CLAIM_FOR_S = 0.5
AHEAD_S = 0.25
MIN_CLAIM = 200
RECORD_EVERY_S = 0.2
CHECK_EVERY_S = 0.5  # for pause, cancel and closed windows; a stop takes effect within it
HEARTBEAT_EVERY_S = 0.1  # to learn of a halt of the gateway's that another worker met
RETRY_DATABASE_S = 1.0
IDLE_S = 0.3  # the job ends after this time with nothing to claim and nothing under way


@dataclass(slots=True)
class SendCounts:
    """Totals of one job, in messages."""

    claimed: int = 0
    requested: int = 0
    returned: int = 0
    skipped: int = 0


class DatabaseExecutor(Protocol):
    """Callable that runs `function` with a runtime and `args` beside the event loop.

    Raises BackendUnavailable.
    """

    async def __call__(
        self, function: Callable[Concatenate[Runtime, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


@dataclass
class MessageSender:
    """Sender that works for `seconds` or until told to stop.

    Each job has its own; the gateway outlives it. `enqueue_helper` is called once, after the first batch.
    """

    runtime: Runtime
    gateway: Gateway
    run_in_database: DatabaseExecutor
    worker: str
    stop_requested: Callable[[], bool]
    enqueue_helper: Callable[[], object]
    counts: SendCounts = field(default_factory=SendCounts)

    def __post_init__(self) -> None:
        settings = self.runtime.settings
        self._settings = settings
        self._account = AccountLimiter(
            self.runtime.redis,
            account=settings.account,
            worker=self.worker,
            limit=settings.account_in_flight or None,
        )
        self._faults = GatewayFaults(self.runtime.redis, account=settings.account, worker=self.worker)
        self._buffer = SendBuffer()
        self._outcomes: list[tuple[Claim, Outcome | None]] = []
        self._open_until: dict[int, float] = {}  # streams that may send, and until when (monotonic)
        self._buffered: set[int] = set()  # attempts in the buffer
        self._suppressed: set[int] = set()  # of these, those whose number was suppressed meanwhile
        self._refused_first: Counter[int] = Counter()  # by stream, while the gateway has accepted none of it
        # By stream: claims made before this moment may not start, as the gateway charges more than they reserved.
        self._claims_from: dict[int, float] = {}
        self._in_flight = 0
        self._under_way = 0  # of these, requests that have started
        self._recording = 0  # outcomes being stored: some may be messages to claim again
        self._is_finished = False

    async def run(self, seconds: float) -> SendCounts:
        """Run the whole job. Returns when the time is up or there has been nothing to do for IDLE_S."""
        ends_at = time.monotonic() + seconds
        with suppress(RedisError):  # a fault that is known already
            await asyncio.to_thread(self._faults.exchange, now=time.monotonic())
        senders = [asyncio.create_task(self._send_all(i)) for i in range(self._settings.requests_at_once)]
        self._watcher = asyncio.create_task(self._watch_streams())
        heartbeat = asyncio.create_task(self._heartbeat())
        self._recorder = asyncio.create_task(self._record_all())
        try:
            await self._claim_all(ends_at)
        finally:
            while self._buffer.later and not self.stop_requested() and not self._is_broken():
                await asyncio.sleep(0.02)
            self._buffer.release()
            self._buffer.end(len(senders))
            await asyncio.gather(*senders)
            self._outcomes += [(task.claim, None) for task in self._buffer.left_over()]
            self._is_finished = True
            self._watcher.cancel()
            ended = await asyncio.gather(self._recorder, self._watcher, heartbeat, return_exceptions=True)
            await self._record_last()
        for error in ended:
            if isinstance(error, Exception):
                raise error
        return self.counts

    def _is_broken(self) -> bool:
        """Return whether a fault ended the watcher or the recorder: without them nothing may start."""
        return self._watcher.done() or self._recorder.done()

    # -- claim ---------------------------------------------------------------------------------------

    async def _claim_all(self, ends_at: float) -> None:
        idle_since: float | None = None
        began = time.monotonic()
        while time.monotonic() < ends_at and not self.stop_requested() and not self._is_broken():
            per_second = self.counts.requested / max(0.2, time.monotonic() - began)
            limit = int(min(CLAIM_LIMIT, max(MIN_CLAIM, per_second * CLAIM_FOR_S)))
            enough = max(MIN_CLAIM / 2, per_second * AHEAD_S)
            if self._faults.fault:
                limit, enough = 1, 0
            waits = self._faults.fault and (self._in_flight or self._outcomes or self._recording)
            if len(self._buffer) > enough or waits or self._is_halted():
                await asyncio.sleep(0.005)
                idle_since = None
                continue
            try:
                claimed = await self.run_in_database(claim_next_batch, self.worker, limit)
            except BackendUnavailable as error:
                log.warning("send.claim_failed error=%s", error)
                await asyncio.sleep(RETRY_DATABASE_S)
                continue
            if claimed:
                self._add_to_buffer(*claimed)
            if claimed or self._in_flight or len(self._buffer) or self._outcomes or self._recording:
                idle_since = None
            else:
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since > IDLE_S:
                    return
            if not claimed:
                await asyncio.sleep(0.05)

    def _add_to_buffer(self, stream: Stream, batch: ClaimBatch, tasks: list[SendTask]) -> None:
        if tasks and not self.counts.claimed:
            self.enqueue_helper()
        self.counts.claimed += len(tasks)
        self.counts.skipped += batch.skipped
        if tasks:
            self._open_until[stream.id] = monotonic_of(stream.closes_at)
        for task in tasks:
            self._buffered.add(task.claim.attempt_id)
            self._buffer.put(task)

    # -- send ----------------------------------------------------------------------------------------

    async def _send_all(self, index: int) -> None:
        while True:
            while index >= self._account.share:
                if self._buffer.is_ended:
                    return
                await asyncio.sleep(0.02)  # another worker's share of the account
            if (task := await self._buffer.get()) is None:
                return
            self._in_flight += 1
            try:
                await self._send_one(task)
            finally:
                self._in_flight -= 1

    def _is_halted(self) -> bool:
        return time.monotonic() < self._account.halted_until

    async def _send_one(self, task: SendTask) -> None:
        may_start = await self._wait_for_start(task)
        claim = task.claim
        self._buffered.discard(claim.attempt_id)
        if not may_start:
            self.counts.returned += 1
            self._outcomes.append((claim, None))
            return
        self.counts.requested += 1
        left_s = int(task.closes_at - time.monotonic())
        message = OutboundMessage(
            attempt_id=claim.attempt_id,
            to=claim.to,
            sender=claim.sender,
            body=claim.body,
            validity_s=max(1, left_s),
            is_over=task.fence.is_over,
        )
        outcome: Outcome
        asked_at = time.monotonic()
        self._under_way += 1
        try:
            outcome = await self.gateway.send(message)
        except Exception as error:
            # A fault of ours must not end the sender task; whether the request left is not known.
            log.exception("send.fault attempt=%s", claim.attempt_id)
            outcome = OutcomeUnknown(type(error).__name__)
        finally:
            self._under_way -= 1
        if isinstance(outcome, Throttled):
            self._account.note_throttled(outcome.retry_after_s, now=time.monotonic())
        elif isinstance(outcome, Accepted | Refused):
            self._account.note_accepted(asked_at=asked_at)
        self._faults.note(outcome, asked_at=asked_at, now=time.monotonic())
        self._note_for_stream(claim, outcome)
        self._outcomes.append((claim, outcome))

    def _note_for_stream(self, claim: Claim, outcome: Outcome) -> None:
        """Stop the stream's requests of this worker if the gateway refuses all, or charges more than was reserved.

        What was claimed before that is stored goes back: storing it pauses the campaign, or lets it reserve more.
        """
        match outcome:
            case Refused(cause) if claim.is_unproved and may_be_refused_to_all(cause):
                self._refused_first[claim.stream_id] += 1
            case Accepted(segments=segments, price=price, unit=unit):
                self._refused_first.pop(claim.stream_id, None)
                if claim.price_vnd is None:
                    return
                vnd = vnd_of(price, unit, usd_vnd=self._settings.usd_vnd)
                charged_vnd = (segments or claim.segments) * claim.price_vnd if vnd is None else vnd
                if charged_vnd > claim.segments * claim.price_vnd:
                    self._claims_from[claim.stream_id] = math.inf

    async def _wait_for_start(self, task: SendTask) -> bool:
        """Wait while the account is halted. Returns whether the request may start now.

        After a halt one request at a time tries. While the gateway has a fault one message waits for its turn to try, and
        the others go back at once.
        """
        while self._may_start(task):
            if not self._is_halted() and not (self._account.is_trying and self._under_way):
                if self._faults.may_start():
                    return True
                if self._in_flight > 1 or self._buffer.is_ended:
                    return False  # at the end of the job too: the next one tries
            await asyncio.sleep(0.02)
        return False

    def _may_start(self, task: SendTask) -> bool:
        claim, now = task.claim, time.monotonic()
        if (
            task.fence.is_over()
            or self.stop_requested()
            or self._is_broken()
            or claim.attempt_id in self._suppressed
            or (claim.is_unproved and self._refused_first[claim.stream_id] >= MOST_FIRST_REFUSALS)
            or task.claimed_at < self._claims_from.get(claim.stream_id, 0.0)
        ):
            return False
        closes_at = self._open_until.get(claim.stream_id)
        if closes_at is None:
            return False
        return claim.kind is MessageKind.CONFIRMATION or now < min(closes_at, task.closes_at)

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
            self._account.leave()
            self._faults.leave()

    def _exchange(self) -> None:
        self._account.heartbeat()
        self._faults.exchange(now=time.monotonic())

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
                    self._open_until[stream_id] = monotonic_of(open_until[stream_id])
                else:
                    self._open_until.pop(stream_id, None)
                    self._refused_first.pop(stream_id, None)

    def _check_streams(
        self, stream_ids: list[int], buffered: list[int]
    ) -> tuple[dict[int, datetime], set[int]]:
        with self.runtime.db.read() as session:
            open_until = streams_still_open(
                session, stream_ids, now=datetime.now(UTC), is_live=self._settings.is_live
            )
            return open_until, suppressed_attempts(session, buffered)

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


class _ReadyQueue(asyncio.Queue[SendTask | None]):
    """Queue in order of arrival, but transactional messages go ahead of every campaign."""

    def _put(self, item: SendTask | None) -> None:
        if item is not None and item.claim.stream_id == TRANSACTIONAL_STREAM:
            self._queue.appendleft(item)  # type: ignore[attr-defined]
        else:
            self._queue.append(item)  # type: ignore[attr-defined]


class SendBuffer:
    """Buffer of claimed messages: due now, or waiting for their start.

    A slow campaign delays no other.
    """

    def __init__(self) -> None:
        self._ready = _ReadyQueue()
        self._scheduled: dict[SendTask, asyncio.TimerHandle] = {}
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
            self._scheduled[task] = asyncio.get_running_loop().call_later(wait_s, self._make_ready, task)

    def _make_ready(self, task: SendTask) -> None:
        del self._scheduled[task]
        self._ready.put_nowait(task)

    async def get(self) -> SendTask | None:
        """Return the next task that is due. Returns None after the end."""
        return await self._ready.get()

    def release(self) -> None:
        """Make all tasks due at once: nothing more will start, and they are to be returned unsent."""
        for task, timer in list(self._scheduled.items()):
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


P = ParamSpec("P")
T = TypeVar("T")


class BackendUnavailable(Exception):
    """Failure of the database, of Redis or of the database process.

    The argument is the error's class name, without its message.
    """


def call_backend(
    runtime: Runtime, function: Callable[Concatenate[Runtime, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call a function in the database process. Raises BackendUnavailable."""
    try:
        return function(runtime, *args, **kwargs)
    except (SQLAlchemyError, RedisError) as error:
        raise BackendUnavailable(type(error).__name__) from None
