"""Whose turn it is: the next batch of the lane that has waited longest, claimed within the pace."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.claims import Batch, claim
from campaigns.delivery.lanes import SERVICE_LANE, Lane, open_lanes, sender_pace
from campaigns.delivery.line import Job, monotonic_of
from campaigns.delivery.pace import reserve
from campaigns.delivery.rendering import renderer_of
from campaigns.lifecycle import pause_by_itself
from campaigns.models import Sender
from campaigns.planning.budget import price_of
from outreach.runtime import Runtime

CLAIM_LIMIT = 1000

# Fair over all workers together: each of them alone would begin with the same campaign.
_SERVED, _REMEMBERED_S = "loa:served", 3600

OVER_BUDGET = (
    "Đã dùng hết ngân sách của chiến dịch. Hãy hủy phần còn lại, hoặc lập chiến dịch mới cho phần đó."
)


def next_batch(
    runtime: Runtime, worker: str, limit: int = CLAIM_LIMIT
) -> tuple[Lane, Batch, list[Job]] | None:
    """Claim up to `limit` messages of one lane; None when none may send now. Raises SQLAlchemyError, RedisError.

    Fair between campaigns; answers to residents and tests go first.
    """
    return _Turns(runtime, worker=worker, limit=limit).next_batch()


class _Turns:
    def __init__(self, runtime: Runtime, *, worker: str, limit: int) -> None:
        settings = runtime.settings
        self._runtime, self._settings, self._worker, self._limit = runtime, settings, worker, limit
        self._renderer = renderer_of(settings)

    def next_batch(self) -> tuple[Lane, Batch, list[Job]] | None:
        with self._runtime.db.read() as session:
            lanes = open_lanes(session, now=datetime.now(UTC), is_live=self._settings.is_live)
        served = self._last_served() if len(lanes) > 1 else {}
        lanes.sort(key=lambda lane: (lane.id != SERVICE_LANE, served.get(lane.id, 0.0)))
        for lane in lanes:
            if taken := self._take(lane):
                if len(lanes) > 1:
                    self._note_served(lane)
                return lane, *taken
        return None

    def _last_served(self) -> dict[int, float]:
        """When each lane had its last turn, with any worker. Without Redis nobody knows."""
        try:
            turns: Any = self._runtime.redis.zrange(_SERVED, 0, -1, withscores=True)
            return {int(lane): float(at) for lane, at in turns}
        except RedisError:
            return {}

    def _note_served(self, lane: Lane) -> None:
        with suppress(RedisError):
            self._runtime.redis.zadd(_SERVED, {str(lane.id): time.time()})
            self._runtime.redis.expire(_SERVED, _REMEMBERED_S)

    def _take(self, lane: Lane) -> tuple[Batch, list[Job]] | None:
        runtime, settings = self._runtime, self._settings
        reserved = reserve(runtime.redis, lane.paces, most=self._limit) if lane.paces else None
        if lane.paces and reserved is None:
            return None  # enough lies ahead already
        # In this order, and anew for each lane: however long its transaction has to wait, the fence
        # stands before the end of the lease in the database.
        fence = time.monotonic() + settings.lease_s - settings.send_timeout_s
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            batch = claim(
                session,
                lane,
                limit=self._limit,
                segments=reserved.segments if reserved else math.inf,
                now=now,
                lease_s=settings.lease_s,
                worker=self._worker,
                renderer=self._renderer,
                price_vnd=price_of(lane.price_vnd, settings),
                is_live=settings.is_live,
                service_sender=settings.twilio_from,
            )
            if batch.over_budget and not batch.claims:
                pause_by_itself(session, lane.id, reason=OVER_BUDGET, now=now)
            # Still inside: without Redis nothing is claimed that has a pace to keep.
            starts = _next_places(session, runtime.redis, batch) if lane.id == SERVICE_LANE else {}
        if reserved:
            reserved.settle(sum(item.segments for item in batch.claims))
        if not batch.claims and not batch.skipped:
            return None
        at, gap = (reserved.starts_at, 1 / reserved.per_second) if reserved else (0.0, 0.0)
        jobs = []
        for item in batch.claims:
            starts_at = starts.get(item.attempt_id, at)
            jobs.append(Job(item, starts_at, fence, monotonic_of(item.closes_at)))
            at += item.segments * gap
        return batch, jobs


def _next_places(session: Session, redis: Redis, batch: Batch) -> dict[int, float]:
    """For what goes before all campaigns: the next moments that are free at its sender's pace."""
    names = {item.sender for item in batch.claims}
    starts: dict[int, float] = {}
    for sender in session.scalars(select(Sender).where(Sender.name.in_(names), Sender.pace.is_not(None))):
        pace = sender_pace(sender.name, sender.pace)
        for item in batch.claims:
            if pace and item.sender == sender.name:
                place = reserve(redis, [pace], segments=item.segments)
                starts[item.attempt_id] = place.starts_at if place else 0.0
    return starts
