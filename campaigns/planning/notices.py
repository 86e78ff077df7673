"""Mail about approvals: the request to those who may approve, the decision to those who wrote it.

A notice says which campaign and where to look; no resident's data, no text of a message. It is sent by a job
and marked as sent, so that running twice does no harm. Without SMTP_URL nothing is sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models import Campaign, CampaignAuthor, CampaignDecision, CampaignVersion
from campaigns.planning.approvals import approvers_of, is_held
from campaigns.planning.versions import newest_version
from campaigns.rings import ring_notify
from campaigns.states import CampaignState
from outreach.access.models import Organisation, Role, User
from outreach.access.users import organisations_of
from outreach.doorbell import take_turn
from outreach.mail import send_mail
from outreach.runtime import Runtime

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


def ring_for_notices(runtime: Runtime, campaign_id: int) -> None:
    """Have the mail sent that is due for a campaign, where there is a mail server."""
    if runtime.settings.smtp_url:
        ring_notify(runtime.doorbell, campaign_id)


def ring_for_overdue(runtime: Runtime, *, now: datetime) -> int:
    """Ring again, every few minutes for a day, for mail that a server or Redis kept from going; how many."""
    if not runtime.settings.smtp_url:
        return 0
    if not take_turn(runtime.redis, "loa:notices", every_s=_LOOK_AGAIN_S):
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
        ring_notify(runtime.doorbell, campaign_id)
    return len(overdue)


def send_notices(runtime: Runtime, campaign_id: int, *, now: datetime) -> int:
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
    if decision.approved and (campaign.state is CampaignState.SUBMITTED or is_held(campaign)):
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
