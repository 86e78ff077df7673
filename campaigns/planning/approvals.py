"""How many people have to approve a campaign: two above an audience or a cost that the settings name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Campaign, CampaignDecision
from campaigns.planning.audience import sample_names, whom_of
from campaigns.planning.census import read_census
from campaigns.planning.draft import read_kept
from campaigns.planning.editing import describe
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import SAMPLE, Audience, Preview, preview
from campaigns.planning.versions import newest_version
from campaigns.states import CampaignState, Exclusion
from outreach.settings import Settings

# Why a campaign stands still that had one approval when its audience was frozen, and needs two.
WAITS_FOR_SECOND = (
    "Số người nhận hoặc chi phí lúc bắt đầu gửi đã đến mức phải có hai người duyệt, mà mới một người duyệt. "
    "Chưa tin nào được gửi; khi người thứ hai duyệt, chiến dịch sẽ tự gửi tiếp."
)


def count_needed(recipients: int, vnd: int, *, from_people: int, from_vnd: int) -> int:
    """2 for so many people or so much money, else 1. A limit of 0 is none."""
    is_large = bool(from_people) and recipients >= from_people
    is_dear = bool(from_vnd) and vnd >= from_vnd
    return 2 if is_large or is_dear else 1


def needed_for(shown: Preview, settings: Settings) -> int:
    """What a preview's audience and cost take by the settings."""
    limits = {"from_people": settings.two_approvals_people, "from_vnd": settings.two_approvals_vnd}
    return count_needed(shown.audience.recipients, shown.vnd, **limits)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an approval or a launch is measured against; `estimate_vnd` is None where nobody asked for the cost."""

    approvals: int = 1
    estimate_vnd: int | None = None


def read_terms(session: Session, campaign: Campaign, *, settings: Settings, now: datetime) -> Terms:
    """By the audience and the cost as they are now, lists grow between writing and sending; by the frozen audience once
    there is one.
    """
    if not (settings.two_approvals_people or settings.two_approvals_vnd) and campaign.budget_vnd is None:
        return Terms()
    kinds = load_kinds()
    draft = read_kept(describe(session, campaign, kinds=kinds), kinds=kinds)
    whom = whom_of(session, campaign)
    counted: tuple[int, dict[Exclusion, int], list[str]] = (0, {}, [])
    if campaign.recipients is not None:
        names = sample_names(session, campaign.id, recipients=campaign.recipients, most=SAMPLE)
        counted = campaign.recipients, {}, names
    elif whom.lists:
        counted = read_census(session, campaign.kind).count(whom, names=SAMPLE)
    shown = preview(session, draft, Audience(*counted), settings=settings, now=now)
    return Terms(needed_for(shown, settings), shown.vnd)


def is_held(campaign: Campaign) -> bool:
    """Whether it would be sent if a second person approved it."""
    return campaign.state is CampaignState.PAUSED and campaign.pause_reason == WAITS_FOR_SECOND


def approvers_of(session: Session, campaign_id: int) -> list[int]:
    """Who has approved what was submitted last, the first of them first. Without a submission nobody has."""
    version = newest_version(session, campaign_id)
    if version is None:
        return []
    return list(
        session.scalars(
            select(CampaignDecision.decided_by)
            .where(CampaignDecision.version_id == version.id, CampaignDecision.approved)
            .order_by(CampaignDecision.id)
        )
    )
