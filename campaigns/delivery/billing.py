"""Bills: what the gateway charges for each message replaces the estimate.

A gateway names its price with its answer, or some time after delivery in its list (Twilio: within a day); see
`campaigns/delivery/read_list.py`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Integer, SmallInteger, String, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import ChangeTotals, StateChange, add_totals
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt
from campaigns.rules.budget import next_factor, vnd_of
from campaigns.rules.delivery import is_charged
from outreach.core.db import change_rows, columns_of, rows_table, set_columns, values_subquery
from outreach.rules.gateway import BilledMessage
from outreach.rules.segments import measure


def store_factor(session: Session, campaign_id: int, factor: float) -> None:
    """Store how many segments the gateway charges for each of ours."""
    is_other = (Campaign.id == campaign_id, Campaign.segment_factor != factor)
    set_columns(session, Campaign, *is_other, segment_factor=factor)


def store_bills(session: Session, page: Sequence[BilledMessage], *, usd_vnd: float, now: datetime) -> int:
    """Store prices, and the gateway's segment counts, of attempts that have no price yet. Returns how many got one.

    In the same transaction the campaigns' spending follows, and what they reserve for the messages still to be sent: never less
    than what the gateway now charges. A message without a price, or with one in a currency without a rate, waits for it. Locks the attempts by id.
    """
    prices = {
        item.gateway_id: (vnd, item.segments)
        for item in page
        if (vnd := vnd_of(item.price, item.unit, usd_vnd=usd_vnd)) is not None or item.segments
    }
    if not prices:
        return 0
    attempts = session.execute(
        select(*columns_of(Attempt, "id gateway_id stream_id state cause segments account_id"))
        .where(Attempt.gateway_id.in_(values_subquery(session, prices, String)), Attempt.price_vnd.is_(None))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    if not attempts:
        return 0
    changes: list[dict[str, int | None]] = []
    counts: dict[int, int] = {}  # the gateway's, by attempt, where they are not ours
    recounted: dict[StateChange, ChangeTotals] = defaultdict(ChangeTotals)
    billed: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in attempts:
        vnd, gateway_segments = prices[row.gateway_id]
        segments = gateway_segments or row.segments
        if vnd is None and segments == row.segments:
            continue
        changes.append({"id": row.id, "price_vnd": vnd, "segments": segments})
        if segments != row.segments:
            same = StateChange(row.stream_id, row.state, row.cause, row.state, row.cause, row.account_id)
            totals = recounted[same]
            totals.segments += row.segments
            totals.more += segments - row.segments
            counts[row.id] = segments
        if vnd is None:
            continue
        billed_segments, billed_vnd = billed[row.stream_id]
        billed[row.stream_id] = (billed_segments + segments * is_charged(row.state), billed_vnd + vnd)
    if not changes:
        return 0
    new = rows_table(session, {"id": BigInteger, "price_vnd": Integer, "segments": SmallInteger}, changes)
    set_columns(session, Attempt, Attempt.id == new.c.id, price_vnd=new.c.price_vnd, segments=new.c.segments)
    add_totals(session, recounted, now=now, billed=billed)
    _reserve_as_charged(session, counts, billed)
    return sum(change["price_vnd"] is not None for change in changes)


def bill_attempt(session: Session, attempt_id: int, price: Decimal, *, now: datetime) -> None:
    """Store what a message has cost whose callback says so, unless it is stored."""
    row = session.execute(
        update(Attempt)
        .where(Attempt.id == attempt_id, Attempt.price_vnd.is_(None))
        .values(price_vnd=round(price))
        .returning(Attempt.stream_id, Attempt.segments, Attempt.state)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row:
        billed = {row.stream_id: (row.segments * is_charged(row.state), round(price))}
        add_totals(session, {}, now=now, billed=billed)
        _reserve_as_charged(session, {}, billed)


def _reserve_as_charged(session: Session, counts: dict[int, int], billed: dict[int, tuple[int, int]]) -> None:
    """Let campaigns reserve for a message what the gateway charges.

    `counts`: its segments by attempt, where they are not what was reserved. `billed`: segments and VND by stream.
    """
    answers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if counts:
        query = select(Attempt.id, Attempt.stream_id, Attempt.body)
        for row in session.execute(query.where(Attempt.id.in_(values_subquery(session, counts)))):
            answers[row.stream_id].append((max(1, measure(row.body).segments), counts[row.id]))
    for stream_id in sorted({*answers, *billed} - {TRANSACTIONAL_STREAM}):
        campaign = update(Campaign).where(Campaign.id == stream_id)
        if stream_id in answers:
            factor = session.scalar(select(Campaign.segment_factor).where(Campaign.id == stream_id)) or 1.0
            store_factor(session, stream_id, next_factor(factor, answers[stream_id]))
        segments, vnd = billed.get(stream_id, (0, 0))
        if segments:
            each_vnd = round(vnd / segments)
            change_rows(session, campaign.where(Campaign.price_vnd < each_vnd).values(price_vnd=each_vnd))
