"""Lanes: which campaigns may send at this moment, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from campaigns.delivery.pace import Pace
from campaigns.messages import Attempt, Message, Outbox
from campaigns.models import Campaign, Sender
from campaigns.states import CampaignState, MessageKind
from campaigns.stopping import is_stopped
from campaigns.windows import Hours, closes_at, common_hours
from outreach.people.models import Suppression

# Answers to residents, and tests: ahead of every campaign.
SERVICE_LANE = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """A campaign that may send now, or the service lane. `closes_at` ends its window or its deadline."""

    id: int
    closes_at: datetime
    paces: tuple[Pace, ...] = ()
    budget_vnd: int | None = None
    price_vnd: int | None = None


def open_lanes(session: Session, *, now: datetime, is_live: bool) -> list[Lane]:
    """The lanes with something due, the service lane first."""
    if is_stopped(session):
        return []
    # Its first row by the index. (An EXISTS the planner may turn into a scan of a whole outbox of millions.)
    first_due = (
        select(Outbox.message_id)
        .where(Outbox.lane == Campaign.id, Outbox.not_before <= now)
        .order_by(Outbox.not_before)
        .limit(1)
        .scalar_subquery()
    )
    lanes = []
    if session.execute(
        select(Outbox.message_id).where(Outbox.lane == SERVICE_LANE, Outbox.not_before <= now).limit(1)
    ).first():
        lanes.append(Lane(id=SERVICE_LANE, closes_at=now + timedelta(hours=1)))
    for campaign, pace in session.execute(
        select(Campaign, Sender.pace)
        .outerjoin(Sender, Sender.name == Campaign.sender)
        .where(Campaign.state == CampaignState.SENDING, first_due.is_not(None))
        .order_by(Campaign.id)
    ):
        if closes := sending_until(campaign, now=now, is_live=is_live):
            paces = (
                sender_pace(campaign.sender, pace),
                Pace(f"campaign:{campaign.id}", campaign.pace) if campaign.pace else None,
            )
            lanes.append(
                Lane(
                    id=campaign.id,
                    closes_at=closes,
                    paces=tuple(filter(None, paces)),
                    budget_vnd=campaign.budget_vnd,
                    price_vnd=campaign.price_vnd,
                )
            )
    return lanes


def sender_pace(name: str, per_second: float | None) -> Pace | None:
    """A sender's own pace, which all its campaigns and answers share; None where it has none."""
    return Pace(f"sender:{name}", per_second) if per_second else None


def still_open(session: Session, lanes: list[int], *, now: datetime, is_live: bool) -> dict[int, datetime]:
    """Of these lanes those that may go on, with the moment at which they close."""
    if is_stopped(session):
        return {}
    still = {SERVICE_LANE: now + timedelta(hours=1)} if SERVICE_LANE in lanes else {}
    for campaign in session.scalars(
        select(Campaign).where(Campaign.id.in_(lanes), Campaign.state == CampaignState.SENDING)
    ):
        if closes := sending_until(campaign, now=now, is_live=is_live):
            still[campaign.id] = closes
    return still


def suppressed_attempts(session: Session, attempt_ids: list[int]) -> set[int]:
    """Of these attempts those whose number has been suppressed since they were claimed."""
    return set(
        session.scalars(
            select(Attempt.id)
            .join(Suppression, Suppression.phone_id == Attempt.phone_id)
            .join(Message, Message.id == Attempt.message_id)
            .where(
                Attempt.id.in_(attempt_ids),
                Suppression.lifted_at.is_(None),
                Message.kind != MessageKind.CONFIRMATION,
            )
        )
    )


def hours_of(campaign: Campaign | Row[Any], *, is_live: bool) -> Hours | None:
    """The hours of a campaign's row; None means any time."""
    own = (campaign.window_from, campaign.window_to) if campaign.window_from and campaign.window_to else None
    return common_hours(own, is_live=is_live)


def sending_until(campaign: Campaign, *, now: datetime, is_live: bool) -> datetime | None:
    """When sending has to end: the window's close or the deadline; None when it may not send now."""
    closes = closes_at(now, hours_of(campaign, is_live=is_live))
    if closes is None or (campaign.deadline and campaign.deadline <= now):
        return None
    return min(closes, campaign.deadline) if campaign.deadline else closes
