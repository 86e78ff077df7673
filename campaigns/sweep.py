"""The sweep: finds what should be moving and is not, and sets it going. Safe to run at any time, by anyone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.callbacks import APPLY_LIMIT, apply_statuses
from campaigns.delivery.lanes import open_lanes
from campaigns.delivery.reconcile import expire_leases, has_unknown_due
from campaigns.lifecycle import complete_finished, open_step, start_scheduled, steps_due
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign
from campaigns.states import CampaignState, MessageState, SkipReason
from outreach.runtime import Runtime


@dataclass(slots=True)
class Swept:
    """What one sweep did, and what it found to be done by others."""

    started: int = 0
    steps_opened: int = 0
    leases_expired: int = 0
    statuses: int = 0
    past_deadline: int = 0
    completed: int = 0
    has_to_send: bool = False
    has_unknown: bool = False


def sweep(runtime: Runtime, *, now: datetime) -> Swept:
    """One round, each part in a transaction of its own."""
    db, done = runtime.db, Swept()
    with db.write() as session:
        done.started = len(start_scheduled(session, now=now))
    with db.read() as session:
        due = steps_due(session, now=now)
    for step_id in due:
        with db.write() as session:
            done.steps_opened += open_step(session, step_id, now=now)
    with db.write() as session:
        done.leases_expired = expire_leases(session, now=now)
    done.statuses = apply_all_statuses(runtime, now=now)
    with db.write() as session:
        done.past_deadline = skip_past_deadline(session, now=now)
    with db.write() as session:
        done.completed = len(complete_finished(session, now=now))
    with db.read() as session:
        done.has_to_send = bool(open_lanes(session, now=now, is_live=runtime.settings.is_live))
        done.has_unknown = has_unknown_due(session, now=now)
    return done


def apply_all_statuses(runtime: Runtime, *, now: datetime) -> int:
    """Apply callbacks until none waits, a round a transaction; how many."""
    total = 0
    while True:
        with runtime.db.write() as session:
            applied = apply_statuses(session, now=now)
        total += applied
        if applied < APPLY_LIMIT:
            return total


def skip_past_deadline(session: Session, *, now: datetime) -> int:
    """After a campaign's deadline the rest is not sent."""
    late = session.scalars(
        select(Campaign.id).where(
            Campaign.state.in_((CampaignState.SENDING, CampaignState.PAUSED)), Campaign.deadline <= now
        )
    ).all()
    skipped = session.execute(
        update(Message)
        .where(
            Message.campaign_id.in_(late), Message.step_id.is_not(None), Message.state == MessageState.QUEUED
        )
        .values(state=MessageState.SKIPPED, skip_reason=SkipReason.DEADLINE)
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(Outbox).where(Outbox.lane.in_(late)))
    return skipped.rowcount  # type: ignore[attr-defined]
