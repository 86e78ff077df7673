"""Corrections of texts that residents still read while a campaign runs.

The texts are those of the page and of acknowledgements. Pages show them at once, as do acknowledgements that are yet to be queued. The question that was asked and the app's
addresses stay as they were approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.rules.content import read_content
from campaigns.rules.content_texts import check_texts, is_correctable, join_content, split_content
from campaigns.rules.states import CampaignState
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import Role, User
from outreach.rules.errors import NotFound, WrongState
from outreach.use_cases import use_case

_LAUNCHED = frozenset(
    {CampaignState.SCHEDULED, CampaignState.SENDING, CampaignState.PAUSED, CampaignState.COMPLETED}
)


def may_be_corrected(campaign: Campaign) -> bool:
    """Return whether people may have a link to its page.

    Before that a campaign is withdrawn and edited as a whole.
    """
    return campaign.state in _LAUNCHED or (
        campaign.state is CampaignState.CANCELLED and campaign.launched_at is not None
    )


def apply_corrections(content: Mapping[str, Any], new_texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the content with corrected texts, by path. Paths that may not be corrected are ignored."""
    texts, rest = split_content(content)
    corrections = {path: text for path, text in new_texts.items() if is_correctable(path)}
    return join_content({**texts, **corrections}, rest, over=texts)


@use_case
def correct_texts(
    session: Session,
    campaign_id: int,
    new_texts: Mapping[str, str],
    *,
    since: datetime | None,
    user: User,
    now: datetime,
) -> int:
    """Correct a launched campaign's texts. Returns how many changed.

    `since`: its `corrected_at` when the texts were read. Raises NotFound, NotAllowed, BadCampaign, and WrongState before the
    launch or if somebody else has corrected them since.
    """
    require_role(user, Role.APPROVER)
    campaign = session.scalar(
        select(Campaign)
        .where(Campaign.id == campaign_id, visible_to(session, user, Campaign.organisation_id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if campaign is None:
        raise NotFound("campaign_id_not_visible", id=campaign_id)
    if not may_be_corrected(campaign):
        raise WrongState("campaign_not_sent")
    if campaign.corrected_at != since:
        raise WrongState("texts_changed_meanwhile")
    content = apply_corrections(campaign.content, new_texts)
    read_content(content)
    check_texts(content)
    before, after = split_content(campaign.content)[0], split_content(content)[0]
    changes = {
        f"content.{path}": (before.get(path, ""), after.get(path, ""))
        for path in {**before, **after}
        if before.get(path, "") != after.get(path, "")
    }
    if changes:
        campaign.content, campaign.corrected_at = content, now
        audit.record_change(session, "campaign.correct", f"campaigns:{campaign_id}", user, now, changes)
    return len(changes)
