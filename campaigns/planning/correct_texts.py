"""Corrections of texts that residents still read while a campaign runs.

The texts are those of the page and of acknowledgements. One person proposes them, another one confirms them, who wrote
neither the campaign nor the correction; as many have to read them as approved the campaign. Then pages show them at once, as
do acknowledgements that are yet to be queued.
The app's addresses stay as they were approved.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.planning.approvals import MAY_APPROVE, read_approvals
from campaigns.planning.audience import people_of
from campaigns.planning.drafts import is_campaign_author, plan_of, record_decision
from campaigns.rules.approvals import LaunchTerms, approvers_of
from campaigns.rules.content import read_content
from campaigns.rules.content_texts import check_texts, is_correctable, join_content, split_content
from campaigns.rules.states import CampaignState
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role
from outreach.contacts.directory import require_all_people
from outreach.models.accounts import Role, User
from outreach.rules.errors import NotAllowed, NotFound, WrongState
from outreach.use_cases import use_case

_LAUNCHED = frozenset({CampaignState.SENDING, CampaignState.PAUSED, CampaignState.COMPLETED})


def may_be_corrected(campaign: Campaign) -> bool:
    """Return whether its page may be linked to; before, a campaign is withdrawn and edited as a whole."""
    return campaign.state in _LAUNCHED or (
        campaign.state is CampaignState.CANCELLED and campaign.launched_at is not None
    )


def apply_corrections(content: Mapping[str, Any], new_texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the content with corrected texts, by path. Paths that may not be corrected are ignored."""
    texts, rest = split_content(content)
    corrections = {path: text for path, text in new_texts.items() if is_correctable(path)}
    return join_content({**texts, **corrections}, rest, over=texts)


@use_case
def propose_correction(
    session: Session,
    campaign_id: int,
    new_texts: Mapping[str, str],
    *,
    since: datetime | None,
    user: User,
    now: datetime,
) -> int:
    """Propose new texts for a launched campaign; another person confirms them. Returns how many would change.

    `since`: its `corrected_at` when the texts were read. Raises NotFound, NotAllowed, BadCampaign, and WrongState before the
    launch, while it is scheduled, if somebody else has corrected them since, or if a correction waits already.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = _lock(session, campaign_id, user)
    if campaign.correction:
        raise WrongState("correction_waits")
    if campaign.corrected_at != since:
        raise WrongState("texts_changed_meanwhile")
    content = apply_corrections(campaign.content, new_texts)
    read_content(content)
    check_texts(content)
    texts = {path: after for path, (_before, after) in changed_texts(campaign.content, content).items()}
    if texts:
        campaign.correction = {"texts": texts, "by": user.id, "at": now.isoformat()}
        audit.record(session, "campaign.propose_correction", f"campaigns:{campaign_id}", user, now)
    return len(texts)


@use_case
def confirm_correction(
    session: Session, campaign_id: int, *, proposed_at: str, user: User, now: datetime
) -> int:
    """Confirm the texts that another person has proposed; the last confirmation applies them. Returns how many changed.

    An approver who proposed them counts as one who has read them. `proposed_at`: the time of the proposal that was read.
    Raises NotFound, NotAllowed for an author of the campaign or of the correction, WrongState if there is no such proposal
    any more or the user has confirmed it.
    """
    require_role(user, Role.APPROVER)
    campaign = _lock(session, campaign_id, user)
    correction = _find_correction(campaign, proposed_at)
    if correction["by"] == user.id or is_campaign_author(session, campaign, user):
        raise NotAllowed("own_correction")
    readers = readers_of(session, campaign)
    if user.id in readers:
        raise WrongState("approved_by_you")
    readers.append(user.id)
    approvals = read_approvals(session, campaign)
    before = LaunchTerms(approvals=1, estimate_vnd=None, plan=plan_of(session, campaign))
    if len(readers) < len(approvers_of(approvals, before)):
        campaign.correction = {**correction, "confirmed_by": [*correction.get("confirmed_by", ()), user.id]}
        audit.record(session, "campaign.confirm_first", f"campaigns:{campaign_id}", user, now)
        return 0
    content = apply_corrections(campaign.content, correction["texts"])
    changes = {f"content.{path}": texts for path, texts in changed_texts(campaign.content, content).items()}
    campaign.content, campaign.correction, campaign.corrected_at = content, None, now
    # What leaves from now on is approved by those who have read the new texts, for the people it was approved for: not for
    # the wave that one approver of two has agreed to meanwhile.
    reads = [each.read for each in approvals if each.read.get("recipients") == campaign.approved_recipients]
    read = {
        **(reads[-1] if reads else {}),
        "bases": campaign.approved_bases,
        "plan": plan_of(session, campaign),
    }
    for reader in readers:
        record_decision(
            session, campaign, read=read, user=session.get_one(User, reader), now=now, is_mailed=False
        )
    audit.record_change(session, "campaign.correct", f"campaigns:{campaign_id}", user, now, changes)
    return len(changes)


def readers_of(session: Session, campaign: Campaign) -> list[int]:
    """Return who has read the proposed texts beside the campaign's authors and may approve still: who proposed them, who confirmed them."""
    correction = campaign.correction or {}
    proposed_by = session.get_one(User, correction["by"])
    is_author = is_campaign_author(session, campaign, proposed_by)
    readers = [*(() if is_author else (proposed_by.id,)), *correction.get("confirmed_by", ())]
    may_approve = session.scalars(select(User.id).where(User.id.in_(readers), MAY_APPROVE)).all()
    return [each for each in readers if each in may_approve]


@use_case
def drop_correction(
    session: Session, campaign_id: int, *, proposed_at: str, user: User, now: datetime
) -> None:
    """Remove a proposed correction: its author, or an approver. Raises NotFound, NotAllowed, WrongState."""
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = _lock(session, campaign_id, user)
    if _find_correction(campaign, proposed_at)["by"] != user.id:
        require_role(user, Role.APPROVER)
    campaign.correction = None
    audit.record(session, "campaign.drop_correction", f"campaigns:{campaign_id}", user, now)


def changed_texts(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the texts that differ between two contents, by path: before and after."""
    old, new = split_content(before)[0], split_content(after)[0]
    return {
        path: (old.get(path, ""), new.get(path, ""))
        for path in {**old, **new}
        if old.get(path, "") != new.get(path, "")
    }


def _lock(session: Session, campaign_id: int, user: User) -> Campaign:
    error = NotFound("campaign_id_not_visible", id=campaign_id)
    campaign = find_visible(session, Campaign, campaign_id, user, error, lock=True)
    require_all_people(session, user, *people_of(session, campaign))
    if campaign.state is CampaignState.SCHEDULED:
        raise WrongState("correction_while_scheduled")
    if not may_be_corrected(campaign):
        raise WrongState("campaign_not_sent")
    return campaign


def _find_correction(campaign: Campaign, proposed_at: str) -> dict[str, Any]:
    if not campaign.correction or campaign.correction["at"] != proposed_at:
        raise WrongState("correction_changed_meanwhile")
    return campaign.correction
