"""Outbox, attempt totals and bills: messages put back or cancelled, sums of outcomes, and what they cost.

- Messages that never left, or whose attempt came to nothing, go back into the outbox; waiting ones can be cancelled.
- Attempt totals: what became of attempts, as sums. Figures and the check for too many failures read these, not the
  attempts. Budgets change with them.
- Bills: what the gateway charges for each message replaces the estimate. It names its price with its answer, or some time
  after delivery in its list (Twilio: within a day); see `campaigns/delivery/reconcile.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    SmallInteger,
    String,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from campaigns.delivery.claim_messages import Claim
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, AttemptTotal, Message, Outbox
from campaigns.rules.budget import next_factor, vnd_of
from campaigns.rules.delivery import FAILURE_WINDOW, PHONE_IS_OFF, is_charged
from campaigns.rules.states import ACCEPTED_OR_BEYOND, FAILURES, AttemptState, CampaignState, MessageState
from outreach.core.db import change_rows, columns_of, fold_rows, rows_table, set_columns, values_subquery
from outreach.models.office import ENVIRONMENT
from outreach.rules.gateway import BilledMessage, goes_alone
from outreach.rules.segments import measure


def queue_message(session: Session, *, not_before: datetime, **values: Any) -> Message:
    """Store a message that is no step of a campaign, to leave by the transactional stream. `values` are the row's."""
    message = Message(state=MessageState.QUEUED, **values)
    session.add(message)
    session.flush()
    session.add(Outbox(message_id=message.id, stream_id=TRANSACTIONAL_STREAM, not_before=not_before))
    return message


def return_unsent(
    session: Session, unsent: Sequence[tuple[Claim, datetime]], *, repeating: Collection[int] = ()
) -> None:
    """Undo claims whose messages certainly never left; these go back into the outbox, each not before its moment.

    An attempt that has moved on meanwhile (its lease expired and it was requeued) stays. So does an unknown one of an account in
    `repeating`, where the request is made again to learn what became of it: that may have been taken by now.
    """
    if not unsent:
        return
    claims = values_subquery(session, [claim.attempt_id for claim, _ in unsent])
    is_unsent = or_(
        Attempt.state == AttemptState.SENDING,
        and_(Attempt.state == AttemptState.UNKNOWN, Attempt.account_id.not_in(repeating)),
    )
    removal = delete(Attempt).where(Attempt.id.in_(claims), is_unsent, Attempt.gateway_id.is_(None))
    deleted = set(session.scalars(removal.returning(Attempt.id).execution_options(synchronize_session=False)))
    returned: Counter[int] = Counter()
    billed: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    entries = []
    for of, not_before in unsent:
        if of.attempt_id not in deleted:
            continue
        returned[of.stream_id] += of.segments
        if goes_alone(of.notice):
            segments, vnd = billed[of.stream_id]
            billed[of.stream_id] = segments - of.segments, vnd - (of.cost_vnd or 0)
        entries.append(OutboxEntry(of.message_id, of.stream_id, of.n, not_before, of.throttled, of.refused))
    credit_segments(session, returned, billed)
    requeue(session, entries)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A new row of the outbox."""

    message_id: int
    stream_id: int
    n: int
    not_before: datetime
    throttled: int = 0
    refused: int = 0


def credit_segments(
    session: Session, segments: Mapping[int, int], billed: Mapping[int, tuple[int, int]] | None = None
) -> None:
    """Credit campaigns (by stream) with segments that are not charged after all; less than 0 charges them.

    `billed`: growth of what the gateway has billed, in segments and VND.
    """
    billed = billed or {}
    for stream_id in sorted({*segments, *billed} - {TRANSACTIONAL_STREAM}):
        values: dict[str, Any] = {}
        if returned := segments.get(stream_id):
            values["segments_taken"] = Campaign.segments_taken - returned
        if (growth := billed.get(stream_id, (0, 0))) != (0, 0):
            values["priced_segments"] = Campaign.priced_segments + growth[0]
            values["priced_vnd"] = Campaign.priced_vnd + growth[1]
        if values:
            set_columns(session, Campaign, Campaign.id == stream_id, **values)


def requeue(session: Session, entries: Sequence[OutboxEntry]) -> None:
    """Put messages back into the outbox, or cancel them if their campaign was cancelled meanwhile.

    None of which an earlier attempt was accepted after all, as was seen only now. Locks the campaigns by id.
    """
    if repeats := [item.message_id for item in entries if item.n > 1]:
        theirs = Attempt.message_id.in_(values_subquery(session, repeats))
        taken = select(Attempt.message_id).where(theirs, Attempt.state.in_(ACCEPTED_OR_BEYOND))
        accepted = set(session.scalars(taken))
        entries = [item for item in entries if item.message_id not in accepted]
    if not entries:
        return
    campaigns = select(Campaign.id, Campaign.state).where(
        Campaign.id.in_({item.stream_id for item in entries})
    )
    # Locked until the end, so that a cancel either sees these rows in the outbox or is seen here.
    states = dict(session.execute(campaigns.order_by(Campaign.id).with_for_update(key_share=True)).all())
    by_state = dict[MessageState, list[OutboxEntry]]()
    for item in entries:
        is_cancelled = states.get(item.stream_id) is CampaignState.CANCELLED
        by_state.setdefault(MessageState.CANCELLED if is_cancelled else MessageState.QUEUED, []).append(item)
    for state, items in by_state.items():
        theirs = Message.id.in_(values_subquery(session, [item.message_id for item in items]))
        set_columns(session, Message, theirs, state=state)
    if requeued := by_state.get(MessageState.QUEUED):
        rows = [{**asdict(item), "throttled": min(item.throttled, 100)} for item in requeued]
        session.execute(insert(Outbox), rows)


def cancel_waiting(session: Session, message_id: int) -> bool:
    """Cancel one message that still waits. Returns False if it has left or is being claimed."""
    # Never waits for a claim that has the row: the claim may wait for the phone that the caller has locked.
    row = session.scalar(
        select(Outbox.message_id).where(Outbox.message_id == message_id).with_for_update(skip_locked=True)
    )
    if row is None:
        return False
    session.execute(delete(Outbox).where(Outbox.message_id == message_id))
    session.execute(update(Message).where(Message.id == message_id).values(state=MessageState.CANCELLED))
    return True


# Older totals are folded together: no reader needs them by the minute.
FOLD_AFTER = timedelta(hours=1)


class StateChange(NamedTuple):
    """A change of attempts of a gateway account from one state, with its cause, to the next."""

    stream_id: int
    before: AttemptState
    cause_before: str | None
    after: AttemptState
    cause: str | None
    account_id: int = ENVIRONMENT


@dataclass(slots=True)
class ChangeTotals:
    """Totals of one state change.

    `n`: attempts; `segments`: of their messages; `more`: what the gateway counts beyond these.
    """

    n: int = 0
    segments: int = 0
    more: int = 0


def add_totals(
    session: Session,
    changes: Mapping[StateChange, ChangeTotals],
    *,
    now: datetime,
    billed: Mapping[int, tuple[int, int]] | None = None,
) -> None:
    """Add the totals of changes and adjust the campaigns' budgets, in the transaction of the changes.

    `billed`: by stream, growth of what the gateway has billed, in segments and VND.
    """
    sums: dict[tuple[int, AttemptState, str | None, int], ChangeTotals] = defaultdict(ChangeTotals)
    credits: dict[int, int] = defaultdict(int)
    for change, totals in changes.items():
        segments_after = totals.segments + totals.more
        for state, cause, n, segments in (
            (change.before, change.cause_before, -totals.n, -totals.segments),
            (change.after, change.cause, totals.n, segments_after),
        ):
            if state in ACCEPTED_OR_BEYOND:
                total = sums[change.stream_id, state, cause, change.account_id]
                total.n += n
                total.segments += segments
        credits[change.stream_id] += totals.segments * is_charged(
            change.before
        ) - segments_after * is_charged(change.after)
    names = ("stream_id", "state", "cause", "account_id")
    rows = [
        dict(zip(names, key, strict=True)) | {"n": total.n, "segments": total.segments, "at": now}
        for key, total in sums.items()
        if total.n or total.segments
    ]
    if rows:
        session.execute(insert(AttemptTotal), rows)
    credit_segments(session, credits, billed)


def count_outcomes(session: Session, *where: ColumnElement[bool]) -> tuple[int, int]:
    """Return how many outcomes in such totals failed, and how many did not."""
    query = select(AttemptTotal.state, func.sum(AttemptTotal.n)).where(*where).group_by(AttemptTotal.state)
    counts = {state: int(n) for state, n in session.execute(query)}
    failed = sum(counts.get(state, 0) for state in FAILURES)
    # A message that was accepted and then delivered counts once: one less "accepted", one more "delivered".
    succeeded = sum(n for state, n in counts.items() if state not in FAILURES)
    return failed, max(succeeded, counts.get(AttemptState.DELIVERED, 0))


def recent_outcomes(session: Session, stream_id: int, *, now: datetime) -> tuple[int, int]:
    """Return how many of the outcomes of the last minutes (FAILURE_WINDOW) failed, and how many did not.

    Outcomes from before the campaign was resumed do not count; nor do, of a warning, phones that are off: in a storm many are.
    """
    since = now - FAILURE_WINDOW
    campaign = session.execute(
        select(Campaign.resumed_at, Campaign.urgent_reason).where(Campaign.id == stream_id)
    ).one()
    where = [AttemptTotal.stream_id == stream_id, AttemptTotal.at > max(since, campaign.resumed_at or since)]
    if campaign.urgent_reason:
        where.append(func.coalesce(AttemptTotal.cause, "").not_in(PHONE_IS_OFF))
    return count_outcomes(session, *where)


def fold_attempt_totals(session: Session, *, now: datetime) -> int:
    """Merge old totals of the same kind. Returns how many rows that saved.

    Of two calls at once, each row is merged by only one.
    """
    kind = (AttemptTotal.stream_id, AttemptTotal.state, AttemptTotal.cause, AttemptTotal.account_id)
    is_old = AttemptTotal.at < now - FOLD_AFTER
    many = session.scalars(
        select(AttemptTotal.stream_id)
        .where(is_old)
        .group_by(*kind)
        .having(func.count() > 1)
        .order_by(AttemptTotal.stream_id)
        .distinct()
    ).all()
    sums, newest = (AttemptTotal.n, AttemptTotal.segments), [AttemptTotal.at]
    return sum(
        fold_rows(session, AttemptTotal, kind, sums, AttemptTotal.stream_id == each, is_old, newest=newest)
        for each in many
    )


def causes_and_segments(session: Session, stream_id: int) -> tuple[dict[str, int], int, int]:
    """Return a stream's failures by cause, its charged segments, and its charged attempts."""
    rows = session.execute(
        select(
            AttemptTotal.state, AttemptTotal.cause, func.sum(AttemptTotal.n), func.sum(AttemptTotal.segments)
        )
        .where(AttemptTotal.stream_id == stream_id)
        .group_by(AttemptTotal.state, AttemptTotal.cause)
    ).all()
    causes: dict[str, int] = defaultdict(int)
    for state, cause, n, _segments in rows:
        if state in FAILURES and n:
            causes[cause or "other"] += int(n)
    charged = [(int(n), int(segments)) for state, _cause, n, segments in rows if is_charged(state)]
    return dict(causes), sum(segments for _n, segments in charged), sum(n for n, _segments in charged)


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
