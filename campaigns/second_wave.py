"""A campaign's second wave: its first step to people who have joined its lists since it began, by one press.

They meet the same conditions, and a phone that has the message gets no other. Within the margin of the approval it leaves at
once. Where the audience has outgrown the approval, or its lists have another legal basis, an approver who is no author has to
press, or two where the campaign needs two; until then the wave waits. Reminders still to come go to everybody on the same day; those that
have gone out are not repeated.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.lifecycle import STATE_NAMES, change_state, find_campaign
from campaigns.live_permit import require_permit
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.figures import ReachBlock
from campaigns.planning.approvals import compute_terms, read_approvals
from campaigns.planning.audience import add_joined, add_lists, count_joined
from campaigns.planning.drafts import is_campaign_author, record_decision
from campaigns.rules.approvals import LaunchTerms, approvers_of, missing_approval
from campaigns.rules.budget import refusal_of
from campaigns.rules.states import CAMPAIGN_MOVES, CampaignAction
from campaigns.sweep import queue_step
from outreach.accounts import audit
from outreach.accounts.permissions import has_role, require_role
from outreach.core.db import delete_rows, set_columns
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.rules.errors import LoaError, NotFound, WrongState, or_raise
from outreach.use_cases import enqueue_after_commit, enqueue_sweep, use_case


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
    campaign takes nobody now, or its approval or budget do not cover one more.
    """
    campaign = find_campaign(session, campaign_id, user=user)
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
