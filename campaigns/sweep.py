"""The sweep: finds what should be moving and is not, and sets it going. Safe to run at any time, by anyone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.answers.counters import fold_counters
from campaigns.delivery.callbacks import APPLY_LIMIT, apply_statuses
from campaigns.delivery.lanes import open_lanes
from campaigns.delivery.reconcile import expire_leases, has_unknown_due
from campaigns.delivery.recording import Report, settle
from campaigns.delivery.rendering import renderer_of
from campaigns.delivery.restoring import doubt_waiting, restored_since
from campaigns.delivery.tallying import fold
from campaigns.lifecycle import hold_for_second
from campaigns.messages import Attempt, Message, Outbox
from campaigns.models import Campaign, Step
from campaigns.planning.approvals import approvers_of, read_terms
from campaigns.planning.notices import ring_for_notices
from campaigns.states import AttemptState, CampaignState, MessageState, SkipReason
from campaigns.timetable import complete_finished, open_step, start_scheduled, steps_due
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Swept:
    """What one sweep did, and what it found to be done by others."""

    started: int = 0
    steps_opened: int = 0
    leases_expired: int = 0
    statuses: int = 0
    past_deadline: int = 0
    silent: int = 0
    completed: int = 0
    failed: int = 0
    bells_lost: int = 0
    has_to_send: bool = False
    has_unknown: bool = False


# Without a delivery report for so long nothing more is to come.
SILENT_FOR = timedelta(hours=72)
SILENT_LIMIT = 2000


def sweep(runtime: Runtime, *, now: datetime) -> Swept:
    """One round, each part in a transaction of its own: what one of them cannot do stops no other."""
    db, done, key = runtime.db, Swept(), runtime.settings.secret_key

    def start() -> None:
        with db.write() as session:
            done.started = len(start_scheduled(session, now=now))

    def expire() -> None:
        with db.write() as session:
            done.leases_expired = expire_leases(session, now=now, secret_key=key)

    def apply() -> None:
        done.statuses = apply_all_statuses(runtime, now=now)

    def end_late() -> None:
        with db.write() as session:
            done.past_deadline = skip_past_deadline(session, now=now)
        with db.write() as session:
            done.silent = give_up_silent(session, now=now, secret_key=key)
            fold(session, now=now)
            fold_counters(session)

    def complete() -> None:
        with db.write() as session:
            done.completed = len(complete_finished(session, now=now))

    def look() -> None:
        with db.read() as session:
            done.has_to_send = bool(open_lanes(session, now=now, is_live=runtime.settings.is_live))
            done.has_unknown = has_unknown_due(session, now=now)

    for part in (start, expire, apply, end_late, lambda: _open_steps(runtime, done, now=now), complete, look):
        try:
            part()
        except DBAPIError as error:
            done.failed += 1
            log.error("sweep.part_failed part=%s error=%s", part.__name__, type(error.orig).__name__)
    return done


def _open_steps(runtime: Runtime, done: Swept, *, now: datetime) -> None:
    with runtime.db.read() as session:
        due = steps_due(session, now=now)
    for step_id in due:
        try:
            with runtime.db.write() as session:
                if open_step(session, step_id, settings=runtime.settings, now=now):
                    _refuse_unapproved(runtime, session, step_id, now=now)
                    _doubt_after_restore(runtime, session, step_id, now=now)
                    done.steps_opened += 1
        except _NotApproved as found:
            with runtime.db.write() as session:
                hold_for_second(session, found.campaign_id, now=now)
            ring_for_notices(runtime, found.campaign_id)
        except DBAPIError as error:
            done.failed += 1
            log.error("sweep.step_failed step=%s error=%s", step_id, type(error.orig).__name__)


class _NotApproved(Exception):
    def __init__(self, campaign_id: int) -> None:
        super().__init__(campaign_id)
        self.campaign_id = campaign_id


def _refuse_unapproved(runtime: Runtime, session: Session, step_id: int, *, now: datetime) -> None:
    """Lists may have grown since the approval, as late as now: the audience that was just frozen counts."""
    step = session.get_one(Step, step_id)
    if step.number > 1:
        return
    needed = read_terms(session, step.campaign, settings=runtime.settings, now=now).approvals
    if needed > 1 and len(approvers_of(session, step.campaign_id)) < needed:
        raise _NotApproved(step.campaign_id)


def _doubt_after_restore(runtime: Runtime, session: Session, step_id: int, *, now: datetime) -> None:
    """A step of a campaign that a restore brought back may have been opened and sent after the backup as well."""
    campaign_id = session.get_one(Step, step_id).campaign_id
    if backup_id := restored_since(session, campaign_id):
        doubt_waiting(
            session,
            campaign_id,
            backup_id=backup_id,
            renderer=renderer_of(runtime.settings),
            look_at=now,
            now=now,
        )


def apply_all_statuses(runtime: Runtime, *, now: datetime) -> int:
    """Apply callbacks until none waits, a round a transaction; how many."""
    total = 0
    while True:
        with runtime.db.write() as session:
            applied = apply_statuses(session, now=now, secret_key=runtime.settings.secret_key)
        total += applied
        if applied < APPLY_LIMIT:
            return total


def skip_past_deadline(session: Session, *, now: datetime) -> int:
    """After a campaign's deadline the rest is not sent."""
    # Held until the end, as in `requeue`: whoever puts a message back meanwhile is waited for, or waits and is
    # met by the next sweep.
    late = session.scalars(
        select(Campaign.id)
        .where(
            Campaign.state.in_((CampaignState.SENDING, CampaignState.PAUSED)),
            Campaign.deadline <= now,
            exists().where(Outbox.lane == Campaign.id),
        )
        .order_by(Campaign.id)
        .with_for_update(key_share=True, of=Campaign)
    ).all()
    if not late:
        return 0
    # In the order of a claim: first the outbox, then the messages.
    waiting = select(Outbox.message_id).where(Outbox.lane.in_(late)).order_by(Outbox.message_id)
    session.execute(waiting.with_for_update()).all()
    skipped = session.execute(
        update(Message)
        .where(
            Message.campaign_id.in_(late),
            Message.step_id.is_not(None),
            Message.state == MessageState.QUEUED,
        )
        .values(state=MessageState.SKIPPED, skip_reason=SkipReason.DEADLINE)
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(Outbox).where(Outbox.lane.in_(late)))
    return skipped.rowcount  # type: ignore[attr-defined]


def give_up_silent(session: Session, *, now: datetime, secret_key: str) -> int:
    """Attempts that the gateway took and never reported on become `no_report`; a late report still counts."""
    silent = session.scalars(
        select(Attempt.id)
        .where(
            Attempt.state.in_((AttemptState.ACCEPTED, AttemptState.SENT)),
            Attempt.claimed_at < now - SILENT_FOR,
        )
        .limit(SILENT_LIMIT)
    ).all()
    reports = [Report(attempt_id, AttemptState.NO_REPORT) for attempt_id in silent]
    return settle(session, reports, now=now, secret_key=secret_key)
