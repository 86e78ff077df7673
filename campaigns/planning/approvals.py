"""Approvals: how many a campaign needs, and mail about them.

Two people have to approve a campaign above an audience or a cost that the settings name.

Mail: the request goes to those who may approve, the decision to the authors. It says which campaign and where to look;
no resident's data, no text of a message. It is sent by a job and marked as sent, so that running twice does no harm.
Without SMTP_URL nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

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
from outreach.core.sentences import word_error, word_stored
from outreach.core.settings import Settings
from outreach.enqueue_jobs import enqueue_approval_mail
from outreach.models.accounts import Organisation, Role, User
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

# Pause reason of a campaign that had one approval when its audience was frozen, and needs two.
WAITING_FOR_SECOND_APPROVAL = LoaError("second_approval_awaited")


def count_approvals(recipients: int, vnd: int, *, from_people: int, from_vnd: int) -> int:
    """Return 2 from so many people or so much money on, else 1. A limit of 0 means no limit."""
    is_large = bool(from_people) and recipients >= from_people
    is_expensive = bool(from_vnd) and vnd >= from_vnd
    return 2 if is_large or is_expensive else 1


def approvals_needed(preview: Preview, settings: Settings) -> int:
    """Return the number of approvals that a preview's audience and cost need by the settings."""
    limits = {"from_people": settings.two_approvals_people, "from_vnd": settings.two_approvals_vnd}
    return count_approvals(preview.audience.recipients, preview.vnd, **limits)


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """Terms checked at an approval or a launch.

    `estimate_vnd` is None if the cost was not needed and not computed.
    """

    approvals: int
    estimate_vnd: int | None


def compute_terms(session: Session, campaign: Campaign, *, settings: Settings, now: datetime) -> LaunchTerms:
    """Compute the terms of a campaign from its audience and cost as they are now.

    Lists grow between writing and sending. Once the audience is frozen, it counts.
    """
    if not (settings.two_approvals_people or settings.two_approvals_vnd) and campaign.budget_vnd is None:
        return LaunchTerms(approvals=1, estimate_vnd=None)
    kinds = load_kinds()
    draft = read_stored_draft(describe_campaign(session, campaign, kinds=kinds), kinds=kinds)
    query = audience_query(session, campaign)
    counts: tuple[int, dict[Exclusion, int], list[str]] = (0, {}, [])
    if campaign.recipients is not None:
        names = sample_names(session, campaign.id, recipients=campaign.recipients, most=SAMPLE_SIZE)
        counts = campaign.recipients, {}, names
    elif query.lists:
        counts = load_audience_counter(session, campaign.kind).count(query, names=SAMPLE_SIZE)
    preview = build_preview(session, draft, AudiencePreview(*counts), settings=settings, now=now)
    return LaunchTerms(approvals_needed(preview, settings), preview.vnd)


def is_waiting_for_second_approval(campaign: Campaign) -> bool:
    """Return whether the campaign would be sent if a second person approved it."""
    # Compared as sentences: an earlier version stored the Vietnamese one.
    reason, awaited = word_stored(campaign.pause_reason), word_error(WAITING_FOR_SECOND_APPROVAL)
    return campaign.state is CampaignState.PAUSED and reason == awaited


def approvers_of(session: Session, campaign_id: int) -> list[int]:
    """Return the users who approved the newest version, the first of them first.

    Empty without a version.
    """
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


_CHECK_EVERY_S = 300
_RETRY_FOR = timedelta(days=1)
DueMail = tuple[type[CampaignVersion] | type[CampaignDecision], int, list[str], str, str]
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


def enqueue_overdue_approval_mail(runtime: Runtime, *, now: datetime) -> int:
    """Enqueue mail again that was not sent because the mail server or Redis was away. Returns how many.

    Every few minutes, for a day.
    """
    if not runtime.settings.smtp_url:
        return 0
    if not once_every(runtime.redis, "loa:notices", every_s=_CHECK_EVERY_S):
        return 0
    since = now - _RETRY_FOR
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
        enqueue_approval_mail(runtime, campaign_id)
    return len(overdue)


def send_approval_mail(runtime: Runtime, campaign_id: int, *, now: datetime) -> int:
    """Send the mail due for a campaign. Returns how many people were written to.

    Raises what the mail server raises.
    """
    smtp_url = runtime.settings.smtp_url
    if not smtp_url:
        return 0
    with runtime.db.read() as session:
        due = _due_mails(session, campaign_id, base=runtime.settings.public_base_url)
    mailed = 0
    for table, row_id, to, subject, body in due:
        if to:
            send_mail(smtp_url, to=to, subject=subject, body=body)
        with runtime.db.write() as session:
            session.execute(update(table).where(table.id == row_id).values(mailed_at=now))
        mailed += len(to)
    return mailed


def _due_mails(session: Session, campaign_id: int, *, base: str) -> list[DueMail]:
    """Return the mails due: the table and id to mark when sent, the addresses, subject and body."""
    campaign = session.get_one(Campaign, campaign_id)
    version = newest_version(session, campaign_id)
    if version is None:
        return []
    authors = set(
        session.scalars(select(CampaignAuthor.user_id).where(CampaignAuthor.campaign_id == campaign_id))
    ) | {campaign.created_by}
    organisation = session.get(Organisation, campaign.organisation_id) if campaign.organisation_id else None
    values = {
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
        return [(CampaignVersion, version.id, to, f"Chờ duyệt: {campaign.name}", _REQUEST.format(**values))]
    if decision.mailed_at:
        return []
    if decision.approved and (
        campaign.state is CampaignState.SUBMITTED or is_waiting_for_second_approval(campaign)
    ):
        to = _approvers(session, campaign, authors | set(approvers_of(session, campaign_id)))
        subject = f"Chờ người thứ hai duyệt: {campaign.name}"
        return [(CampaignDecision, decision.id, to, subject, _SECOND.format(**values))]
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
    return [(CampaignDecision, decision.id, to, subject, body.format(**values))]


def _approvers(session: Session, campaign: Campaign, authors: set[int]) -> list[str]:
    """Return the addresses of those who may approve: approvers whose scope includes the campaign.

    If there are none, the administrators.
    """
    users = session.scalars(
        select(User).where(
            User.role.in_((Role.APPROVER, Role.ADMINISTRATOR)), User.is_active, User.id.not_in(authors)
        )
    ).all()
    allowed = []
    for user in users:
        visible = organisations_of(session, user)
        if visible is None or campaign.organisation_id in visible:
            allowed.append(user)
    approvers = [user.email for user in allowed if user.role is Role.APPROVER]
    return approvers or [user.email for user in allowed]
