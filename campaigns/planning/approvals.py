"""Approvals: how many a campaign needs, and mail about them.

Two people have to approve a campaign above an audience or a cost that the settings name.

Mail: the request goes to those who may approve, the decision to the authors. It says which campaign and where to look;
no resident's data, no text of a message. It is sent by a job and marked as sent, so that running twice does no harm.
Without SMTP_URL nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, CampaignAuthor, CampaignDecision, CampaignVersion
from campaigns.planning.audience import audience_query, load_audience_counter, sample_names
from campaigns.planning.correcting_campaigns import count_receivers
from campaigns.planning.drafts import describe_campaign, newest_version
from campaigns.planning.kinds import all_kinds
from campaigns.planning.list_fields import facts_of_campaign
from campaigns.planning.preview import SAMPLE_SIZE, AudiencePreview, Preview, build_preview
from campaigns.rules.approvals import count_approvals, has_other_basis, has_outgrown
from campaigns.rules.draft import read_stored_draft
from campaigns.rules.states import CampaignState, Exclusion
from campaigns.rules.urgent import APPROVALS as URGENT_APPROVALS
from outreach.accounts.permissions import organisations_of
from outreach.core.job_queue import once_every
from outreach.core.mail import send_mail
from outreach.core.sentences import word_error
from outreach.core.settings import Settings
from outreach.enqueue_jobs import enqueue_approval_mail
from outreach.models.accounts import NoticeKind, Organisation, Role, User
from outreach.models.contacts import ContactList
from outreach.rules.errors import LoaError, error_from_json
from outreach.runtime import Runtime

# Pause reason of a campaign that had one approval when its audience was frozen, and needs two.
WAITING_FOR_SECOND_APPROVAL = LoaError("second_approval_awaited")
_AWAITED = frozenset(
    {WAITING_FOR_SECOND_APPROVAL.code, "approval_of_growth_awaited", "approval_of_basis_awaited"}
)


def approvals_needed(preview: Preview, settings: Settings, *, is_urgent: bool) -> int:
    """Return the number of approvals that a preview's audience and cost need by the settings; a warning needs two."""
    if is_urgent:
        return URGENT_APPROVALS
    limits = {"from_people": settings.two_approvals_people, "from_vnd": settings.two_approvals_vnd}
    return count_approvals(preview.audience.recipients, preview.vnd, **limits)


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """Terms checked at an approval or a launch: the approvals needed, the cost, the audience and its legal bases.

    `bases` holds each list's, by the list's id. What is None was not computed, and is not checked or kept.
    """

    approvals: int
    estimate_vnd: int | None
    recipients: int | None = None
    bases: dict[str, str] | None = None
    growth_percent: float = 0.0


def compute_terms(session: Session, campaign: Campaign, *, settings: Settings, now: datetime) -> LaunchTerms:
    """Compute the terms of a campaign from its audience and cost as they are now.

    Lists grow between writing and sending. Once the audience is frozen, it counts.
    """
    passes = settings.urgent_passes_opt_outs
    query = audience_query(session, campaign, passes_opt_outs=passes)
    is_urgent = bool(campaign.urgent_reason)
    has_limits = (
        settings.two_approvals_people or settings.two_approvals_vnd or campaign.budget_vnd is not None
    )
    sample = SAMPLE_SIZE if has_limits else 0
    counts: tuple[int, dict[Exclusion, int], list[str]] = (0, {}, [])
    if campaign.recipients is not None:
        recipients = campaign.recipients
        names = sample_names(session, campaign.id, recipients=recipients, most=sample) if sample else []
        counts = recipients, {}, names
    elif campaign.corrects:
        counts = count_receivers(session, campaign, passes_opt_outs=passes, names=sample)
    elif query.lists:
        counts = load_audience_counter(session, query).count(query, names=sample)
    bases = select(ContactList.id, ContactList.basis).where(ContactList.id.in_(query.lists))
    terms = LaunchTerms(
        approvals=URGENT_APPROVALS if is_urgent else 1,
        estimate_vnd=None,
        recipients=counts[0],
        bases={str(list_id): basis or "" for list_id, basis in session.execute(bases)},
        growth_percent=settings.approved_growth_percent,
    )
    if not has_limits:
        return terms
    kinds = all_kinds(session)
    draft = read_stored_draft(describe_campaign(session, campaign, kinds=kinds), kinds=kinds)
    audience = AudiencePreview(*counts, fields=facts_of_campaign(session, campaign))
    preview = build_preview(session, draft, audience, settings=settings, now=now)
    approvals = approvals_needed(preview, settings, is_urgent=is_urgent)
    return replace(terms, approvals=approvals, estimate_vnd=preview.vnd)


def outgrown_approval(campaign: Campaign, terms: LaunchTerms) -> LoaError | None:
    """Return why a campaign needs approval again: its audience has outgrown the approved one, or its basis changed."""
    if has_outgrown(campaign.approved_recipients, terms.recipients, margin_percent=terms.growth_percent):
        return LoaError(
            "approval_of_growth_awaited", approved=campaign.approved_recipients, now=terms.recipients
        )
    if has_other_basis(campaign.approved_bases, terms.bases):
        return LoaError("approval_of_basis_awaited")
    return None


def is_waiting_for_approval(campaign: Campaign) -> bool:
    """Return whether the campaign would be sent if somebody approved it, who has not approved it yet."""
    if campaign.state is not CampaignState.PAUSED:
        return False
    stored = error_from_json(campaign.pause_reason)
    # An earlier version stored the Vietnamese sentence.
    is_sentence = campaign.pause_reason == word_error(WAITING_FOR_SECOND_APPROVAL)
    return is_sentence or (stored is not None and stored.code in _AWAITED)


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

Chiến dịch “{name}” của {organisation} đã được trình phê duyệt (lần {n}).
Đề nghị đồng chí xem nội dung, người nhận và chi phí, rồi duyệt hoặc trả lại tại:

{link}

Loa gửi thư này tự động, xin không trả lời thư.
"""
_SECOND = """Kính gửi đồng chí,

Chiến dịch “{name}” của {organisation} (lần trình {n}) đã có một người duyệt. {why} cần thêm
một người duyệt. Đề nghị đồng chí xem nội dung, người nhận và chi phí, rồi duyệt hoặc trả lại tại:

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
                        Campaign.state.in_((CampaignState.SUBMITTED, CampaignState.PAUSED)),
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
        "why": "Là cảnh báo khẩn cấp nên" if campaign.urgent_reason else "Vì số người nhận hoặc chi phí lớn,",
    }
    urgent = "KHẨN: " if campaign.urgent_reason else ""
    decision = session.scalar(
        select(CampaignDecision)
        .where(CampaignDecision.version_id == version.id)
        .order_by(CampaignDecision.id.desc())
        .limit(1)
    )
    if decision is None:
        is_asked = campaign.state is CampaignState.SUBMITTED or is_waiting_for_approval(campaign)
        if not is_asked or version.mailed_at:
            return []
        to = _approvers(session, campaign, authors)
        return [
            (
                CampaignVersion,
                version.id,
                to,
                f"{urgent}Chờ duyệt: {campaign.name}",
                _REQUEST.format(**values),
            )
        ]
    if decision.mailed_at:
        return []
    if decision.approved and (campaign.state is CampaignState.SUBMITTED or is_waiting_for_approval(campaign)):
        to = _approvers(session, campaign, authors | set(approvers_of(session, campaign_id)))
        subject = f"{urgent}Chờ người thứ hai duyệt: {campaign.name}"
        return [(CampaignDecision, decision.id, to, subject, _SECOND.format(**values))]
    to = [
        user.email
        for user in session.scalars(
            select(User).where(User.id.in_(authors - {decision.decided_by}), User.is_active)
        )
        if decision.approved or NoticeKind.RETURNED not in user.unwanted_notices
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
        if (visible is None or campaign.organisation_id in visible) and (
            campaign.urgent_reason or NoticeKind.APPROVAL not in user.unwanted_notices
        ):
            allowed.append(user)
    approvers = [user.email for user in allowed if user.role is Role.APPROVER]
    return approvers or [user.email for user in allowed]
