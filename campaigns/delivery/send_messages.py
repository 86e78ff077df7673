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
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.claim_messages import Claim, ClaimBatch, SendTask, claim_next_batch
from campaigns.delivery.gateway_pool import GatewayPool
from campaigns.delivery.open_gateways import OpenGateway, OpenGateways
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.delivery.streams import Stream, streams_still_open, suppressed_attempts
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.budget import vnd_of
from campaigns.rules.delivery import MOST_FIRST_REFUSALS, may_be_refused_to_all
from campaigns.rules.gateway_choice import PoolState, next_claim
from outreach.core.db import database_now
from outreach.rules.gateway import Accepted, Outcome, Refused
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
RECORD_EVERY_S = 0.2
CHECK_EVERY_S = 0.5  # for pause, cancel and closed windows; a stop takes effect within it
HEARTBEAT_EVERY_S = 0.1  # to learn of a halt of the gateway's that another worker met
USED_FOR_S = 2.0  # a gateway that was given no message for so long is not used
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

    Each job has its own; the gateways outlive it. `enqueue_helper` is called once, after the first batch; `note_start`
    with each attempt when its request is about to leave.
    """

    runtime: Runtime
    gateways: OpenGateways
    run_in_database: DatabaseExecutor
    worker: str
    stop_requested: Callable[[], bool]
    enqueue_helper: Callable[[], object]
    note_start: Callable[[int], None] = lambda _attempt_id: None
    counts: SendCounts = field(default_factory=SendCounts)

    def __post_init__(self) -> None:
        settings = self.runtime.settings
        self._settings = settings
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

    async def run(self, seconds: float) -> SendCounts:
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
            while self._count_later() and not self.stop_requested() and not self._is_broken():
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

    def _is_broken(self) -> bool:
        """Return whether a fault ended the watcher or the recorder: without them nothing may start."""
        return self._watcher.done() or self._recorder.done()

    def _open_pool(self, opened: OpenGateway) -> GatewayPool:
        pool = self._pools[opened.account_id] = GatewayPool(
            opened,
            self.gateways,
            redis=self.runtime.redis,
            worker=self.worker,
            may_start=self._may_start,
            note_start=self.note_start,
            done=self._take_outcome,
        )
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

    def _count_later(self) -> int:
        return sum(pool.buffer.later for pool in self._pools.values())

    def _state_of(self, pool: GatewayPool) -> PoolState:
        return PoolState(
            pool.account_id,
            buffered=len(pool.buffer),
            has_fault=bool(pool.faults.fault),
            may_try=pool.faults.may_try,
            is_halted=pool.is_halted,
            is_used=time.monotonic() - pool.given_at < USED_FOR_S,
        )

    def _is_in_hand(self) -> bool:
        return bool(any(pool.in_flight for pool in self._pools.values()) or self._outcomes or self._recording)

    def _has_work(self) -> bool:
        return self._is_in_hand() or any(len(pool.buffer) or pool.is_halted for pool in self._pools.values())

    # -- claim ---------------------------------------------------------------------------------------

    async def _claim_all(self, ends_at: float) -> None:
        began = busy_at = time.monotonic()
        while time.monotonic() < ends_at and not self.stop_requested() and not self._is_broken():
            per_second = self.counts.requested / max(0.2, time.monotonic() - began)
            wanted = next_claim(
                [self._state_of(pool) for pool in self._pools.values()],
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
                claimed = await self.run_in_database(
                    claim_next_batch, self.worker, wanted.limit, wanted.health
                )
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
        if tasks and not self.counts.claimed:
            self.enqueue_helper()
        self.counts.claimed += len(tasks)
        self.counts.skipped += batch.skipped
        if tasks:
            self._open_until[stream.id] = max(task.closes_at for task in tasks)
        for task in tasks:
            if pool := await self._pool_of(task.claim.account_id):
                self._buffered.add(task.claim.attempt_id)
                pool.given_at = time.monotonic()
                pool.buffer.put(task)
            else:
                self._take_outcome(task.claim, None)

    # -- send ----------------------------------------------------------------------------------------

    def _take_outcome(self, claim: Claim, outcome: Outcome | None) -> None:
        self._buffered.discard(claim.attempt_id)
        if outcome is None:
            self.counts.returned += 1
        else:
            self.counts.requested += 1
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

    def _may_start(self, task: SendTask) -> bool:
        claim, now = task.claim, time.monotonic()
        if (
            task.fence.is_over()
            or self.stop_requested()
            or self._is_broken()
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
                pool.leave()

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
