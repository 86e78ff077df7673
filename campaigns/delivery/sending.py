"""One job's sending: a full pipeline from claim to record, without a barrier between batches.

Three kinds of task share one event loop. The claimer keeps the line short but never empty; the senders
take from it, each one request at a time; the recorder stores outcomes in bulk. Database work runs in
threads. No request starts once the worker was told to stop, the campaign was paused, the window is about
to close, or the lease would not outlast the request: then the message goes back unsent.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.claims import Claim, claim
from campaigns.delivery.lanes import SERVICE_LANE, open_lanes, still_open, suppressed_attempts
from campaigns.delivery.line import Counts, Job, line_up, monotonic_of
from campaigns.delivery.pace import reserve
from campaigns.delivery.recording import record
from campaigns.delivery.rendering import Renderer
from campaigns.lifecycle import pause_by_itself
from campaigns.links import LinkCipher
from campaigns.states import MessageKind
from outreach.runtime import Runtime
from outreach.sms.gateway import Gateway, Outcome, Outgoing, Unseen

log = logging.getLogger(__name__)

CLAIM_LIMIT = 500
HOLD_AHEAD = (
    500  # the next batch is fetched while so many still wait: a claim takes as long as sending some of them
)
RECORD_EVERY_S = 0.2
LOOK_EVERY_S = 0.5  # for pause, cancel and closed windows; a stop takes effect within it
RETRY_DATABASE_S = 1.0
IDLE_S = 0.3  # with nothing to claim and nothing under way for so long, the job ends

OVER_BUDGET = (
    "Đã dùng hết ngân sách của chiến dịch. Hãy hủy phần còn lại, hoặc lập chiến dịch mới cho phần đó."
)


@dataclass
class Sender:
    """Sends for `seconds`, or until told to stop. One for each job; the gateway outlives it."""

    runtime: Runtime
    gateway: Gateway
    worker: str
    is_told_to_stop: Callable[[], bool]
    call_for_help: Callable[[], object]  # at the first batch, once
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        settings = self.runtime.settings
        self._settings = settings
        self._renderer = Renderer(
            public_base_url=settings.public_base_url, cipher=LinkCipher(settings.secret_key)
        )
        self._line: asyncio.Queue[Job | None] = asyncio.Queue()
        self._seen: list[tuple[Claim, Outcome | None]] = []
        self._open: dict[int, float] = {}  # lanes that may send, and until when (monotonic)
        self._waiting: set[int] = set()  # attempts in the line
        self._barred: set[int] = set()  # of these, those whose number was suppressed meanwhile
        self._under_way = 0
        self._turn = 0
        self._over = False

    async def run(self, seconds: float) -> Counts:
        """The whole job. Returns when the time is up or there has been nothing to do for a moment."""
        ends_at = time.monotonic() + seconds
        senders = [asyncio.create_task(self._send_all()) for _ in range(self._settings.send_in_flight)]
        self._watcher = asyncio.create_task(self._watch())
        self._recorder = asyncio.create_task(self._record_all())
        try:
            await self._claim_all(ends_at)
        finally:
            for _ in senders:
                self._line.put_nowait(None)
            await asyncio.gather(*senders)
            self._over = True
            self._watcher.cancel()
            ended = await asyncio.gather(self._recorder, self._watcher, return_exceptions=True)
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
        while time.monotonic() < ends_at and not self.is_told_to_stop() and not self._is_broken():
            if self._line.qsize() > HOLD_AHEAD:
                await asyncio.sleep(0.005)
                continue
            try:
                claimed = await asyncio.to_thread(self._claim_next)
            except (SQLAlchemyError, RedisError) as error:
                log.warning("send.claim_failed error=%s", type(error).__name__)
                await asyncio.sleep(RETRY_DATABASE_S)
                continue
            for job in claimed:
                self._waiting.add(job.claim.attempt_id)
                self._line.put_nowait(job)
            if claimed or self._under_way or self._line.qsize() or self._seen:
                idle_since = None
            else:
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since > IDLE_S:
                    return
            if not claimed:
                await asyncio.sleep(0.05)

    def _claim_next(self) -> list[Job]:
        """A batch of the next lane in turn that has one; the service lane always goes first."""
        runtime, settings = self.runtime, self._settings
        with runtime.db.read() as session:
            lanes = open_lanes(session, now=datetime.now(UTC), is_live=settings.is_live)
        self._turn += 1
        campaigns = [lane for lane in lanes if lane.id != SERVICE_LANE]
        first = self._turn % len(campaigns) if campaigns else 0
        for lane in [
            *(lane for lane in lanes if lane.id == SERVICE_LANE),
            *campaigns[first:],
            *campaigns[:first],
        ]:
            reserved = reserve(runtime.redis, lane=lane.id, pace=lane.pace) if lane.pace else None
            if lane.pace and reserved is None:
                continue  # enough lies ahead already
            # In this order, and anew for each lane: however long its transaction has to wait, the fence
            # stands before the end of the lease in the database.
            fence = time.monotonic() + settings.lease_s - settings.send_timeout_s
            now = datetime.now(UTC)
            with runtime.db.write() as session:
                batch = claim(
                    session,
                    lane,
                    limit=CLAIM_LIMIT,
                    segments=reserved.segments if reserved else math.inf,
                    now=now,
                    lease_s=settings.lease_s,
                    worker=self.worker,
                    renderer=self._renderer,
                    price_vnd=settings.price_per_segment_vnd,
                    is_live=settings.is_live,
                    service_sender=settings.twilio_from,
                )
                if batch.over_budget and not batch.claims:
                    pause_by_itself(session, lane.id, reason=OVER_BUDGET, now=now)
            if reserved:
                reserved.settle(sum(item.segments for item in batch.claims))
            if batch.claims and not self.counts.claimed:
                self.call_for_help()
            self.counts.claimed += len(batch.claims)
            self.counts.skipped += batch.skipped
            if batch.claims:
                self._open[lane.id] = monotonic_of(lane.closes_at)
                return line_up(lane, batch, reserved.starts_at if reserved else 0.0, fence)
        return []

    # -- send ----------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        while (job := await self._line.get()) is not None:
            self._under_way += 1
            try:
                await self._send_one(job)
            finally:
                self._under_way -= 1

    async def _send_one(self, job: Job) -> None:
        while (wait := job.starts_at - time.monotonic()) > 0 and self._may_start(job):
            await asyncio.sleep(min(wait, 0.25))
        may_start = self._may_start(job)
        claimed = job.claim
        self._waiting.discard(claimed.attempt_id)
        if not may_start:
            self.counts.put_back += 1
            self._seen.append((claimed, None))
            return
        self.counts.requested += 1
        left_s = int(job.closes_at - time.monotonic())
        message = Outgoing(
            attempt_id=claimed.attempt_id,
            to=claimed.to,
            sender=claimed.sender,
            body=claimed.body,
            validity_s=max(1, left_s),
        )
        outcome: Outcome
        try:
            outcome = await self.gateway.send(message)
        except Exception as error:
            # A fault of ours must not take the sender down; whether the request left is not known.
            log.exception("send.fault attempt=%s", claimed.attempt_id)
            outcome = Unseen(type(error).__name__)
        self._seen.append((claimed, outcome))

    def _may_start(self, job: Job) -> bool:
        claimed, now = job.claim, time.monotonic()
        if (
            now >= job.fence
            or self.is_told_to_stop()
            or self._is_broken()
            or claimed.attempt_id in self._barred
        ):
            return False
        closes_at = self._open.get(claimed.lane)
        if closes_at is None:
            return False
        return claimed.kind is MessageKind.CONFIRMATION or now < min(closes_at, job.closes_at)

    async def _watch(self) -> None:
        """Forget the lanes that were paused, cancelled or closed, and the numbers that opted out."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            lanes, waiting = list(self._open), list(self._waiting)
            try:
                still, self._barred = await asyncio.to_thread(self._look, lanes, waiting)
            except SQLAlchemyError as error:
                # Cut off from the database nobody can tell us of a pause; the lease bounds how long.
                log.warning("send.watch_failed error=%s", type(error).__name__)
                continue
            for lane in lanes:  # lanes claimed meanwhile are not touched
                if lane in still:
                    self._open[lane] = monotonic_of(still[lane])
                else:
                    self._open.pop(lane, None)

    def _look(self, lanes: list[int], waiting: list[int]) -> tuple[dict[int, datetime], set[int]]:
        with self.runtime.db.read() as session:
            still = still_open(session, lanes, now=datetime.now(UTC), is_live=self._settings.is_live)
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
        try:
            await asyncio.to_thread(self._store, seen)
        except SQLAlchemyError as error:
            log.warning("send.record_failed count=%s error=%s", len(seen), type(error).__name__)
            self._seen = seen + self._seen
            return False
        return True

    async def _record_last(self) -> None:
        """At the job's end try until the leases are over; after that the reconciler finds out by itself."""
        gives_up_at = time.monotonic() + self._settings.lease_s
        while self._seen and not await self._record_seen() and time.monotonic() < gives_up_at:
            await asyncio.sleep(RETRY_DATABASE_S)

    def _store(self, seen: list[tuple[Claim, Outcome | None]]) -> None:
        with self.runtime.db.write() as session:
            record(
                session,
                seen,
                now=datetime.now(UTC),
                reconcile_s=self._settings.reconcile_s,
                secret_key=self._settings.secret_key,
            )
