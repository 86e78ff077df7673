"""Bills: what the gateway has charged for each message takes the place of the estimate.

A gateway names its price some time after delivery (Twilio: within a day) and only in its list, so that the list of the
last days is read anew from time to time, while a campaign has segments without one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis import Redis
from sqlalchemy import BigInteger, Integer, SmallInteger, String, or_, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import ChangeTotals, StateChange, add_totals
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt
from campaigns.rules.budget import vnd_of
from campaigns.rules.delivery import is_charged
from outreach.core.bulk import NO_SYNC, rows_table, values_subquery
from outreach.core.job_queue import once_every
from outreach.rules.gateway import BilledMessage, Gateway, GatewayUnavailable
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
# What has no price by then stays an estimate.
BILLED_WITHIN = timedelta(days=3)
LOOK_EVERY_S, TRAINING_EVERY_S = 3600, 30
_LOOKED = "loa:bills"


@dataclass(slots=True)
class BillingResult:
    """What one look at the bills came to."""

    pages: int = 0
    priced: int = 0
    away: int = 0


def is_due(session: Session, redis: Redis, *, is_live: bool, now: datetime) -> bool:
    """Whether the bills are to be looked at: a campaign of the last days lacks some, and the last look was long ago."""
    unbilled = select(Campaign.id).where(
        Campaign.segments_taken > Campaign.priced_segments,
        Campaign.launched_at.is_not(None),
        or_(Campaign.ended_at.is_(None), Campaign.ended_at > now - BILLED_WITHIN),
    )
    if session.execute(unbilled.limit(1)).first() is None:
        return False
    return once_every(redis, _LOOKED, every_s=LOOK_EVERY_S if is_live else TRAINING_EVERY_S)


async def read_bills(
    runtime: Runtime, gateway: Gateway, *, stop_requested: Callable[[], bool], now: datetime
) -> BillingResult:
    """Read the gateway's list of the last days, a page at a time, and keep the prices that are new in it."""
    done = BillingResult()
    today = now.astimezone(UTC).date()
    for back in range(BILLED_WITHIN.days + 1):
        try:
            async for page in gateway.list_billed(today - timedelta(days=back)):
                done.pages += 1
                done.priced += await asyncio.to_thread(_store, runtime, page)
                if stop_requested():
                    return done
        except GatewayUnavailable as error:
            done.away += 1
            log.warning("billing.list_unavailable error=%s", error)
    return done


def _store(runtime: Runtime, page: Sequence[BilledMessage]) -> int:
    with runtime.db.write() as session:
        return store_bills(session, page, usd_vnd=runtime.settings.usd_vnd, now=datetime.now(UTC))


def store_bills(session: Session, page: Sequence[BilledMessage], *, usd_vnd: float, now: datetime) -> int:
    """Write prices, and the segments that the gateway counted, to the attempts that have none yet; how many.

    In the same transaction the campaigns' spending follows. What has no price, or one in money without a rate, waits.
    """
    prices = {
        item.gateway_id: (vnd, item.segments)
        for item in page
        if (vnd := vnd_of(item.price, item.unit, usd_vnd=usd_vnd)) is not None
    }
    if not prices:
        return 0
    held = session.execute(
        select(
            Attempt.id, Attempt.gateway_id, Attempt.stream_id, Attempt.state, Attempt.cause, Attempt.segments
        )
        .where(Attempt.gateway_id.in_(values_subquery(session, prices, String)), Attempt.price_vnd.is_(None))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    if not held:
        return 0
    changes: list[dict[str, int]] = []
    recounted: dict[StateChange, ChangeTotals] = defaultdict(ChangeTotals)
    billed: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in held:
        vnd, counted = prices[row.gateway_id]
        segments = counted or row.segments
        changes.append({"id": row.id, "price_vnd": vnd, "segments": segments})
        if segments != row.segments:
            same = recounted[StateChange(row.stream_id, row.state, row.cause, row.state, row.cause)]
            same.segments += row.segments
            same.more += segments - row.segments
        so_far, sum_vnd = billed[row.stream_id]
        billed[row.stream_id] = (so_far + segments * is_charged(row.state), sum_vnd + vnd)
    new = rows_table(session, {"id": BigInteger, "price_vnd": Integer, "segments": SmallInteger}, changes)
    session.execute(
        update(Attempt)
        .where(Attempt.id == new.c.id)
        .values(price_vnd=new.c.price_vnd, segments=new.c.segments),
        execution_options=NO_SYNC,
    )
    add_totals(session, recounted, now=now, billed=billed)
    return len(held)
