"""Bills: what the gateway has charged for each message replaces the estimate.

A gateway names its price some time after delivery (Twilio: within a day) and only in its list. So the list of the last
days is read again from time to time, while a campaign has segments without a price.
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
# A message without a price by then keeps its estimate.
BILLED_WITHIN = timedelta(days=3)
READ_EVERY_S, READ_EVERY_S_IN_TRAINING = 3600, 30
_LAST_READ_KEY = "loa:bills"


@dataclass(slots=True)
class BillingResult:
    """Result of one reading of the bills."""

    pages: int = 0
    priced: int = 0
    away: int = 0


def is_due(session: Session, redis: Redis, *, is_live: bool, now: datetime) -> bool:
    """Return whether the bills are to be read now.

    So if a campaign of the last days lacks some, and the last reading was long enough ago.
    """
    unbilled = select(Campaign.id).where(
        Campaign.segments_taken > Campaign.priced_segments,
        Campaign.launched_at.is_not(None),
        or_(Campaign.ended_at.is_(None), Campaign.ended_at > now - BILLED_WITHIN),
    )
    if session.execute(unbilled.limit(1)).first() is None:
        return False
    return once_every(redis, _LAST_READ_KEY, every_s=READ_EVERY_S if is_live else READ_EVERY_S_IN_TRAINING)


async def read_bills(
    runtime: Runtime, gateway: Gateway, *, stop_requested: Callable[[], bool], now: datetime
) -> BillingResult:
    """Read the gateway's list of the last days, a page at a time, and store the prices new in it."""
    result = BillingResult()
    today = now.astimezone(UTC).date()
    for days_ago in range(BILLED_WITHIN.days + 1):
        try:
            async for page in gateway.list_billed(today - timedelta(days=days_ago)):
                result.pages += 1
                result.priced += await asyncio.to_thread(_store, runtime, page)
                if stop_requested():
                    return result
        except GatewayUnavailable as error:
            result.away += 1
            log.warning("billing.list_unavailable error=%s", error)
    return result


def _store(runtime: Runtime, page: Sequence[BilledMessage]) -> int:
    with runtime.db.write() as session:
        return store_bills(session, page, usd_vnd=runtime.settings.usd_vnd, now=datetime.now(UTC))


def store_bills(session: Session, page: Sequence[BilledMessage], *, usd_vnd: float, now: datetime) -> int:
    """Store prices, and the gateway's segment counts, of attempts that have none yet. Returns how many.

    In the same transaction the campaigns' spending follows. A message without a price, or with one in a currency without a
    rate, waits. Locks the attempts by id.
    """
    prices = {
        item.gateway_id: (vnd, item.segments)
        for item in page
        if (vnd := vnd_of(item.price, item.unit, usd_vnd=usd_vnd)) is not None
    }
    if not prices:
        return 0
    attempts = session.execute(
        select(
            Attempt.id, Attempt.gateway_id, Attempt.stream_id, Attempt.state, Attempt.cause, Attempt.segments
        )
        .where(Attempt.gateway_id.in_(values_subquery(session, prices, String)), Attempt.price_vnd.is_(None))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    if not attempts:
        return 0
    changes: list[dict[str, int]] = []
    recounted: dict[StateChange, ChangeTotals] = defaultdict(ChangeTotals)
    billed: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in attempts:
        vnd, gateway_segments = prices[row.gateway_id]
        segments = gateway_segments or row.segments
        changes.append({"id": row.id, "price_vnd": vnd, "segments": segments})
        if segments != row.segments:
            totals = recounted[StateChange(row.stream_id, row.state, row.cause, row.state, row.cause)]
            totals.segments += row.segments
            totals.more += segments - row.segments
        billed_segments, billed_vnd = billed[row.stream_id]
        billed[row.stream_id] = (billed_segments + segments * is_charged(row.state), billed_vnd + vnd)
    new = rows_table(session, {"id": BigInteger, "price_vnd": Integer, "segments": SmallInteger}, changes)
    session.execute(
        update(Attempt)
        .where(Attempt.id == new.c.id)
        .values(price_vnd=new.c.price_vnd, segments=new.c.segments),
        execution_options=NO_SYNC,
    )
    add_totals(session, recounted, now=now, billed=billed)
    return len(attempts)
