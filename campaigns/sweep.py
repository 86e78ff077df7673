"""Sweep: finds what is due or was lost, and moves it on. It may run at any time, also twice at once.

Campaigns start, open steps and complete once their time has come, each in the caller's transaction; leases
expire, waiting callbacks are applied, and late messages are skipped.

A second wave is the first step to people who have joined a campaign's lists since it began, by one press. They meet the same conditions,
and a phone that has the message gets no other. Within the margin of the approval it leaves at once. Where the audience has outgrown
the approval, or its lists have another legal basis, an approver who is no author has to press, or two where the campaign needs two;
until then the wave waits. Reminders still to come go to everybody on the same day; those that have gone out are not repeated.
"""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from redis import RedisError
from sqlalchemy import bindparam, exists, func, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.answer_totals import fold_answer_totals
from campaigns.delivery.after_restore import mark_waiting_unknown, restored_since
from campaigns.delivery.incoming_reports import (
    APPLY_LIMIT,
    MATCH_LIMIT,
    apply_status_callbacks,
    match_receipts,
)
from campaigns.delivery.office_phones import queue_control_copies
from campaigns.delivery.outbox import fold_attempt_totals
from campaigns.delivery.reconcile import adopt_known, expire_leases, has_unknown_due
from campaigns.delivery.record_outcomes import apply_reports, rest_failing
from campaigns.delivery.streams import open_streams, steps_due_at
from campaigns.lifecycle import (
    LIVE_NOT_ALLOWED,
    STATE_NAMES,
    change_state,
    find_campaign,
    hold_for_approval,
    lacks_permit,
    pause_automatically,
    pause_broken,
    require_permit,
)
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.figures import ReachBlock
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import BY_ANYBODY
from campaigns.planning.approvals import compute_terms, read_approvals
from campaigns.planning.audience import (
    add_joined,
    add_lists,
    count_joined,
    freeze_audience,
    is_small,
    sample_names,
    store_frozen,
)
from campaigns.planning.correcting_campaigns import freeze_receivers
from campaigns.planning.drafts import is_campaign_author, plan_of, record_decision
from campaigns.planning.drives import asks_of_health, campaign_scopes
from campaigns.planning.preview import (
    SAMPLE_SIZE,
    AudiencePreview,
    estimate_steps,
    facts_of_campaign,
    find_missing_fields,
)
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.approvals import LaunchTerms, approvers_of, missing_approval
from campaigns.rules.budget import refusal_of
from campaigns.rules.delivery import WAITING, create_renderer
from campaigns.rules.experiments import arm_sql
from campaigns.rules.states import (
    CAMPAIGN_MOVES,
    UNSETTLED,
    AttemptReport,
    AttemptState,
    CampaignAction,
    CampaignState,
    MessageState,
    SkipReason,
)
from outreach.accounts import audit
from outreach.accounts.permissions import has_role, require_role
from outreach.contacts.wishes import LEFT_ALONE
from outreach.core.db import DATABASE_AWAY, delete_rows, full_scan, set_columns
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.models.contacts import Suppression
from outreach.rules.errors import LoaError, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.gateway import Channel
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.quiet_days import QuietDays
from outreach.rules.wishes import EVERYTHING
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_sweep, transaction, use_case

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SweepResult:
    """Counts of what a sweep did, and whether there is work for other jobs. Of the `failed` parts `broken` are by a fault of ours."""

    started: int = 0
    steps_opened: int = 0
    leases_expired: int = 0
    statuses: int = 0
    past_deadline: int = 0
    silent: int = 0
    completed: int = 0
    failed: int = 0
    broken: int = 0
    lost_jobs: int = 0
    has_to_send: bool = False
    has_unknown: bool = False


# No delivery report is expected after this time.
REPORT_TIMEOUT = timedelta(hours=72)
UNREPORTED_LIMIT = 2000


def sweep(runtime: Runtime, *, now: datetime) -> SweepResult:
    """Run all parts, each in its own transaction: a part that fails does not stop the others."""
    db, result = runtime.db, SweepResult()

    def start() -> None:
        with db.write() as session:
            result.started = len(start_scheduled(session, now=now))
            pause_unpermitted(session, is_live=runtime.settings.is_live, now=now)

    def expire() -> None:
        with db.write() as session:
            result.leases_expired = expire_leases(session, now=now)
            adopt_known(session, settings=runtime.settings, now=now)

    def apply() -> None:
        result.statuses = apply_all_statuses(runtime, now=now)

    def end_late() -> None:
        with db.write() as session:
            result.past_deadline = skip_past_deadline(session, now=now)
        with db.write() as session:
            result.silent = mark_unreported(session, now=now)
            fold_attempt_totals(session, now=now)
            fold_answer_totals(session)
            rest_failing(session, now=now)

    def open_steps() -> None:
        _open_steps(runtime, result, now=now)

    def complete() -> None:
        with db.write() as session:
            result.completed = len(complete_finished(session, now=now))

    def look() -> None:
        with db.read() as session:
            live, days = runtime.settings.is_live, quiet_days(runtime.settings)
            result.has_to_send = bool(open_streams(session, now=now, is_live=live, quiet=days))
            result.has_unknown = has_unknown_due(session, settings=runtime.settings, now=now)

    for part in (start, expire, apply, end_late, open_steps, complete, look):
        run_part(result, part)
    return result


def run_part(result: SweepResult, part: Callable[..., object], *args: Any, **values: Any) -> None:
    """Run a part, and note its failure."""
    try:
        part(*args, **values)
    except Exception as error:
        _note_failure(result, f"part={part.__name__}", error)


def _note_failure(result: SweepResult, what: str, error: Exception) -> None:
    """Log that a part failed and where, so that the others go on; what was read may stand in the error's text."""
    result.failed += 1
    result.broken += not isinstance(error, DBAPIError)
    name = type(error.orig if isinstance(error, DBAPIError) else error).__name__
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("sweep.failed %s error=%s at=%s:%s", what, name, Path(place.filename).name, place.lineno)


def _open_steps(runtime: Runtime, result: SweepResult, *, now: datetime) -> None:
    with runtime.db.read() as session:
        due = steps_due(session, now=now, quiet=quiet_days(runtime.settings))
    for step_id in due:
        try:
            result.steps_opened += _open_approved(runtime, step_id, now=now)
        except Exception as error:  # one campaign's stops no other's
            _note_failure(result, f"step={step_id}", error)
            if not isinstance(error, (*DATABASE_AWAY, RedisError, OSError)):
                with runtime.db.write() as session:
                    pause_broken(session, session.get_one(Step, step_id).campaign_id, error, now=now)


def _open_approved(runtime: Runtime, step_id: int, *, now: datetime) -> bool:
    """Open a step in a transaction of its own; hold its campaign if it is not approved as it is now."""
    try:
        with runtime.db.write() as session:
            is_opened = open_step(session, step_id, settings=runtime.settings, now=now)
            if is_opened:
                _require_approvals(runtime, session, step_id)
            return is_opened
    except _NotApproved as missing:
        with transaction(runtime) as session:
            hold_for_approval(
                session, missing.campaign_id, reason=missing.reason, approvals=missing.approvals, now=now
            )
        return False


class _NotApproved(Exception):
    def __init__(self, campaign_id: int, reason: LoaError, approvals: int) -> None:
        super().__init__(campaign_id)
        self.campaign_id, self.reason, self.approvals = campaign_id, reason, approvals


def _require_approvals(runtime: Runtime, session: Session, step_id: int) -> None:
    """Raise _NotApproved if what leaves with a step is not approved as it is now.

    Lists may have grown since the approval, until the audience is frozen with the first step.
    """
    step = session.get_one(Step, step_id)
    campaign = step.campaign
    terms = (
        compute_terms(session, campaign, settings=runtime.settings)
        if step.number == 1
        else LaunchTerms(approvals=1, estimate_vnd=None, plan=plan_of(session, campaign))
    )
    if reason := missing_approval(read_approvals(session, campaign), terms):
        raise _NotApproved(campaign.id, reason, terms.approvals)


def apply_all_statuses(runtime: Runtime, *, now: datetime) -> int:
    """Apply receipts and status callbacks until none waits, each round in its own transaction. Returns how many."""
    total = 0
    match = partial(match_receipts, reference_key=runtime.settings.secret_key)
    for apply, limit in ((match, MATCH_LIMIT), (apply_status_callbacks, APPLY_LIMIT)):
        applied = limit
        while applied >= limit:
            with runtime.db.write() as session:
                applied = apply(session, now=now)
            total += applied
    return total


def skip_past_deadline(session: Session, *, now: datetime) -> int:
    """Skip the queued messages of campaigns whose deadline has passed. Returns how many."""
    # Locked until the end, as in `requeue`: a transaction that requeues a message meanwhile finishes first, or
    # waits and its message is skipped by the next sweep.
    late = session.scalars(
        select(Campaign.id)
        .where(
            Campaign.state.in_((CampaignState.SENDING, CampaignState.PAUSED)),
            Campaign.deadline <= now,
            exists().where(Outbox.stream_id == Campaign.id),
        )
        .order_by(Campaign.id)
        .with_for_update(key_share=True, of=Campaign)
    ).all()
    if not late:
        return 0
    # In the lock order of a claim: first the outbox, then the messages.
    waiting = select(Outbox.message_id).where(Outbox.stream_id.in_(late)).order_by(Outbox.message_id)
    session.execute(waiting.with_for_update()).all()
    queued = (
        Message.campaign_id.in_(late),
        Message.step_id.is_not(None),
        Message.state == MessageState.QUEUED,
    )
    skipped = {"state": MessageState.SKIPPED, "skip_reason": SkipReason.DEADLINE}
    count = set_columns(session, Message, *queued, **skipped)
    delete_rows(session, Outbox, Outbox.stream_id.in_(late))
    return count


def mark_unreported(session: Session, *, now: datetime) -> int:
    """Set attempts that the gateway accepted but never reported on to `no_report`. Returns how many.

    A late report still counts.
    """
    attempt_ids = session.scalars(
        select(Attempt.id)
        .where(
            Attempt.state.in_((AttemptState.ACCEPTED, AttemptState.SENT)),
            Attempt.claimed_at < now - REPORT_TIMEOUT,
        )
        .limit(UNREPORTED_LIMIT)
    ).all()
    reports = [AttemptReport(attempt_id, AttemptState.NO_REPORT) for attempt_id in attempt_ids]
    return apply_reports(session, reports, now=now)


def start_scheduled(session: Session, *, now: datetime) -> list[int]:
    """Start the campaigns whose time has come. Returns their ids."""
    # Locked, so that none starts whose launch is undone at this moment: it may be launched from there, too.
    due = session.scalars(
        select(Campaign.id)
        .where(Campaign.state == CampaignState.SCHEDULED, Campaign.starts_at <= now)
        .order_by(Campaign.id)
        .with_for_update()
    ).all()
    return [
        campaign_id
        for campaign_id in due
        if change_state(session, campaign_id, CampaignAction.LAUNCH, now=now, launched_at=now)
    ]


def pause_unpermitted(session: Session, *, is_live: bool, now: datetime) -> None:
    """Pause what began in training once messages would reach real people, until that is allowed and somebody resumes it."""
    if lacks_permit(session, is_live=is_live):
        sending = select(Campaign.id).where(Campaign.state == CampaignState.SENDING).order_by(Campaign.id)
        for campaign_id in session.scalars(sending).all():
            pause_automatically(session, campaign_id, reason=LIVE_NOT_ALLOWED, now=now)


def steps_due(session: Session, *, now: datetime, quiet: QuietDays) -> list[int]:
    """Return the ids of steps that are due: of each sending campaign at most the next one.

    A reminder waits until the step before it has gone out, and for the days between the two from then on: nobody gets
    both at once because a pause, a rate limit or a cap delayed the first one.
    """
    queued_message = (
        select(Outbox.message_id).where(Outbox.stream_id == Campaign.id).order_by(Outbox.not_before).limit(1)
    ).scalar_subquery()  # as in `open_streams`
    steps = session.scalars(
        select(Step)
        .join(Campaign)
        .where(Campaign.state == CampaignState.SENDING, Step.opened_at.is_(None), queued_message.is_(None))
        .order_by(Campaign.urgent_reason == "", Step.campaign_id, Step.number)  # warnings first
    ).all()
    next_steps = {step.campaign_id: step for step in reversed(steps)}
    return [
        step.id
        for step in next_steps.values()
        if step.campaign.launched_at
        and steps_due_at(step.campaign, step.campaign.launched_at, quiet)[step.number] <= now
    ]


def open_step(session: Session, step_id: int, *, settings: Settings, now: datetime) -> bool:
    """Queue a step's messages; before the first step, freeze the audience and the price.

    Returns False if it is open already or the campaign is not sending. A campaign whose audience has grown
    beyond its budget, or a field of which no list has a value any more, is paused with all messages queued.
    """
    step = session.get_one(Step, step_id)
    campaign = session.execute(
        # A key-share lock: answers that arrive meanwhile only need the campaign to exist.
        select(Campaign).where(Campaign.id == step.campaign_id).with_for_update(key_share=True)
    ).scalar_one()
    if campaign.state is not CampaignState.SENDING:
        return False
    if not set_columns(session, Step, Step.id == step_id, Step.opened_at.is_(None), opened_at=now):
        return False
    pause_reason = None
    if step.number == 1:
        freeze = freeze_receivers if campaign.corrects else freeze_audience
        freeze(session, campaign, passes_opt_outs=settings.urgent_passes_opt_outs)
        if not is_small(campaign):
            store_frozen(session, campaign.id, now=now)
        if campaign.urgent_reason:
            _record_warning(session, campaign, now=now)
        pause_reason = fix_price_and_segments(session, campaign, settings=settings)
    if missing := find_missing_fields(session, campaign):
        # Who resumes it has read that everybody gets the substitute.
        pause_reason = LoaError("field_values_gone", name=missing[0])
    queue_step(session, step, settings=settings, now=now)
    queue_control_copies(session, step, campaign, settings=settings, now=now)
    if pause_reason:
        pause_automatically(session, campaign.id, reason=pause_reason, now=now)
    return True


# For each recipient one message of the step. Recipients for whom it makes no sense get a skipped one, so that every
# step adds up to the recipients.
# The others are assigned by bucket, some of them held out. A recipient for whom there is a text in their own language
# gets that text, and takes no part in the comparison of two others.
_MESSAGES = """
INSERT INTO messages (kind, campaign_id, step_id, recipient_id, phone_id, state, skip_reason, arm)
SELECT 'step', campaign_id, :step, id, phone_id,
       CASE WHEN skip IS NULL AND (arm IS NULL OR arm > 0) THEN 'queued' ELSE 'skipped' END,
       COALESCE(skip, CASE WHEN arm = 0 THEN 'held_out' END),
       CASE WHEN skip IS NULL THEN arm END
FROM (
    SELECT r.id, r.campaign_id, r.phone_id, {arm} AS arm,
           CASE WHEN r.contact_id IS NULL OR x.phone_id IS NOT NULL OR u.contact_id IS NOT NULL
                THEN 'suppressed'  -- the person was erased, or they or their number are left alone
                -- Whom an officer has opened again has not answered; or asked us something, not a stranger for them, and still waits.
                WHEN :number > 1 AND (r.answer NOT IN ('opt_out', 'wrong_number') AND NOT r.wants_reminder OR EXISTS (
                    SELECT 1 FROM cases c LEFT JOIN replies y ON y.id = c.reply_id
                    WHERE c.recipient_id = r.id AND c.done_at IS NULL
                    AND COALESCE(y.gateway_id, '') NOT LIKE :by_anybody
                )) THEN 'answered'
                WHEN :number > 1 AND EXISTS (
                    SELECT 1 FROM messages m WHERE m.recipient_id = r.id AND m.step_id IS NOT NULL
                    AND m.state IN ('failed', 'undelivered')
                ) THEN 'unreachable'
           END AS skip
    FROM recipients r
    LEFT JOIN (
        SELECT phone_id FROM suppressions WHERE lifted_at IS NULL{counted}
        UNION SELECT phone_id FROM left_alone WHERE scope IN :scopes{firm}
    ) x ON x.phone_id = r.phone_id
    LEFT JOIN (
        SELECT DISTINCT contact_id FROM left_alone WHERE scope IN :scopes{firm}
    ) u ON u.contact_id = r.contact_id
    {languages}
    WHERE r.campaign_id = :campaign AND r.exclusion IS NULL AND r.id > :after
) s
ORDER BY id
"""
_OUTBOX = text("""
INSERT INTO outbox (message_id, stream_id, not_before, n, throttled)
SELECT id, campaign_id, :now, 1, 0 FROM messages
WHERE campaign_id = :campaign AND step_id = :step AND state = 'queued' AND recipient_id > :after
""").bindparams(bindparam("now", type_=Step.opened_at.type))


# Who joined in the time that a restore has lost joins again within this time.
_JOINS_AGAIN_WITHIN = timedelta(days=7)


def queue_step(session: Session, step: Step, *, settings: Settings, now: datetime, after: int = 0) -> None:
    """Write a step's messages and put those to be sent into the outbox. `after`: only of recipients with a higher id.

    As unknown where they may have been sent after a backup that was restored.
    """
    passes = settings.urgent_passes_opt_outs and bool(step.campaign.urgent_basis)
    counted, firm = (" AND reason = 'wrong_number'", " AND is_firm = 1") if passes else ("", "")
    statement = text(_MESSAGES.format(counted=counted, firm=firm, **_arm_parts(step)))
    restore = restored_since(session, step, not_before=now - _JOINS_AGAIN_WITHIN if after else None)
    newest = session.scalar(select(func.max(Message.id))) if restore else 0
    values = {"campaign": step.campaign_id, "step": step.id, "number": step.number, "after": after}
    with full_scan(session):
        session.execute(
            statement.bindparams(bindparam("scopes", campaign_scopes(step.campaign), expanding=True)),
            {**values, "by_anybody": f"{BY_ANYBODY}%"},
        )
    session.execute(_OUTBOX, {"campaign": step.campaign_id, "step": step.id, "now": now, "after": after})
    if restore:
        mark_waiting_unknown(
            session,
            step.campaign_id,
            backup_id=restore,
            renderer=create_renderer(settings),
            look_at=now,
            now=now,
            after=newest or 0,
        )


def _arm_parts(step: Step) -> dict[str, str]:
    """Return the parts of _MESSAGES that assign arms: held out, first text, second text."""
    if not step.hold_out and not step.text_b:
        return {"arm": "CAST(NULL AS integer)", "languages": ""}
    seed, has_second = step.campaign.seed or 1, bool(step.text_b)
    arm = arm_sql("r.bucket", seed, step.number, hold_out=step.hold_out, has_second=has_second)
    codes = ", ".join(f"'{code}'" for code in sorted(step.texts) if code in LANGUAGES)
    if not has_second or not codes:
        return {"arm": arm, "languages": ""}
    arm_of_language = arm_sql("r.bucket", seed, step.number, hold_out=step.hold_out, has_second=False)
    return {
        "arm": f"CASE WHEN p.language IN ({codes}) THEN {arm_of_language} ELSE {arm} END",
        "languages": "JOIN phones p ON p.id = r.phone_id",
    }


def _record_warning(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Record in the audit log to how many a warning goes, and to how many of them who asked for no messages."""
    is_wish = LEFT_ALONE.c.scope == EVERYTHING
    closed = (
        Recipient.phone_id.in_(select(Suppression.phone_id).where(Suppression.lifted_at.is_(None))),
        Recipient.phone_id.in_(select(LEFT_ALONE.c.phone_id).where(is_wish)),
        Recipient.contact_id.in_(select(LEFT_ALONE.c.contact_id).where(is_wish)),
    )
    passed = session.scalar(
        select(func.count(Recipient.phone_id.distinct())).where(
            Recipient.campaign_id == campaign.id, Recipient.exclusion.is_(None), or_(*closed)
        )
    )
    subject = f"campaigns:{campaign.id}"
    audit.record(session, "campaign.warn", subject, None, now, recipients=campaign.recipients, passed=passed)


def complete_finished(session: Session, *, now: datetime) -> list[int]:
    """Complete the campaigns with all steps open, no unsettled messages and no notice whose text may follow. Returns their ids.

    Acknowledgements do not keep a campaign open: they are sent, and wait for sending hours, after its end as
    well.
    """
    # By step, so that each check is a few index lookups and not a scan of a campaign of millions.
    unsettled_message = (
        select(Message.id)
        .where(Message.campaign_id == Campaign.id, Message.step_id == Step.id, Message.state.in_(UNSETTLED))
        .limit(1)
        .correlate(Campaign, Step)
        .scalar_subquery()
    )
    waiting_notice = exists().where(
        Attempt.channel == Channel.ZALO, Attempt.state.in_(WAITING), Attempt.stream_id == Campaign.id
    )
    unfinished = or_(
        exists().where(
            Step.campaign_id == Campaign.id, or_(Step.opened_at.is_(None), unsettled_message.is_not(None))
        ),
        waiting_notice,
    )
    finished = select(Campaign.id).where(Campaign.state == CampaignState.SENDING, ~unfinished)
    found = session.scalars(finished).all()
    # Locked, and looked at once more: a second wave may have begun since.
    locked = select(Campaign.id).where(Campaign.id.in_(found)).order_by(Campaign.id)
    session.execute(locked.with_for_update(key_share=True))
    return [
        campaign_id
        for campaign_id in session.scalars(finished.where(Campaign.id.in_(found))).all()
        if change_state(session, campaign_id, CampaignAction.COMPLETE, now=now)
    ]


def fix_price_and_segments(session: Session, campaign: Campaign, *, settings: Settings) -> LoaError | None:
    """Store the current price and each step's segments, for a campaign whose audience was just frozen.

    Returns the reason to pause if the audience has grown beyond the budget since the launch.
    """
    recipients = campaign.recipients or 0
    names = sample_names(session, campaign.id, recipients=recipients, most=SAMPLE_SIZE) if recipients else []
    audience = AudiencePreview(recipients, {}, names, fields=facts_of_campaign(session, campaign))
    campaign.price_vnd, costs = estimate_steps(session, campaign, audience, settings=settings)
    for step, cost in zip(campaign.steps, costs, strict=True):
        step.segments_each = cost.total / recipients if recipients else 0.0
    total = sum(cost.vnd for cost in costs)
    session.flush()
    if campaign.budget_vnd is None or total <= campaign.budget_vnd:
        return None
    return LoaError(
        "audience_over_budget", recipients=recipients, cost_vnd=total, budget_vnd=campaign.budget_vnd
    )


@dataclass(frozen=True, slots=True)
class SecondWave:
    """A second wave: how many people, and whether it has left; else it waits for approval."""

    people: int
    has_left: bool


def refuse_wave(campaign: Campaign, *, now: datetime) -> LoaError | None:
    """Return why a campaign takes no second wave now, or None."""
    if campaign.state not in CAMPAIGN_MOVES[CampaignAction.EXTEND][0] or not campaign.steps[0].opened_at:
        return WrongState("second_wave_state", state=STATE_NAMES[campaign.state])
    if campaign.corrects or campaign.cleared_at:
        return WrongState("second_wave_impossible")
    if campaign.deadline and campaign.deadline <= now:
        return WrongState("campaign_deadline_past")
    return None


@use_case
def send_second_wave(
    session: Session,
    campaign_id: int,
    *,
    people: int | None = None,
    settings: Settings,
    user: User,
    now: datetime,
) -> SecondWave:
    """Send the first step to those who have joined, or ask for the approval that this needs.

    `people` is how many the page named; if there are more, nothing is sent. Raises NotFound, NotAllowed, WrongState.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = find_campaign(session, campaign_id, user=user, is_whole=True)
    # Locked until the end, as when a step opens: of two presses the second finds nobody new.
    session.refresh(campaign, with_for_update={"key_share": True})
    if refusal := refuse_wave(campaign, now=now):
        raise refusal
    require_permit(session, is_live=settings.is_live)
    add_lists(session, campaign)
    passes, before = settings.urgent_passes_opt_outs, campaign.recipients or 0
    joined = count_joined(session, campaign, passes_opt_outs=passes)
    if not joined:
        raise WrongState("second_wave_empty")
    if people is not None and joined > people:
        raise WrongState("second_wave_grew", read=people, now=joined)
    campaign.recipients = before + joined  # as it would be: its terms are computed from it
    terms = compute_terms(session, campaign, settings=settings)
    if refusal := refusal_of(estimate_vnd=terms.estimate_vnd, budget_vnd=campaign.budget_vnd):
        raise refusal
    if not _is_approved(session, campaign, terms, joined, user=user, now=now):
        campaign.recipients = before
        return SecondWave(joined, has_left=False)
    added, last = add_joined(session, campaign, passes_opt_outs=passes)
    if added > joined:  # by an import that ended in between
        raise WrongState("second_wave_grew", read=joined, now=added)
    campaign.recipients, campaign.wave = before + added, None
    _queue(session, campaign, added, after=last, settings=settings, user=user, now=now)
    return SecondWave(added, has_left=True)


@use_case
def add_recipient(
    session: Session, campaign_id: int, contact_id: int, *, settings: Settings, user: User, now: datetime
) -> Recipient:
    """Add one person who has joined the lists, and queue the first step for them, within the approval alone.

    Returns their row in the audience, also if they have it already or are left out. Raises NotFound, and WrongState where the
    campaign takes nobody now, or its approval or budget do not cover one more; NotAllowed where it would tell what they said of their health.
    """
    campaign = find_campaign(session, campaign_id, user=user)
    if asks_of_health(session, campaign):
        raise NotAllowed("recipient_by_health")
    session.refresh(campaign, with_for_update={"key_share": True})
    own = select(Recipient).where(Recipient.campaign_id == campaign_id, Recipient.contact_id == contact_id)
    if known := session.scalar(own):
        return known
    if refusal := refuse_wave(campaign, now=now):
        raise refusal
    require_permit(session, is_live=settings.is_live)
    add_lists(session, campaign)
    passes = settings.urgent_passes_opt_outs
    added, last = add_joined(session, campaign, passes_opt_outs=passes, only=contact_id)
    row = or_raise(session.scalar(own), NotFound("person_not_in_campaign_lists"))
    if added:
        campaign.recipients = (campaign.recipients or 0) + added
        terms = compute_terms(session, campaign, settings=settings)
        if refusal := refusal_of(estimate_vnd=terms.estimate_vnd, budget_vnd=campaign.budget_vnd):
            raise refusal
        if missing_approval(read_approvals(session, campaign), terms):
            raise WrongState("recipient_beyond_approval")
        _queue(session, campaign, added, after=last, settings=settings, user=user, now=now)
    return row


def _queue(
    session: Session,
    campaign: Campaign,
    added: int,
    *,
    after: int,
    settings: Settings,
    user: User,
    now: datetime,
) -> None:
    """Queue the first step for recipients with an id after this one; a campaign that was complete goes on."""
    joined = (Recipient.campaign_id == campaign.id, Recipient.id > after)
    set_columns(session, Recipient, *joined, joined_at=now)
    queue_step(session, campaign.steps[0], settings=settings, now=now, after=after)
    delete_rows(session, ReachBlock, ReachBlock.campaign_id == campaign.id)  # with more people now
    if not change_state(session, campaign.id, CampaignAction.EXTEND, now=now, ended_at=None):
        raise WrongState("second_wave_impossible")
    audit.record(session, "campaign.extend", f"campaigns:{campaign.id}", user, now, people=added)
    enqueue_after_commit(session, enqueue_sweep)


def _is_approved(
    session: Session, campaign: Campaign, terms: LaunchTerms, joined: int, *, user: User, now: datetime
) -> bool:
    """Return whether a wave may leave: within the approvals, or by this press of an approver. Else it is asked for."""
    approvals = read_approvals(session, campaign)
    if not missing_approval(approvals, terms):
        return True
    asked = campaign.wave or {}
    is_new = not asked or joined > asked["people"]  # more people than were approved before
    may_approve = has_role(user, Role.APPROVER) and not is_campaign_author(session, campaign, user)
    if may_approve and user.id not in approvers_of(approvals, terms):
        record_decision(session, campaign, read=terms.read, user=user, now=now, is_mailed=False)
        audit.record(session, "campaign.approve_wave", campaign, user, now, people=joined)
        if not missing_approval(read_approvals(session, campaign), terms):
            campaign.approved_recipients, campaign.approved_bases = terms.recipients, dict(terms.bases or {})
            return True
    elif is_new:
        audit.record(session, "campaign.ask_wave", campaign, user, now, people=joined)
    else:
        raise WrongState("second_wave_awaits")
    campaign.wave = {"by": user.id if is_new else asked["by"], "people": joined}
    return False
