"""Claim, send, record in one event loop.

One job's sending: a full pipeline from claim to record, without a barrier between batches.

Three kinds of task share one event loop. The claimer keeps the line short but never empty; the senders
take from it, each one request at a time; the recorder stores outcomes in bulk. Claims and records are made
by a clerk beside the loop. No request starts once the worker was told to stop, the campaign was paused, the window is about
to close, or the lease would not outlast the request: then the message goes back unsent.

What stands between a claim and its request: the line of a sending job.

Who does a sending job's claims and records, so that the event loop does nothing but HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
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
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.delivery.streams import (
    TRANSACTIONAL_STREAM,
    AccountLimiter,
    Stream,
    streams_still_open,
    suppressed_attempts,
)
from campaigns.rules.states import MessageKind
from outreach.rules.gateway import Accepted, Gateway, OutboundMessage, Outcome, OutcomeUnknown, Throttled
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
# A claim is what this worker sends in so long, so that at a campaign's end none is left with much more than the
# others; the next is fetched while there is still enough for the time that a claim and a record take.
CLAIM_FOR_S = 0.5
AHEAD_S = 0.25
LEAST_CLAIM = 200
RECORD_EVERY_S = 0.2
LOOK_EVERY_S = 0.5  # for pause, cancel and closed windows; a stop takes effect within it
BEAT_EVERY_S = 0.1  # for a halt of the gateway's that another worker met
RETRY_DATABASE_S = 1.0
IDLE_S = 0.3  # with nothing to claim and nothing under way for so long, the job ends


@dataclass(slots=True)
class SendCounts:
    """What one job did."""

    claimed: int = 0
    requested: int = 0
    put_back: int = 0
    skipped: int = 0


class DatabaseExecutor(Protocol):
    """Calls `function` with a runtime and `args` beside the event loop. Raises Away."""

    async def __call__(
        self, function: Callable[Concatenate[Runtime, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


@dataclass
class MessageSender:
    """Sends for `seconds`, or until told to stop. One for each job; the gateway outlives it."""

    runtime: Runtime
    gateway: Gateway
    run_in_database: DatabaseExecutor
    worker: str
    stop_requested: Callable[[], bool]
    enqueue_helper: Callable[[], object]  # at the first batch, once
    counts: SendCounts = field(default_factory=SendCounts)

    def __post_init__(self) -> None:
        settings = self.runtime.settings
        self._settings = settings
        self._account = AccountLimiter(
            self.runtime.redis,
            account=settings.twilio_account_sid,
            worker=self.worker,
            limit=settings.account_in_flight or None,
        )
        self._line = SendBuffer()
        self._seen: list[tuple[Claim, Outcome | None]] = []
        self._open: dict[int, float] = {}  # streams that may send, and until when (monotonic)
        self._waiting: set[int] = set()  # attempts in the line
        self._barred: set[int] = set()  # of these, those whose number was suppressed meanwhile
        self._under_way = 0
        self._storing = 0  # outcomes on their way into the database: some may be messages to claim again
        self._over = False

    async def run(self, seconds: float) -> SendCounts:
        """The whole job. Returns when the time is up or there has been nothing to do for a moment."""
        ends_at = time.monotonic() + seconds
        senders = [asyncio.create_task(self._send_all(i)) for i in range(self._settings.send_in_flight)]
        self._watcher = asyncio.create_task(self._watch())
        beater = asyncio.create_task(self._beat())
        self._recorder = asyncio.create_task(self._record_all())
        try:
            await self._claim_all(ends_at)
        finally:
            while self._line.later and not self.stop_requested() and not self._is_broken():
                await asyncio.sleep(0.02)
            self._line.release()
            self._line.end(len(senders))
            await asyncio.gather(*senders)
            self._seen += [(job.claim, None) for job in self._line.left_over()]
            self._over = True
            self._watcher.cancel()
            beater.cancel()
            ended = await asyncio.gather(self._recorder, self._watcher, beater, return_exceptions=True)
            await self._record_last()
        for fault in ended:
            if isinstance(fault, Exception):
                raise fault
        return self.counts

    def _is_broken(self) -> bool:
        """A fault of ours ended the watcher or the recorder: nothing more may be started without them."""
        return self._watcher.done() or self._recorder.done()

    # -- claim ---------------------------------------------------------------------------------------

    async def _claim_all(self, ends_at: float) -> None:
        idle_since: float | None = None
        began = time.monotonic()
        while time.monotonic() < ends_at and not self.stop_requested() and not self._is_broken():
            a_second = self.counts.requested / max(0.2, time.monotonic() - began)
            limit = int(min(CLAIM_LIMIT, max(LEAST_CLAIM, a_second * CLAIM_FOR_S)))
            if len(self._line) > max(LEAST_CLAIM / 2, a_second * AHEAD_S) or self._is_halted():
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
                self._take(*claimed)
            if claimed or self._under_way or len(self._line) or self._seen or self._storing:
                idle_since = None
            else:
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since > IDLE_S:
                    return
            if not claimed:
                await asyncio.sleep(0.05)

    def _take(self, stream: Stream, batch: ClaimBatch, jobs: list[SendTask]) -> None:
        if jobs and not self.counts.claimed:
            self.enqueue_helper()
        self.counts.claimed += len(jobs)
        self.counts.skipped += batch.skipped
        if jobs:
            self._open[stream.id] = monotonic_of(stream.closes_at)
        for job in jobs:
            self._waiting.add(job.claim.attempt_id)
            self._line.put(job)

    # -- send ----------------------------------------------------------------------------------------

    async def _send_all(self, place: int) -> None:
        while True:
            while place >= self._account.share:
                if self._line.is_ended:
                    return
                await asyncio.sleep(0.02)  # another worker's share of the account
            if (job := await self._line.get()) is None:
                return
            self._under_way += 1
            try:
                await self._send_one(job)
            finally:
                self._under_way -= 1

    def _is_halted(self) -> bool:
        return time.monotonic() < self._account.halted_until

    async def _send_one(self, job: SendTask) -> None:
        while self._is_halted() and self._may_start(job):
            await asyncio.sleep(0.02)
        may_start = self._may_start(job)
        claimed = job.claim
        self._waiting.discard(claimed.attempt_id)
        if not may_start:
            self.counts.put_back += 1
            self._seen.append((claimed, None))
            return
        self.counts.requested += 1
        left_s = int(job.closes_at - time.monotonic())
        message = OutboundMessage(
            attempt_id=claimed.attempt_id,
            to=claimed.to,
            sender=claimed.sender,
            body=claimed.body,
            validity_s=max(1, left_s),
        )
        outcome: Outcome
        asked_at = time.monotonic()
        try:
            outcome = await self.gateway.send(message)
        except Exception as error:
            # A fault of ours must not take the sender down; whether the request left is not known.
            log.exception("send.fault attempt=%s", claimed.attempt_id)
            outcome = OutcomeUnknown(type(error).__name__)
        if isinstance(outcome, Throttled):
            self._account.note_throttled(outcome.retry_after_s, now=time.monotonic())
        elif isinstance(outcome, Accepted):
            self._account.note_accepted(asked_at=asked_at)
        self._seen.append((claimed, outcome))

    def _may_start(self, job: SendTask) -> bool:
        claimed, now = job.claim, time.monotonic()
        if (
            now >= job.fence
            or self.stop_requested()
            or self._is_broken()
            or claimed.attempt_id in self._barred
        ):
            return False
        closes_at = self._open.get(claimed.stream_id)
        if closes_at is None:
            return False
        return claimed.kind is MessageKind.CONFIRMATION or now < min(closes_at, job.closes_at)

    async def _beat(self) -> None:
        """Keep in step with the account's other workers. Without Redis each goes on with what it knew."""
        try:
            while True:
                with suppress(RedisError):
                    await asyncio.to_thread(self._account.heartbeat)
                await asyncio.sleep(BEAT_EVERY_S)
        finally:
            with suppress(RedisError):
                self._account.leave()

    async def _watch(self) -> None:
        """Forget the streams that were paused, cancelled or closed, and the numbers that opted out."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            stream_ids, waiting = list(self._open), list(self._waiting)
            try:
                still, self._barred = await asyncio.to_thread(self._look, stream_ids, waiting)
            except SQLAlchemyError as error:
                # Cut off from the database nobody can tell us of a pause; the lease bounds how long.
                log.warning("send.watch_failed error=%s", type(error).__name__)
                continue
            for stream_id in stream_ids:  # streams claimed meanwhile are not touched
                if stream_id in still:
                    self._open[stream_id] = monotonic_of(still[stream_id])
                else:
                    self._open.pop(stream_id, None)

    def _look(self, stream_ids: list[int], waiting: list[int]) -> tuple[dict[int, datetime], set[int]]:
        with self.runtime.db.read() as session:
            still = streams_still_open(
                session, stream_ids, now=datetime.now(UTC), is_live=self._settings.is_live
            )
            return still, suppressed_attempts(session, waiting)

    # -- record --------------------------------------------------------------------------------------

    async def _record_all(self) -> None:
        while not self._over:
            await asyncio.sleep(RECORD_EVERY_S)
            await self._record_seen()

    async def _record_seen(self) -> bool:
        """Store what has come in; False when the database is away, with everything kept for the next try."""
        seen, self._seen = self._seen, []
        if not seen:
            return True
        self._storing = len(seen)
        try:
            await self.run_in_database(store_outcomes, seen)
        except BackendUnavailable as error:
            log.warning("send.record_failed count=%s error=%s", len(seen), error)
            self._seen = seen + self._seen
            return False
        finally:
            self._storing = 0
        return True

    async def _record_last(self) -> None:
        """At the job's end try until the leases are over; after that the reconciler finds out by itself."""
        gives_up_at = time.monotonic() + self._settings.lease_s
        while self._seen and not await self._record_seen() and time.monotonic() < gives_up_at:
            await asyncio.sleep(RETRY_DATABASE_S)


class _Ready(asyncio.Queue[SendTask | None]):
    """First in, first out; but answers to residents and tests go ahead of every campaign."""

    def _put(self, item: SendTask | None) -> None:
        if item is not None and item.claim.stream_id == TRANSACTIONAL_STREAM:
            self._queue.appendleft(item)  # type: ignore[attr-defined]
        else:
            self._queue.append(item)  # type: ignore[attr-defined]


class SendBuffer:
    """Jobs that are due, and those whose moment is yet to come: a slow campaign holds up no other."""

    def __init__(self) -> None:
        self._ready = _Ready()
        self._later: dict[SendTask, asyncio.TimerHandle] = {}
        self.is_ended = False

    def __len__(self) -> int:
        return self._ready.qsize() + len(self._later)

    @property
    def later(self) -> int:
        """How many wait for their moment."""
        return len(self._later)

    def put(self, job: SendTask) -> None:
        wait = job.starts_at - time.monotonic()
        if wait <= 0:
            self._ready.put_nowait(job)
        else:
            self._later[job] = asyncio.get_running_loop().call_later(wait, self._come_due, job)

    def _come_due(self, job: SendTask) -> None:
        del self._later[job]
        self._ready.put_nowait(job)

    async def get(self) -> SendTask | None:
        """The next job that is due; None after the end."""
        return await self._ready.get()

    def release(self) -> None:
        """Nothing more will start: hand all of them out at once, to be put back."""
        for job, timer in list(self._later.items()):
            timer.cancel()
            self._come_due(job)

    def end(self, takers: int) -> None:
        """Tell as many takers that nothing follows."""
        self.is_ended = True
        for _ in range(takers):
            self._ready.put_nowait(None)

    def left_over(self) -> list[SendTask]:
        """What nobody took, after the end."""
        jobs = []
        while not self._ready.empty():
            if job := self._ready.get_nowait():
                jobs.append(job)
        return jobs


P = ParamSpec("P")
T = TypeVar("T")


class BackendUnavailable(Exception):
    """The database or Redis is away, or who was to ask it. The argument is the error's name, nothing of its words."""


def call_backend(
    runtime: Runtime, function: Callable[Concatenate[Runtime, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """What a clerk does with a call, wherever that is. Raises Away."""
    try:
        return function(runtime, *args, **kwargs)
    except (SQLAlchemyError, RedisError) as error:
        raise BackendUnavailable(type(error).__name__) from None
