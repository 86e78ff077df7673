"""Back into and out of the outbox; attempt totals and budgets.

Back into the outbox, what never left or came to nothing; and out of it, what is not to leave.

Totals: what became of attempts, as sums. Figures and the watch over failures read these, not the attempts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, delete, func, insert, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.claim_messages import Claim
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, AttemptTotal, Message, Outbox
from campaigns.rules.delivery import FAILURE_WINDOW, is_charged
from campaigns.rules.states import ACCEPTED_OR_BEYOND, AttemptState, CampaignState, MessageState
from outreach.core.bulk import NO_SYNC, values_subquery


@dataclass(frozen=True, slots=True)
class UnsentClaim:
    """A claim whose message certainly never left; it goes back into the outbox."""

    claim: Claim
    not_before: datetime
    throttled: int = 0
    refused: int = 0


def return_unsent(session: Session, back: Sequence[UnsentClaim]) -> None:
    """Undo claims that never left. One that has moved on meanwhile (it was swept and requeued) stays."""
    if not back:
        return
    undone = set(
        session.scalars(
            delete(Attempt)
            .where(
                Attempt.id.in_(
                    values_subquery(session, [item.claim.attempt_id for item in back], BigInteger)
                ),
                Attempt.state.in_((AttemptState.SENDING, AttemptState.UNKNOWN)),
                Attempt.gateway_id.is_(None),
            )
            .returning(Attempt.id)
            .execution_options(synchronize_session=False)
        )
    )
    returned: Counter[int] = Counter()
    for item in back:
        if item.claim.attempt_id in undone:
            returned[item.claim.stream_id] += item.claim.segments
    credit_segments(session, returned)
    requeue(
        session,
        [
            OutboxEntry(
                item.claim.message_id,
                item.claim.stream_id,
                item.claim.n,
                item.not_before,
                item.throttled,
                item.refused,
            )
            for item in back
            if item.claim.attempt_id in undone
        ],
    )


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A row of the outbox to be."""

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

    `billed`: segments and VND by which what the gateway has billed grows.
    """
    billed = billed or {}
    for stream_id in sorted({*segments, *billed} - {TRANSACTIONAL_STREAM}):
        values: dict[str, Any] = {}
        if returned := segments.get(stream_id):
            values["segments_taken"] = Campaign.segments_taken - returned
        if (more := billed.get(stream_id, (0, 0))) != (0, 0):
            values["priced_segments"] = Campaign.priced_segments + more[0]
            values["priced_vnd"] = Campaign.priced_vnd + more[1]
        if values:
            session.execute(
                update(Campaign).where(Campaign.id == stream_id).values(values), execution_options=NO_SYNC
            )


def requeue(session: Session, waiting: Sequence[OutboxEntry]) -> None:
    """Put messages into the outbox again, or cancel them where their campaign was cancelled meanwhile."""
    if not waiting:
        return
    stream_ids = sorted({item.stream_id for item in waiting} - {TRANSACTIONAL_STREAM})
    # Held until the end, so that a cancel either sees these rows in the outbox or is seen here.
    cancelled = {
        campaign_id
        for campaign_id, state in session.execute(
            select(Campaign.id, Campaign.state)
            .where(Campaign.id.in_(stream_ids))
            .order_by(Campaign.id)
            .with_for_update(key_share=True)
        )
        if state is CampaignState.CANCELLED
    }
    dropped = [item.message_id for item in waiting if item.stream_id in cancelled]
    kept = [item for item in waiting if item.stream_id not in cancelled]
    for ids, state in (
        (dropped, MessageState.CANCELLED),
        ([item.message_id for item in kept], MessageState.QUEUED),
    ):
        if ids:
            session.execute(
                update(Message)
                .where(Message.id.in_(values_subquery(session, ids, BigInteger)))
                .values(state=state),
                execution_options=NO_SYNC,
            )
    if kept:
        session.execute(
            insert(Outbox),
            [
                {
                    "message_id": item.message_id,
                    "stream_id": item.stream_id,
                    "n": item.n,
                    "not_before": item.not_before,
                    "throttled": min(item.throttled, 100),
                    "refused": item.refused,
                }
                for item in kept
            ],
        )


def cancel_waiting(session: Session, message_id: int) -> bool:
    """Take one message back that still waits. False where it has left, or is leaving at this moment."""
    # Never waits for a claim that has it: the claim may wait for the phone that the caller holds.
    waiting = session.scalar(
        select(Outbox.message_id).where(Outbox.message_id == message_id).with_for_update(skip_locked=True)
    )
    if waiting is None:
        return False
    session.execute(delete(Outbox).where(Outbox.message_id == message_id))
    session.execute(update(Message).where(Message.id == message_id).values(state=MessageState.CANCELLED))
    return True


FAILURES = (AttemptState.FAILED, AttemptState.UNDELIVERED)
# Older ones are folded together: nobody looks back that far by the minute.
FOLD_AFTER = timedelta(hours=1)


class StateChange(NamedTuple):
    """A step of attempts from one state, with its cause, to the next."""

    stream_id: int
    before: AttemptState
    cause_before: str | None
    after: AttemptState
    cause: str | None


@dataclass(slots=True)
class ChangeTotals:
    """How many attempts took a step, the segments of their messages, and what the gateway counts beyond them."""

    n: int = 0
    segments: int = 0
    more: int = 0


def add_totals(
    session: Session,
    moves: Mapping[StateChange, ChangeTotals],
    *,
    now: datetime,
    billed: Mapping[int, tuple[int, int]] | None = None,
) -> None:
    """Note what changed, and settle the campaigns' budgets with it. In the transaction of the changes.

    `billed`: by stream, segments and VND by which what the gateway has billed grows.
    """
    sums: dict[tuple[int, AttemptState, str | None], ChangeTotals] = defaultdict(ChangeTotals)
    credits: dict[int, int] = defaultdict(int)
    for move, moved in moves.items():
        after = moved.segments + moved.more
        for state, cause, n, segments in (
            (move.before, move.cause_before, -moved.n, -moved.segments),
            (move.after, move.cause, moved.n, after),
        ):
            if state in ACCEPTED_OR_BEYOND:
                total = sums[move.stream_id, state, cause]
                total.n += n
                total.segments += segments
        credits[move.stream_id] += moved.segments * is_charged(move.before) - after * is_charged(move.after)
    noted = [
        {
            "stream_id": stream_id,
            "state": state,
            "cause": cause,
            "n": total.n,
            "segments": total.segments,
            "at": now,
        }
        for (stream_id, state, cause), total in sums.items()
        if total.n or total.segments
    ]
    if noted:
        session.execute(insert(AttemptTotal), noted)
    credit_segments(session, credits, billed)


def recent_outcomes(session: Session, stream_id: int, *, now: datetime) -> tuple[int, int]:
    """Failed and well, of the outcomes of the last minutes; those before the campaign was resumed do not count."""
    since = now - FAILURE_WINDOW
    resumed_at = session.scalar(select(Campaign.resumed_at).where(Campaign.id == stream_id))
    rows = session.execute(
        select(AttemptTotal.state, func.sum(AttemptTotal.n))
        .where(AttemptTotal.stream_id == stream_id, AttemptTotal.at > max(since, resumed_at or since))
        .group_by(AttemptTotal.state)
    ).all()
    found = {state: int(n) for state, n in rows}
    failed = sum(found.get(state, 0) for state in FAILURES)
    # One that was taken and then delivered is there once: as much less "accepted" as there is more "delivered".
    well = sum(n for state, n in found.items() if state not in FAILURES)
    return failed, max(well, found.get(AttemptState.DELIVERED, 0))


def fold_attempt_totals(session: Session, *, now: datetime) -> int:
    """Put old totals of the same kind together; how many rows that saved. Of two at once each row is one's alone."""
    old = AttemptTotal.at < now - FOLD_AFTER
    kinds = session.execute(
        select(AttemptTotal.stream_id, AttemptTotal.state, AttemptTotal.cause)
        .where(old)
        .group_by(AttemptTotal.stream_id, AttemptTotal.state, AttemptTotal.cause)
        .having(func.count() > 1)
        .order_by(AttemptTotal.stream_id, AttemptTotal.state, AttemptTotal.cause)
    ).all()
    folded: list[dict[str, object]] = []
    taken = 0
    for kind in kinds:
        same = (
            AttemptTotal.stream_id == kind.stream_id,
            AttemptTotal.state == kind.state,
            AttemptTotal.cause.is_not_distinct_from(kind.cause),
        )
        # What came back is what is summed: another sweep may have folded some of it since it was looked for.
        rows = session.execute(
            delete(AttemptTotal)
            .where(*same, old)
            .returning(AttemptTotal.n, AttemptTotal.segments, AttemptTotal.at),
            execution_options=NO_SYNC,
        ).all()
        if rows:
            taken += len(rows)
            folded.append(
                {
                    **kind._asdict(),
                    "n": sum(row.n for row in rows),
                    "segments": sum(row.segments for row in rows),
                    "at": max(row.at for row in rows),
                }
            )
    if folded:
        session.execute(insert(AttemptTotal), folded)
    return taken - len(folded)


def causes_and_segments(session: Session, stream_id: int) -> tuple[dict[str, int], int, int]:
    """Of a stream: failures by cause; segments that are charged; requests that the gateway has answered."""
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
