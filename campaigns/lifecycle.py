"""Lifecycle of a campaign from draft to end.

A change of state is one conditional UPDATE: of two users who act at once, one succeeds and the other gets an
error that names the state.

Also the permission to send to real phones, given once the checks of the installation are passed; and the stop of all sending until it is
released.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from campaigns.answer_totals import delete_totals
from campaigns.models.activities import VisitSheet
from campaigns.models.campaigns import Campaign, Recipient, Step, Switch
from campaigns.models.checks import ControlCopy, LivePermit
from campaigns.models.messages import Message, Outbox
from campaigns.models.replies import Answer, Reply
from campaigns.planning.approvals import compute_terms, is_waiting_for_approval, read_approvals
from campaigns.planning.audience import delete_reach, people_of
from campaigns.planning.correcting_campaigns import draft_correcting_campaign, has_sent_any, refuse_unwritten
from campaigns.planning.drafts import (
    describe_campaign,
    is_campaign_author,
    newest_version,
    plan_of,
    read_versions,
    record_decision,
    resend_decision_mail,
    save_draft,
    store_version,
)
from campaigns.planning.keep_form import FormVersion, KeptForm, key_of_campaign, lock_form, mark_saved
from campaigns.planning.kinds import all_kinds
from campaigns.planning.preview import require_fields
from campaigns.planning.registered_templates import refuse_gaps, require_templates
from campaigns.rules.approvals import (
    WAITING_FOR_SECOND_APPROVAL,
    Approval,
    LaunchTerms,
    approvers_of,
    has_outgrown,
    missing_approval,
    unread_version,
)
from campaigns.rules.budget import refusal_of
from campaigns.rules.checks import Finding, Level
from campaigns.rules.draft import Draft
from campaigns.rules.sending_hours import common_hours, is_never_open
from campaigns.rules.states import CAMPAIGN_MOVES, CampaignAction, CampaignState, MessageState
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, organisations_of, require_role
from outreach.contacts.directory import require_all_people
from outreach.core.db import delete_rows, set_columns
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, LoaError, NotAllowed, NotFound, WrongState
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_approval_mail, enqueue_sweep, use_case

STATE_NAMES = {
    CampaignState.DRAFT: LoaError("state_draft"),
    CampaignState.SUBMITTED: LoaError("state_submitted"),
    CampaignState.APPROVED: LoaError("state_approved"),
    CampaignState.SCHEDULED: LoaError("state_scheduled"),
    CampaignState.SENDING: LoaError("state_sending"),
    CampaignState.PAUSED: LoaError("state_paused"),
    CampaignState.COMPLETED: LoaError("state_completed"),
    CampaignState.CANCELLED: LoaError("state_cancelled"),
}
NEEDS_TERMS = (CampaignAction.APPROVE, CampaignAction.LAUNCH)
_BINDING = (CampaignAction.SUBMIT, *NEEDS_TERMS)
_NO_APPROVAL = dict.fromkeys(("approved_at", "approved_by", "approved_recipients", "approved_bases"))


@use_case
def create_campaign(session: Session, draft: Draft, *, user: User, now: datetime) -> Campaign:
    """Store a new draft. Raises NotAllowed, and BadCampaign for a list or an area that is unknown or not visible."""
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = Campaign(state=CampaignState.DRAFT, created_by=user.id, created_at=now)
    save_draft(session, campaign, draft, user=user, now=now)
    audit.record(session, "campaign.create", campaign, user, now)
    return campaign


@use_case
def edit_campaign(
    session: Session, campaign_id: int, draft: Draft, *, user: User, now: datetime, goes_on: bool = False
) -> Campaign:
    """Rewrite a draft. `goes_on`: the same page wrote it last, which the audit log has once.

    Raises NotFound, NotAllowed, WrongState once it was submitted, BadCampaign.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = find_campaign(session, campaign_id, user=user, is_whole=True)
    # Locked until the end: nobody can submit it half rewritten.
    locked = session.execute(select(Campaign.state).where(Campaign.id == campaign_id).with_for_update())
    state = locked.scalar_one()
    if state is not CampaignState.DRAFT:
        raise WrongState("campaign_not_editable", state=STATE_NAMES[state])
    save_draft(session, campaign, draft, user=user, now=now)
    if not goes_on:
        audit.record(session, "campaign.edit", campaign, user, now)
    return campaign


@use_case
def save_form(session: Session, form: FormVersion, draft: Draft, *, user: User, now: datetime) -> KeptForm:
    """Store what a form holds as its campaign's draft; the first time this makes the campaign, whose key it returns.

    Raises what `edit_campaign` and `lock_form` do.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    kept = lock_form(session, form, user=user, now=now)
    if kept.campaign_id is None:
        campaign_id = create_campaign(session, draft, user=user, now=now).id
        version = mark_saved(kept, form, campaign_id, user=user, now=now).version
        form = FormVersion(key_of_campaign(campaign_id), 0, form.writer)
        kept = lock_form(session, form, user=user, now=now)
        kept.version = version  # a page that read the new form is behind, by this number too
    else:
        # Fields beside the draft: the last write changed nothing in it, and is in no audit log.
        goes_on = form.writer and not kept.fields and (kept.writer, kept.written_by) == (form.writer, user.id)
        campaign_id = kept.campaign_id
        edit_campaign(session, campaign_id, draft, user=user, now=now, goes_on=bool(goes_on))
    return mark_saved(kept, form, campaign_id, user=user, now=now)


@use_case
def prepare_correcting_campaign(
    session: Session, campaign_id: int, *, step: int, variant: str, user: User, now: datetime
) -> Campaign:
    """Prepare the draft of a correction to those who got a text; what of that text still waits is paused.

    `variant` is one of `list_variants`. A second press finds the draft of the first. Raises NotFound, NotAllowed, and
    WrongState where the text has not left.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = find_campaign(session, campaign_id, user=user, is_whole=True)
    session.refresh(campaign, with_for_update=True)
    wrong_step = next((each for each in campaign.steps if each.number == step), None)
    if wrong_step is None:
        raise WrongState("corrected_text_not_sent")
    draft = draft_correcting_campaign(session, campaign, step=wrong_step, variant=variant, user=user, now=now)
    draft_id = draft.id
    if campaign.state is CampaignState.SENDING:
        pause_automatically(session, campaign_id, reason=LoaError("paused_for_correction"), now=now)
    return session.get_one(Campaign, draft_id)


def find_campaign(session: Session, campaign_id: int, *, user: User, is_whole: bool = False) -> Campaign:
    """Return a campaign that the user may see. Raises NotFound.

    `is_whole`: to do something with all of it; NotAllowed where it is for people whom the user does not see.
    """
    error = NotFound("campaign_id_not_visible", id=campaign_id)
    campaign = find_visible(session, Campaign, campaign_id, user, error)
    if is_whole:
        require_all_people(session, user, *people_of(session, campaign))
    return campaign


def change_state(
    session: Session, campaign_id: int, action: CampaignAction, *, now: datetime, **values: object
) -> bool:
    """Change the state by a conditional UPDATE.

    Returns False if the campaign is not in a state that allows the action.
    """
    allowed, target = CAMPAIGN_MOVES[action]
    if target in (CampaignState.COMPLETED, CampaignState.CANCELLED):
        values["ended_at"] = now
    is_allowed = (Campaign.id == campaign_id, Campaign.state.in_(allowed))
    changed = set_columns(session, Campaign, *is_allowed, state=target, **values)
    session.expire_all()
    return changed == 1


class Told(TypedDict, total=False):
    """What a press tells: the `reason` of a return, and of an approval what was read, the number of the submission and of the recipients."""

    reason: str
    version: int | None
    recipients: int | None


def perform_action(
    runtime: Runtime,
    campaign_id: int,
    action: CampaignAction,
    *,
    user: User,
    now: datetime,
    **told: Unpack[Told],
) -> Campaign:
    """Submit, return, approve, launch, pause, resume, cancel or undo a campaign.

    An approver must give the reason of a return (else BadInput). Raises NotFound, NotAllowed, WrongState.
    """
    terms = None
    with runtime.db.read() as session:
        campaign = find_campaign(session, campaign_id, user=session.get_one(User, user.id))
        _refuse_unsendable(session, campaign, action, settings=runtime.settings, now=now)
        if action in NEEDS_TERMS:
            # People are counted before the transaction, which must not last as long.
            terms = compute_terms(session, campaign, settings=runtime.settings)
    campaign = change_campaign(runtime, campaign_id, action, terms=terms, user=user, now=now, **told)
    if action is CampaignAction.LAUNCH and campaign.state is CampaignState.SUBMITTED:
        raise WrongState("launch_needs_new_approval")
    return campaign


def _refuse_unsendable(
    session: Session, campaign: Campaign, action: CampaignAction, *, settings: Settings, now: datetime
) -> None:
    """Raise WrongState or BadCampaign if a campaign could not be sent as it is, before a step towards its sending."""
    if action in (CampaignAction.LAUNCH, CampaignAction.RESUME):
        require_permit(session, is_live=settings.is_live)
    if action is CampaignAction.SUBMIT:
        refuse_gaps(campaign)
    if action in _BINDING:
        # The imports that brought a field's values may have been undone since the approval.
        require_fields(session, campaign)
        if campaign.urgent_basis and not settings.urgent_passes_opt_outs:
            raise WrongState("urgent_basis_not_allowed")
    if action in (CampaignAction.SUBMIT, CampaignAction.APPROVE):
        require_templates(session, campaign, settings=settings, now=now)
    if action in (*_BINDING, CampaignAction.RESUME) and not campaign.urgent_reason:
        own = (campaign.window_from or "", campaign.window_to or "") if campaign.window_from else None
        if is_never_open(own):
            raise BadInput("window_wrong")
        if is_never_open(common_hours(own, is_live=settings.is_live)):
            raise WrongState("window_outside_legal_hours")


@dataclass(frozen=True, slots=True)
class _Press:
    """A user's press on an action of a campaign, with what `change_campaign` takes."""

    session: Session
    campaign: Campaign
    action: CampaignAction
    user: User
    now: datetime
    is_author: bool
    told: Told

    @property
    def reason(self) -> str:
        return self.told.get("reason", "").strip()


@use_case
def change_campaign(
    session: Session,
    campaign_id: int,
    action: CampaignAction,
    *,
    terms: LaunchTerms | None,
    user: User,
    now: datetime,
    **told: Unpack[Told],
) -> Campaign:
    """Change a campaign as `perform_action` does, with terms that were computed before.

    `terms`: what is approved or launched, and how many approvals it needs: the campaign stays submitted until the last one.
    The budget must cover its cost at a launch. An approval and a launch need them. A launch of what is not approved as it
    is now submits the campaign again.
    """
    # Who sees a fault in a part of it may hold it.
    campaign = find_campaign(session, campaign_id, user=user, is_whole=action is not CampaignAction.PAUSE)
    require_role(user, Role.APPROVER, *(() if action is CampaignAction.APPROVE else (Role.STAFF,)))
    if action in (CampaignAction.SUBMIT, CampaignAction.RETURN, CampaignAction.APPROVE):
        enqueue_after_commit(session, enqueue_approval_mail, campaign_id)
    if action not in (CampaignAction.SUBMIT, CampaignAction.RETURN):
        enqueue_after_commit(session, enqueue_sweep)
    is_author = is_campaign_author(session, campaign, user)
    press = _Press(session, campaign, action, user, now, is_author, told)
    if action in NEEDS_TERMS:
        assert terms is not None
        # Locked until the end: what is compared here is what is approved or sent.
        session.refresh(campaign, with_for_update=True)
        terms = replace(terms, plan=plan_of(session, campaign))
        return _approve(press, terms) if action is CampaignAction.APPROVE else _launch(press, terms)
    if action in _VALUES:
        return _move(press, _VALUES[action](press))
    return _move(press, {})


def _values_of_submission(press: _Press) -> dict[str, Any]:
    refuse_unwritten(press.session, press.campaign)
    return {"submitted_at": press.now}


def _values_of_return(press: _Press) -> dict[str, Any]:
    # An author may take back what they submitted; only an approver may send back another's.
    if not press.is_author:
        require_role(press.user, Role.APPROVER)
        if not press.reason:
            raise BadInput("return_reason_missing")
    return {"submitted_at": None, **_NO_APPROVAL}


def _values_of_resumption(press: _Press) -> dict[str, Any]:
    launched_at = func.coalesce(Campaign.launched_at, press.now)
    return {"pause_reason": "", "launched_at": launched_at, "resumed_at": press.now}


def _values_of_undoing(press: _Press) -> dict[str, Any]:
    undo_launch(press.session, press.campaign.id)
    gone = ("launched_at", "resumed_at", "recipients", "price_vnd", "wave", "sent_after_s")
    return {"pause_reason": "", "first_refusals": 0, **dict.fromkeys(gone)}


_VALUES = {
    CampaignAction.SUBMIT: _values_of_submission,
    CampaignAction.RETURN: _values_of_return,
    CampaignAction.RESUME: _values_of_resumption,
    CampaignAction.UNDO: _values_of_undoing,
}


def _move(press: _Press, values: dict[str, Any]) -> Campaign:
    """Change a campaign's state with these values, and record it. Raises WrongState if its state does not allow it."""
    session, campaign, action, now = press.session, press.campaign, press.action, press.now
    campaign_id, before = campaign.id, campaign.state
    starts_later = campaign.starts_at and campaign.starts_at > now and not campaign.launched_at
    if starts_later and values.get("launched_at") is not None and before in CAMPAIGN_MOVES[action][0]:
        action, values = CampaignAction.SCHEDULE, {"pause_reason": ""}
    if not change_state(session, campaign_id, action, now=now, **values):
        raise WrongState("campaign_state_changed", state=STATE_NAMES[before])
    campaign = session.get_one(Campaign, campaign_id)
    if action is CampaignAction.SUBMIT:
        store_version(session, campaign, user_id=press.user.id, now=now)
    elif action is CampaignAction.RETURN and not press.is_author:
        record_decision(session, campaign, read=None, reason=press.reason, user=press.user, now=now)
    elif action is CampaignAction.CANCEL:
        _cancel_queued(session, or_(Outbox.stream_id == campaign_id, _is_control_copy(campaign_id)))
    _record_decision_on(session, campaign, action.value, user=press.user, now=now)
    return campaign


def _approve(press: _Press, terms: LaunchTerms) -> Campaign:
    """Store an approval of what was read; the last one that it takes approves the campaign, or resumes a held one."""
    session, campaign, user, now = press.session, press.campaign, press.user, press.now
    # No author may approve, administrators included.
    if press.is_author:
        raise NotAllowed("own_campaign_approval")
    recipients = press.told.get("recipients")
    _refuse_unread(session, campaign, terms, version=press.told.get("version"), recipients=recipients)
    if recipients is not None:
        terms = replace(terms, recipients=recipients)
    is_held = is_waiting_for_approval(campaign)
    if not is_held and campaign.state is not CampaignState.SUBMITTED:
        raise WrongState("campaign_state_changed", state=STATE_NAMES[campaign.state])
    approvals = read_approvals(session, campaign)
    if user.id in approvers_of(approvals, terms):
        raise WrongState("approved_by_you")
    is_last = missing_approval([*approvals, Approval(user.id, terms.read)], terms) is None
    if is_last:
        approved = {"approved_recipients": terms.recipients, "approved_bases": terms.bases}
        if is_held:
            values, action = _values_of_resumption(press), CampaignAction.RESUME
        else:
            values, action = {"approved_at": now, "approved_by": user.id}, CampaignAction.APPROVE
        change_state(session, campaign.id, action, now=now, **values, **approved)
        campaign = session.get_one(Campaign, campaign.id)
    record_decision(session, campaign, read=terms.read, user=user, now=now)
    _record_decision_on(session, campaign, "approve" if is_last else "approve_first", user=user, now=now)
    return campaign


def _refuse_unread(
    session: Session, campaign: Campaign, terms: LaunchTerms, *, version: int | None, recipients: int | None
) -> None:
    """Raise WrongState if the approver has not read what would be approved: the draft, and the number of people."""
    current = {**describe_campaign(session, campaign, kinds=all_kinds(session)), "plan": terms.plan}
    submitted = [{**each.data, "plan": each.plan} for each in read_versions(session, campaign.id)]
    if refusal := unread_version(submitted, current, read=version):
        raise refusal
    if has_outgrown(recipients, terms.recipients, margin_percent=terms.growth_percent):
        raise WrongState("audience_grew_since_read", read=recipients, now=terms.recipients)


def _launch(press: _Press, terms: LaunchTerms) -> Campaign:
    """Launch a campaign if what leaves is approved as it is now; else give it back to the approver."""
    session, campaign, now = press.session, press.campaign, press.now
    missing = missing_approval(read_approvals(session, campaign), terms)
    if campaign.state is CampaignState.APPROVED and missing:
        if missing.code == WAITING_FOR_SECOND_APPROVAL.code:
            raise WrongState("second_approval_now_needed")
        return _submit_again(session, campaign, user=press.user, now=now)
    if refusal := refusal_of(estimate_vnd=terms.estimate_vnd, budget_vnd=campaign.budget_vnd):
        raise refusal
    if campaign.deadline and campaign.deadline <= now:
        raise WrongState("campaign_deadline_past")
    return _move(press, {"launched_at": now})


def _submit_again(session: Session, campaign: Campaign, *, user: User, now: datetime) -> Campaign:
    """Give a campaign back to the approver, as what leaves is no longer what was approved."""
    campaign_id = campaign.id
    change_state(session, campaign_id, CampaignAction.RESUBMIT, now=now, submitted_at=now, **_NO_APPROVAL)
    campaign = session.get_one(Campaign, campaign_id)
    store_version(session, campaign, user_id=user.id, now=now)
    audit.record(session, f"campaign.{CampaignAction.RESUBMIT}", campaign, user, now)
    enqueue_after_commit(session, enqueue_approval_mail, campaign_id)
    return campaign


def hold_for_approval(
    session: Session, campaign_id: int, *, reason: LoaError, approvals: int, now: datetime
) -> None:
    """Pause a campaign whose next step needs `approvals` that it does not have; before its first it counts as not launched.

    Where one is enough, the campaign counts as submitted once more. Where it takes several, each counts that was given after
    reading what leaves, and the mail about the last one is due again.
    """
    campaign = session.get_one(Campaign, campaign_id)
    values = {} if campaign.recipients is not None else {"launched_at": None}
    stored = reason.as_json()
    if not change_state(session, campaign_id, CampaignAction.PAUSE, now=now, pause_reason=stored, **values):
        return
    audit.record(session, "campaign.pause", f"campaigns:{campaign_id}", None, now, reason=stored)
    campaign, newest = session.get_one(Campaign, campaign_id), newest_version(session, campaign_id)
    if approvals > 1 and newest:
        resend_decision_mail(session, campaign_id)
    elif newest is None or read_approvals(session, campaign):
        by = newest.submitted_by if newest else campaign.created_by
        store_version(session, campaign, user_id=by, now=now)
    enqueue_after_commit(session, enqueue_approval_mail, campaign_id)


def pause_automatically(session: Session, campaign_id: int, *, reason: LoaError, now: datetime) -> None:
    """Pause a campaign that would go wrong for all recipients, with the reason."""
    stored = reason.as_json()
    if change_state(session, campaign_id, CampaignAction.PAUSE, now=now, pause_reason=stored):
        audit.record(session, "campaign.pause", f"campaigns:{campaign_id}", None, now, reason=stored)


def pause_broken(session: Session, campaign_id: int, error: Exception, *, now: datetime) -> None:
    """Pause a campaign that fails by a fault of ours, as it would again, so that its officers hear of it."""
    pause_automatically(
        session, campaign_id, reason=LoaError("claim_failed", error=type(error).__name__), now=now
    )


def _cancel_queued(session: Session, condition: ColumnElement[bool]) -> None:
    """Cancel the queued messages of a part of the outbox; those already claimed run to their end."""
    # In the lock order of a claim: first the outbox, then the messages.
    waiting = select(Outbox.message_id).where(condition)
    session.execute(waiting.order_by(Outbox.message_id).with_for_update()).all()
    queued = (Message.id.in_(waiting), Message.state == MessageState.QUEUED)
    set_columns(session, Message, *queued, state=MessageState.CANCELLED)
    delete_rows(session, Outbox, condition)


def _is_control_copy(campaign_id: int) -> ColumnElement[bool]:
    """Return the condition that a row of the outbox is a copy of the campaign's texts to a control phone."""
    copies = select(ControlCopy.message_id).where(ControlCopy.campaign_id == campaign_id)
    return Outbox.message_id.in_(copies)


def _record_decision_on(
    session: Session, campaign: Campaign, action: str, *, user: User, now: datetime
) -> None:
    """Record an action; of a warning with its reason and legal basis, as it was then."""
    urgent = {"urgent_reason": campaign.urgent_reason, "urgent_basis": campaign.urgent_basis}
    changes = {field: ("", text) for field, text in urgent.items() if text}
    audit.record_change(session, f"campaign.{action}", f"campaigns:{campaign.id}", user, now, changes)


def undo_launch(session: Session, campaign_id: int) -> None:
    """Undo what a launch wrote. Raises WrongState if a message was sent or an answer recorded.

    Also if visit sheets exist. Locks the campaign's row, which a claim locks first: no claim can begin
    meanwhile.
    """
    session.execute(select(Campaign.id).where(Campaign.id == campaign_id).with_for_update()).all()
    if has_sent_any(session, campaign_id):
        raise WrongState("undo_launch_sent")
    recipients = select(Recipient.id).where(Recipient.campaign_id == campaign_id)
    answered = (select(kind.id).where(kind.recipient_id.in_(recipients)).limit(1) for kind in (Answer, Reply))
    if any(session.execute(query).first() for query in answered):
        raise WrongState("undo_launch_answered")
    if session.execute(select(VisitSheet.id).where(VisitSheet.campaign_id == campaign_id).limit(1)).first():
        raise WrongState("undo_launch_visited")
    _cancel_queued(session, _is_control_copy(campaign_id))
    delete_rows(session, Outbox, Outbox.stream_id == campaign_id)
    delete_rows(session, Message, Message.campaign_id == campaign_id, Message.step_id.is_not(None))
    for table in (Recipient, ControlCopy):
        delete_rows(session, table, table.campaign_id == campaign_id)
    delete_totals(session, campaign_id)
    delete_reach(session, campaign_id)
    set_columns(session, Step, Step.campaign_id == campaign_id, opened_at=None, segments_each=None)


LIVE_NOT_ALLOWED = WrongState("live_not_allowed")


def read_permit(session: Session) -> LivePermit | None:
    """Return the permission in force, None while there is none."""
    return session.scalar(select(LivePermit).order_by(LivePermit.id.desc()).limit(1))


def lacks_permit(session: Session, *, is_live: bool) -> bool:
    """Return whether messages of campaigns would reach real people and nobody has allowed that yet."""
    return is_live and read_permit(session) is None


def require_permit(session: Session, *, is_live: bool) -> None:
    """Raise WrongState if `lacks_permit`."""
    if lacks_permit(session, is_live=is_live):
        raise LIVE_NOT_ALLOWED


@use_case
def allow_live(
    session: Session, findings: Sequence[Finding], *, reason: str, user: User, now: datetime
) -> LivePermit:
    """Allow sending to real phones; faults among the checks' findings need a reason, which is kept.

    Raises BadInput without one.
    """
    require_role(user, Role.ADMINISTRATOR)
    faults = sorted({each.check.value for each in findings if each.level is Level.FAULT})
    reason = reason.strip()
    if faults and len(reason) < 10:
        raise BadInput("live_reason_missing", n=len(faults))
    permit = LivePermit(allowed_by=user.id, allowed_at=now, reason=reason[:1000], findings=" ".join(faults))
    session.add(permit)
    session.flush()
    enqueue_after_commit(session, enqueue_sweep)
    changes = {"reason": ("", permit.reason), "findings": ("", permit.findings)}
    audit.record_change(session, "sending.allow_live", permit, user, now, changes)
    return permit


STOP_ALL = "stop_all"
# Set from the restore of a backup until it is known what may have been sent since the backup.
RESTORING = "restoring"


def is_stopped(session: Session) -> bool:
    """Return whether all sending is stopped."""
    stops = Switch.name.in_((STOP_ALL, RESTORING))
    return session.scalar(select(Switch.name).where(stops).limit(1)) is not None


@use_case
def stop_all_sending(session: Session, *, user: User, now: datetime) -> None:
    """Stop all sending: no request starts later than a second from now. Repeating it does no harm.

    Queued messages and all states stay as they are.
    """
    require_role(user, Role.APPROVER)
    if session.get(Switch, STOP_ALL) is None:
        session.add(Switch(name=STOP_ALL, turned_by=user.id, turned_at=now))
        audit.record(session, "sending.stop_all", "switches:stop_all", user, now)


def may_resume_sending(session: Session, user: User) -> bool:
    """Return whether the user may release the stop.

    Only the user who stopped it, or one with the whole scope, as the stop affects every organisation.
    """
    turned_by = session.scalar(select(Switch.turned_by).where(Switch.name == STOP_ALL))
    return turned_by == user.id or organisations_of(session, user) is None


@use_case
def resume_all_sending(session: Session, *, user: User, now: datetime) -> None:
    """Release the stop; sending continues where it was. Raises NotAllowed (see `may_resume_sending`)."""
    require_role(user, Role.APPROVER)
    if not may_resume_sending(session, user):
        raise NotAllowed("stop_lift_not_allowed")
    session.execute(delete(Switch).where(Switch.name == STOP_ALL))
    enqueue_after_commit(session, enqueue_sweep)
    audit.record(session, "sending.release_all", "switches:stop_all", user, now)
