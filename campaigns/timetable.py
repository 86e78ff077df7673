"""What happens by itself once its time has come: starts, steps, ends. Each in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from campaigns.lifecycle import move, pause_by_itself
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign, Step
from campaigns.planning.audience import freeze_audience, queue_step
from campaigns.planning.budget import fix_terms
from campaigns.states import UNSETTLED, CampaignAction, CampaignState
from campaigns.windows import step_due_at
from outreach.settings import Settings


def start_scheduled(session: Session, *, now: datetime) -> list[int]:
    """Set off the campaigns whose time has come; their ids."""
    due = session.scalars(
        select(Campaign.id).where(Campaign.state == CampaignState.SCHEDULED, Campaign.starts_at <= now)
    ).all()
    return [
        campaign_id
        for campaign_id in due
        if move(session, campaign_id, CampaignAction.LAUNCH, now=now, launched_at=now)
    ]


def steps_due(session: Session, *, now: datetime) -> list[int]:
    """Of each sending campaign the next step, where its time has come. The ids.

    A reminder waits until the step before it has gone out: nobody gets two at once because a pause, a
    slow pace or a cap held the first one back.
    """
    waits = (
        select(Outbox.message_id).where(Outbox.lane == Campaign.id).order_by(Outbox.not_before).limit(1)
    ).scalar_subquery()  # as in `open_lanes`
    steps = session.scalars(
        select(Step)
        .join(Campaign)
        .where(Campaign.state == CampaignState.SENDING, Step.opened_at.is_(None), waits.is_(None))
        .order_by(Step.campaign_id, Step.number)
    ).all()
    following = {step.campaign_id: step for step in reversed(steps)}
    return [
        step.id
        for step in following.values()
        if step.campaign.launched_at
        and step_due_at(step.campaign.launched_at, after_days=step.after_days, at=step.at) <= now
    ]


def open_step(session: Session, step_id: int, *, settings: Settings, now: datetime) -> bool:
    """Materialise a step's messages, before the first the audience with its price. False when another was quicker.

    A campaign whose audience has grown beyond its budget pauses with all messages waiting.
    """
    step = session.get_one(Step, step_id)
    campaign = session.execute(
        # Answers go on coming while it is written: they only need the campaign to be there.
        select(Campaign).where(Campaign.id == step.campaign_id).with_for_update(key_share=True)
    ).scalar_one()
    if campaign.state is not CampaignState.SENDING:
        return False
    opened = session.execute(
        update(Step)
        .where(Step.id == step_id, Step.opened_at.is_(None))
        .values(opened_at=now)
        .execution_options(synchronize_session=False)
    )
    if opened.rowcount != 1:  # type: ignore[attr-defined]
        return False
    beyond = ""
    if step.number == 1:
        freeze_audience(session, campaign)
        beyond = fix_terms(session, campaign, settings=settings)
    queue_step(session, step, now=now)
    if beyond:
        pause_by_itself(session, campaign.id, reason=beyond, now=now)
    return True


def complete_finished(session: Session, *, now: datetime) -> list[int]:
    """End the campaigns that have opened every step and have nothing left to send or to clear up.

    Answers to residents do not keep one open: they come, and wait for their hour, after its end as well.
    """
    # By step, so that each look is a few probes of an index and not a walk over a campaign of millions.
    step_waits = (
        select(Message.id)
        .where(
            Message.campaign_id == Campaign.id,
            Message.step_id == Step.id,
            Message.state.in_(UNSETTLED),
        )
        .limit(1)
        .correlate(Campaign, Step)
        .scalar_subquery()
    )
    unfinished = exists().where(
        Step.campaign_id == Campaign.id, or_(Step.opened_at.is_(None), step_waits.is_not(None))
    )
    finished = session.scalars(
        select(Campaign.id).where(Campaign.state == CampaignState.SENDING, ~unfinished)
    ).all()
    return [
        campaign_id
        for campaign_id in finished
        if move(session, campaign_id, CampaignAction.COMPLETE, now=now)
    ]
