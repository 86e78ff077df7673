"""Back into the outbox, what never left or came to nothing; and out of it, what is not to leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, delete, insert, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.claims import Claim
from campaigns.delivery.lanes import SERVICE_LANE
from campaigns.messages import Attempt, Message, Outbox
from campaigns.models import Campaign
from campaigns.states import AttemptState, CampaignState, MessageState
from outreach.bulk import UNSYNCED, listed


@dataclass(frozen=True, slots=True)
class PutBack:
    """A claim whose message certainly never left; it goes back into the outbox."""

    claim: Claim
    not_before: datetime
    throttled: int = 0
    refused: int = 0


def put_back(session: Session, back: Sequence[PutBack]) -> None:
    """Undo claims that never left. One that has moved on meanwhile (it was swept and requeued) stays."""
    if not back:
        return
    undone = set(
        session.scalars(
            delete(Attempt)
            .where(
                Attempt.id.in_(listed(session, [item.claim.attempt_id for item in back], BigInteger)),
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
            returned[item.claim.lane] += item.claim.segments
    give_back(session, returned)
    requeue(
        session,
        [
            Waiting(
                item.claim.message_id,
                item.claim.lane,
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
class Waiting:
    """A row of the outbox to be."""

    message_id: int
    lane: int
    n: int
    not_before: datetime
    throttled: int = 0
    refused: int = 0


def give_back(
    session: Session, segments: Mapping[int, int], billed: Mapping[int, tuple[int, int]] | None = None
) -> None:
    """Credit campaigns (by lane) with segments that are not charged after all; less than 0 charges them.

    `billed`: segments and VND by which what the gateway has billed grows.
    """
    billed = billed or {}
    for lane in sorted({*segments, *billed} - {SERVICE_LANE}):
        values: dict[str, Any] = {}
        if returned := segments.get(lane):
            values["segments_taken"] = Campaign.segments_taken - returned
        if (more := billed.get(lane, (0, 0))) != (0, 0):
            values["priced_segments"] = Campaign.priced_segments + more[0]
            values["priced_vnd"] = Campaign.priced_vnd + more[1]
        if values:
            session.execute(
                update(Campaign).where(Campaign.id == lane).values(values), execution_options=UNSYNCED
            )


def requeue(session: Session, waiting: Sequence[Waiting]) -> None:
    """Put messages into the outbox again, or cancel them where their campaign was cancelled meanwhile."""
    if not waiting:
        return
    lanes = sorted({item.lane for item in waiting} - {SERVICE_LANE})
    # Held until the end, so that a cancel either sees these rows in the outbox or is seen here.
    cancelled = {
        campaign_id
        for campaign_id, state in session.execute(
            select(Campaign.id, Campaign.state)
            .where(Campaign.id.in_(lanes))
            .order_by(Campaign.id)
            .with_for_update(key_share=True)
        )
        if state is CampaignState.CANCELLED
    }
    dropped = [item.message_id for item in waiting if item.lane in cancelled]
    kept = [item for item in waiting if item.lane not in cancelled]
    for ids, state in (
        (dropped, MessageState.CANCELLED),
        ([item.message_id for item in kept], MessageState.QUEUED),
    ):
        if ids:
            session.execute(
                update(Message).where(Message.id.in_(listed(session, ids, BigInteger))).values(state=state),
                execution_options=UNSYNCED,
            )
    if kept:
        session.execute(
            insert(Outbox),
            [
                {
                    "message_id": item.message_id,
                    "lane": item.lane,
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
