"""Claiming: from the outbox to attempts under lease, with every check that must hold at that moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, delete, select, update
from sqlalchemy.orm import Session

from campaigns.casework.models import Case
from campaigns.delivery.history import look_back
from campaigns.delivery.lanes import SERVICE_LANE, Lane, hours_of
from campaigns.delivery.laying import what_belongs_to, write_attempts
from campaigns.delivery.rendering import Renderer, content_of
from campaigns.delivery.rules import Refusal, daily_cap, why_not
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign
from campaigns.money import Spending
from campaigns.states import AttemptState, CampaignState, MessageKind, MessageState
from campaigns.windows import closes_at
from outreach.bulk import UNSYNCED, listed
from outreach.people.models import Phone, Suppression
from outreach.people.suppression import people_left_alone

# How long what may not leave yet (over the cap, outside the hours) is left alone.
LOOK_AGAIN = timedelta(minutes=15)


@dataclass(slots=True)
class Claim:
    """One message that this worker owns until its lease ends."""

    attempt_id: int
    message_id: int
    n: int
    throttled: int
    refused: int
    lane: int
    to: str
    sender: str
    body: str
    segments: int
    closes_at: datetime
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class Batch:
    """What one claim brought. `over_budget`: the campaign's money is spent, messages are left."""

    claims: list[Claim]
    skipped: int
    over_budget: bool = False


def claim(
    session: Session,
    lane: Lane,
    *,
    limit: int,
    segments: float,
    now: datetime,
    lease_s: float,
    worker: str,
    renderer: Renderer,
    price_vnd: int,
    is_live: bool,
    service_sender: str,
) -> Batch:
    """Take up to `limit` due messages of a lane, and one or up to `segments` segments.

    Returns an empty batch when there are none or the campaign was stopped.
    """
    budget_left = _lock_lane(session, lane, price_vnd=price_vnd)
    if budget_left is None:
        return Batch([], 0)
    # No message has less than one segment: no more rows are held than can be taken.
    most = limit if segments >= limit else max(1, math.ceil(segments))
    due = _lock_due(session, lane, limit=most, now=now)
    if not due:
        return Batch([], 0)
    phones = listed(session, {row.phone_id for row in due}, BigInteger)
    standing = select(Suppression.phone_id).where(Suppression.lifted_at.is_(None))
    suppressed = set(session.scalars(standing.where(Suppression.phone_id.in_(phones))))
    left_alone = people_left_alone(session, {row.contact_id for row in due if row.contact_id})
    waiting_for_us = _waiting_for_us(session, {row.recipient_id for row in due if (row.step or 0) > 1})
    closing = {hours: closes_at(now, hours) for hours in {hours_of(row, is_live=is_live) for row in due}}
    recent, contents = look_back(session, phones, now=now)

    taken: list[tuple[Any, str, int]] = []
    refused: dict[Refusal, list[Any]] = {}
    over_budget = False
    for row in due:
        content = content_of(row, language=row.language, arm=row.arm) if row.step_text else None
        reason = why_not(
            kind=row.kind,
            step=row.step or 0,
            # Whose recipient leads to nobody was erased, perhaps while the step was being opened.
            suppressed=row.phone_id in suppressed
            or (row.step_id is not None and (row.contact_id is None or row.contact_id in left_alone)),
            answered=row.answer is not None or row.recipient_id in waiting_for_us,
            repeated=(row.phone_id, content) in contents,
            recent=recent.get(row.phone_id, 0),
            cap=daily_cap(row.cap_per_day, is_live=is_live),
            is_open=closing[hours_of(row, is_live=is_live)] is not None,
        )
        if reason:
            refused.setdefault(reason, []).append(row)
            continue
        body, size = renderer.render(row, unaccented=bool(row.unaccented))
        if size * price_vnd > budget_left:
            over_budget = True
            break
        if taken and size > segments:
            break
        segments -= size
        budget_left -= size * price_vnd
        recent[row.phone_id] = recent.get(row.phone_id, 0) + 1
        if content:
            contents.add((row.phone_id, content))
        taken.append((row, body, size))

    skipped = _put_aside(session, refused, now=now)
    if taken and lane.id != SERVICE_LANE:
        total = sum(size for _, _, size in taken)
        session.execute(
            update(Campaign)
            .where(Campaign.id == lane.id)
            .values(segments_taken=Campaign.segments_taken + total),
            execution_options=UNSYNCED,
        )
    ids = write_attempts(
        session,
        lane.id,
        taken,
        state=AttemptState.SENDING,
        worker=worker,
        now=now,
        due_at=now + timedelta(seconds=lease_s),
    )
    claims = [
        Claim(
            attempt_id=ids[row.message_id],
            message_id=row.message_id,
            n=row.n,
            throttled=row.throttled,
            refused=row.refused,
            lane=lane.id,
            to=row.e164,
            sender=row.sender or service_sender,
            body=body,
            segments=size,
            # An acknowledgement has its own campaign's hours, whatever lane it is in.
            closes_at=min(lane.closes_at, closing[hours_of(row, is_live=is_live)] or lane.closes_at),
            kind=row.kind,
        )
        for row, body, size in taken
    ]
    return Batch(claims, skipped, over_budget)


def _lock_lane(session: Session, lane: Lane, *, price_vnd: int) -> float | None:
    """Money left in VND, with the campaign's row held against pause and cancel; None when it was stopped."""
    if lane.id == SERVICE_LANE:
        return float("inf")
    # Not a share lock: new ones would overtake a waiting pause for as long as several workers claim.
    state, taken, priced, priced_vnd = session.execute(
        select(Campaign.state, Campaign.segments_taken, Campaign.priced_segments, Campaign.priced_vnd)
        .where(Campaign.id == lane.id)
        .with_for_update(key_share=True)
    ).one()
    if state is not CampaignState.SENDING:
        return None
    if lane.budget_vnd is None:
        return float("inf")
    return lane.budget_vnd - Spending(taken, priced, priced_vnd, price_vnd).vnd


def _waiting_for_us(session: Session, recipients: set[int]) -> set[int]:
    """Of these recipients those whose reply an officer has yet to deal with."""
    if not recipients:
        return set()
    return set(
        session.scalars(
            select(Case.recipient_id).where(
                Case.recipient_id.in_(listed(session, recipients, BigInteger)), Case.done_at.is_(None)
            )
        )
    )


def _lock_due(session: Session, lane: Lane, *, limit: int, now: datetime) -> Sequence[Any]:
    # First a few rows of the outbox by its index, then what belongs to them: whatever the planner believes
    # about a campaign of millions that was queued a moment ago.
    due = (
        select(Outbox.message_id, Outbox.n, Outbox.throttled, Outbox.refused)
        .where(Outbox.lane == lane.id, Outbox.not_before <= now)
        .order_by(Outbox.not_before, Outbox.message_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    return session.execute(
        what_belongs_to(due)
        # The phones too, against an opt-out or another worker's cap; one that is held is met again later.
        .with_for_update(of=Phone, skip_locked=True, key_share=True)
    ).all()


def _put_aside(session: Session, refused: dict[Refusal, list[Any]], *, now: datetime) -> int:
    """Skip what must not be sent; what is only too early or over the cap is looked at again later."""
    skipped = 0
    for refusal, refused_rows in refused.items():
        ids = listed(session, [row.message_id for row in refused_rows], BigInteger)
        if refusal.skip is None:
            session.execute(
                update(Outbox).where(Outbox.message_id.in_(ids)).values(not_before=now + LOOK_AGAIN),
                execution_options=UNSYNCED,
            )
            continue
        session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(state=MessageState.SKIPPED, skip_reason=refusal.skip),
            execution_options=UNSYNCED,
        )
        session.execute(delete(Outbox).where(Outbox.message_id.in_(ids)), execution_options=UNSYNCED)
        skipped += len(refused_rows)
    return skipped
