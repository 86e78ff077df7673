"""How many approvals; mail about them.

How many people have to approve a campaign: two above an audience or a cost that the settings name.

Mail about approvals: the request to those who may approve, the decision to those who wrote it.

A notice says which campaign and where to look; no resident's data, no text of a message. It is sent by a job
and marked as sent, so that running twice does no harm. Without SMTP_URL nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from campaigns.enqueue_jobs import enqueue_approval_mail
from campaigns.models.campaigns import Campaign, CampaignAuthor, CampaignDecision, CampaignVersion
from campaigns.planning.audience import audience_query, load_audience_counter, sample_names
from campaigns.planning.drafts import describe_campaign, newest_version
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import SAMPLE_SIZE, AudiencePreview, Preview, build_preview
from campaigns.rules.draft import read_stored_draft
from campaigns.rules.states import CampaignState, Exclusion
from outreach.accounts.permissions import organisations_of
from outreach.core.job_queue import once_every
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation, Role, User
from outreach.runtime import Runtime

# Why a campaign stands still that had one approval when its audience was frozen, and needs two.
WAITING_FOR_SECOND_APPROVAL = (
    "Số người nhận hoặc chi phí lúc bắt đầu gửi đã đến mức phải có hai người duyệt, mà mới một người duyệt. "
    "Chưa tin nào được gửi; khi người thứ hai duyệt, chiến dịch sẽ tự gửi tiếp."
)


def count_needed(recipients: int, vnd: int, *, from_people: int, from_vnd: int) -> int:
    """2 for so many people or so much money, else 1. A limit of 0 is none."""
    is_large = bool(from_people) and recipients >= from_people
    is_dear = bool(from_vnd) and vnd >= from_vnd
    return 2 if is_large or is_dear else 1


def approvals_needed(shown: Preview, settings: Settings) -> int:
    """What a preview's audience and cost take by the settings."""
    limits = {"from_people": settings.two_approvals_people, "from_vnd": settings.two_approvals_vnd}
    return count_needed(shown.audience.recipients, shown.vnd, **limits)


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """What an approval or a launch is measured against; `estimate_vnd` is None where nobody asked for the cost."""

    approvals: int = 1
    estimate_vnd: int | None = None


def compute_terms(session: Session, campaign: Campaign, *, settings: Settings, now: datetime) -> LaunchTerms:
    """By the audience and the cost as they are now, lists grow between writing and sending; by the frozen audience once
    there is one.
    """
    if not (settings.two_approvals_people or settings.two_approvals_vnd) and campaign.budget_vnd is None:
        return LaunchTerms()
    kinds = load_kinds()
    draft = read_stored_draft(describe_campaign(session, campaign, kinds=kinds), kinds=kinds)
    whom = audience_query(session, campaign)
    counted: tuple[int, dict[Exclusion, int], list[str]] = (0, {}, [])
    if campaign.recipients is not None:
        names = sample_names(session, campaign.id, recipients=campaign.recipients, most=SAMPLE_SIZE)
        counted = campaign.recipients, {}, names
    elif whom.lists:
        counted = load_audience_counter(session, campaign.kind).count(whom, names=SAMPLE_SIZE)
    shown = build_preview(session, draft, AudiencePreview(*counted), settings=settings, now=now)
    return LaunchTerms(approvals_needed(shown, settings), shown.vnd)


def is_waiting_for_second_approval(campaign: Campaign) -> bool:
    """Whether it would be sent if a second person approved it."""
    return campaign.state is CampaignState.PAUSED and campaign.pause_reason == WAITING_FOR_SECOND_APPROVAL


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


_LOOK_AGAIN_S = 300
_GIVE_UP_AFTER = timedelta(days=1)
Due = tuple[type[CampaignVersion] | type[CampaignDecision], int, list[str], str, str]
_REQUEST = """Kính gửi đồng chí,

Chiến dịch “{name}” của {organisation} đã được trình duyệt (lần {n}).
Mời đồng chí xem nội dung, người nhận và chi phí, rồi duyệt hoặc trả lại tại:

{link}

Loa gửi thư này tự động, xin không trả lời thư.
"""
_SECOND = """Kính gửi đồng chí,

Chiến dịch “{name}” của {organisation} (lần trình {n}) đã có một người duyệt. Vì số người nhận hoặc chi phí lớn, cần thêm
một người nữa. Mời đồng chí xem nội dung, người nhận và chi phí, rồi duyệt hoặc trả lại tại:

{link}

Loa gửi thư này tự động, xin không trả lời thư.
"""
_APPROVED = """Kính gửi đồng chí,

Chiến dịch “{name}” (lần trình {n}) đã được duyệt và có thể gửi. Xem và gửi tại:

{link}

Loa gửi thư này tự động, xin không trả lời thư.
"""
_RETURNED = """Kính gửi đồng chí,

Chiến dịch “{name}” (lần trình {n}) đã được trả lại để sửa. Xem lý do và sửa tại:

{link}

Loa gửi thư này tự động, xin không trả lời thư.
"""


def enqueue_due_approval_mail(runtime: Runtime, campaign_id: int) -> None:
    """Have the mail sent that is due for a campaign, where there is a mail server."""
    if runtime.settings.smtp_url:
        enqueue_approval_mail(runtime.job_queue, campaign_id)


def enqueue_overdue_approval_mail(runtime: Runtime, *, now: datetime) -> int:
    """Ring again, every few minutes for a day, for mail that a server or Redis kept from going; how many."""
    if not runtime.settings.smtp_url:
        return 0
    if not once_every(runtime.redis, "loa:notices", every_s=_LOOK_AGAIN_S):
        return 0
    since = now - _GIVE_UP_AFTER
    with runtime.db.read() as session:
        overdue = session.scalars(
            select(CampaignVersion.campaign_id)
            .join(Campaign, Campaign.id == CampaignVersion.campaign_id)
            .outerjoin(CampaignDecision, CampaignDecision.version_id == CampaignVersion.id)
            .where(
                or_(
                    and_(
                        Campaign.state == CampaignState.SUBMITTED,
                        CampaignVersion.mailed_at.is_(None),
                        CampaignVersion.submitted_at > since,
                    ),
                    and_(CampaignDecision.mailed_at.is_(None), CampaignDecision.decided_at > since),
                )
            )
            .distinct()
        ).all()
    for campaign_id in overdue:
        enqueue_approval_mail(runtime.job_queue, campaign_id)
    return len(overdue)


def send_approval_mail(runtime: Runtime, campaign_id: int, *, now: datetime) -> int:
    """Send what is due for a campaign: how many people were written to. Raises what the mail server raises."""
    smtp_url = runtime.settings.smtp_url
    if not smtp_url:
        return 0
    with runtime.db.read() as session:
        due = _due(session, campaign_id, base=runtime.settings.public_base_url)
    told = 0
    for mark, row_id, to, subject, body in due:
        if to:
            send_mail(smtp_url, to=to, subject=subject, body=body)
        with runtime.db.write() as session:
            session.execute(update(mark).where(mark.id == row_id).values(mailed_at=now))
        told += len(to)
    return told


def _due(session: Session, campaign_id: int, *, base: str) -> list[Due]:
    """What to mark when it is sent, to whom, subject and body."""
    campaign = session.get_one(Campaign, campaign_id)
    version = newest_version(session, campaign_id)
    if version is None:
        return []
    authors = set(
        session.scalars(select(CampaignAuthor.user_id).where(CampaignAuthor.campaign_id == campaign_id))
    ) | {campaign.created_by}
    organisation = session.get(Organisation, campaign.organisation_id) if campaign.organisation_id else None
    facts = {
        "name": campaign.name,
        "organisation": organisation.name if organisation else "",
        "link": f"{base}/admin/campaigns/{campaign_id}/",
        "n": version.n,
    }
    decision = session.scalar(
        select(CampaignDecision)
        .where(CampaignDecision.version_id == version.id)
        .order_by(CampaignDecision.id.desc())
        .limit(1)
    )
    if decision is None:
        if campaign.state is not CampaignState.SUBMITTED or version.mailed_at:
            return []
        to = _approvers(session, campaign, authors)
        return [(CampaignVersion, version.id, to, f"Chờ duyệt: {campaign.name}", _REQUEST.format(**facts))]
    if decision.mailed_at:
        return []
    if decision.approved and (
        campaign.state is CampaignState.SUBMITTED or is_waiting_for_second_approval(campaign)
    ):
        to = _approvers(session, campaign, authors | set(approvers_of(session, campaign_id)))
        subject = f"Chờ người thứ hai duyệt: {campaign.name}"
        return [(CampaignDecision, decision.id, to, subject, _SECOND.format(**facts))]
    to = [
        user.email
        for user in session.scalars(
            select(User).where(User.id.in_(authors - {decision.decided_by}), User.is_active)
        )
    ]
    if decision.approved:
        subject, body = f"Đã duyệt: {campaign.name}", _APPROVED
    else:
        subject, body = f"Trả lại: {campaign.name}", _RETURNED
    return [(CampaignDecision, decision.id, to, subject, body.format(**facts))]


def _approvers(session: Session, campaign: Campaign, authors: set[int]) -> list[str]:
    """Whoever may approve it: approvers whose scope holds it; where there are none, the administrators."""
    users = session.scalars(
        select(User).where(
            User.role.in_((Role.APPROVER, Role.ADMINISTRATOR)), User.is_active, User.id.not_in(authors)
        )
    ).all()
    able = []
    for user in users:
        seen = organisations_of(session, user)
        if seen is None or campaign.organisation_id in seen:
            able.append(user)
    approvers = [user.email for user in able if user.role is Role.APPROVER]
    return approvers or [user.email for user in able]
