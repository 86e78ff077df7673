"""Approvals: how many a campaign needs, and mail about them.

Two people have to approve a campaign above an audience or a cost that the settings name.

Mail: the request goes to those who may approve, the decision to the authors. It says which campaign and where to look;
no resident's data, no text of a message. Two jobs that send it, or one that crashed, do no harm (`send_letters`).
Without SMTP_URL nothing is sent.
"""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, CampaignAuthor, CampaignDecision, CampaignVersion
from campaigns.planning.audience import audience_query, load_audience_counter, people_of, sample_names
from campaigns.planning.correcting_campaigns import count_receivers
from campaigns.planning.drafts import mail_key, newest_version, plan_of
from campaigns.planning.preview import SAMPLE_SIZE, AudiencePreview, estimate_steps, facts_of_campaign
from campaigns.rules.approvals import (
    AWAITED,
    WAITING_FOR_SECOND_APPROVAL,
    Approval,
    LaunchTerms,
    count_approvals,
)
from campaigns.rules.states import CampaignState, Exclusion
from campaigns.rules.urgent import APPROVALS as URGENT_APPROVALS
from outreach.accounts.notices import Letter, send_letters
from outreach.accounts.permissions import organisations_of
from outreach.contacts.directory import has_hidden_people
from outreach.core.db import find_row
from outreach.core.job_queue import once_every
from outreach.core.sentences import word_error
from outreach.core.settings import Settings
from outreach.models.accounts import MailedNotice, NoticeKind, Organisation, Role, User
from outreach.models.contacts import ContactList
from outreach.rules.errors import error_from_json
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_approval_mail

MAY_APPROVE = and_(User.is_active, User.role.in_((Role.APPROVER, Role.ADMINISTRATOR)))


def compute_terms(session: Session, campaign: Campaign, *, settings: Settings) -> LaunchTerms:
    """Compute a campaign's terms from plan, audience (as frozen, once it is) and cost of now."""
    passes = settings.urgent_passes_opt_outs
    query = audience_query(session, campaign, passes_opt_outs=passes)
    counts: tuple[int, dict[Exclusion, int], list[str]] = (0, {}, [])
    if campaign.recipients is not None:
        recipients = campaign.recipients
        counts = recipients, {}, sample_names(session, campaign.id, recipients=recipients, most=SAMPLE_SIZE)
    elif campaign.corrects:
        counts = count_receivers(session, campaign, passes_opt_outs=passes, names=SAMPLE_SIZE)
    elif query.lists:
        counts = load_audience_counter(session, query).count(query, names=SAMPLE_SIZE)
    audience = AudiencePreview(*counts, fields=facts_of_campaign(session, campaign))
    vnd = sum(cost.vnd for cost in estimate_steps(session, campaign, audience, settings=settings)[1])
    return terms_of(session, campaign, counts[0], vnd, settings=settings)


def terms_of(
    session: Session, campaign: Campaign, recipients: int, vnd: int, *, settings: Settings
) -> LaunchTerms:
    """Return the terms of a campaign as it is now, for so many recipients and this cost."""
    query = audience_query(session, campaign, passes_opt_outs=settings.urgent_passes_opt_outs)
    bases = select(ContactList.id, ContactList.basis).where(ContactList.id.in_(query.lists))
    return LaunchTerms(
        approvals=URGENT_APPROVALS
        if campaign.urgent_reason
        else count_approvals(
            recipients, vnd, from_people=settings.two_approvals_people, from_vnd=settings.two_approvals_vnd
        ),
        estimate_vnd=vnd,
        recipients=recipients,
        bases={str(list_id): basis or "" for list_id, basis in session.execute(bases)},
        growth_percent=settings.approved_growth_percent,
        plan=plan_of(session, campaign),
    )


def is_waiting_for_approval(campaign: Campaign) -> bool:
    """Return whether the campaign would be sent if somebody approved it, who has not approved it yet."""
    if campaign.state is not CampaignState.PAUSED:
        return False
    stored = error_from_json(campaign.pause_reason)
    # An earlier version stored the Vietnamese sentence.
    is_sentence = campaign.pause_reason == word_error(WAITING_FOR_SECOND_APPROVAL)
    return is_sentence or (stored is not None and stored.code in AWAITED)


def read_approvals(session: Session, campaign: Campaign) -> list[Approval]:
    """Return the approvals of the newest version, the oldest first, each with what was read.

    What an approval of an earlier release did not store is what the campaign was approved for. Who has left before the launch,
    or may approve no more, does not count.
    """
    version = newest_version(session, campaign.id)
    known = {"recipients": campaign.approved_recipients, "bases": campaign.approved_bases}
    if version is None:
        return [Approval(campaign.approved_by, known)] if campaign.approved_by else []
    decisions = session.execute(
        select(CampaignDecision.decided_by, CampaignDecision.read)
        .join(User, User.id == CampaignDecision.decided_by)
        .where(CampaignDecision.version_id == version.id, CampaignDecision.approved)
        .where(true() if campaign.launched_at else MAY_APPROVE)
        .order_by(CampaignDecision.id)
    )
    return [
        Approval(by, {**known, **{name: value for name, value in (read or {}).items() if value is not None}})
        for by, read in decisions
        if read or campaign.approved_at
    ]


_CHECK_EVERY_S = 300
_RETRY_FOR = timedelta(days=1)
_LETTER = """Kính gửi đồng chí,

{what}

{link}

Loa gửi thư này tự động, xin không trả lời thư.
"""
_REQUEST = """Chiến dịch “{name}” của {organisation} đã được trình phê duyệt (lần {n}).
Đề nghị đồng chí xem nội dung, người nhận và chi phí, rồi duyệt hoặc trả lại tại:"""
_SECOND = """Chiến dịch “{name}” của {organisation} (lần trình {n}) đã có một người duyệt. {why} cần thêm
một người duyệt. Đề nghị đồng chí xem nội dung, người nhận và chi phí, rồi duyệt hoặc trả lại tại:"""
_APPROVED = "Chiến dịch “{name}” (lần trình {n}) đã được duyệt và có thể gửi. Xem và gửi tại:"
_RETURNED = "Chiến dịch “{name}” (lần trình {n}) đã được trả lại để sửa. Xem lý do và sửa tại:"


def enqueue_overdue_approval_mail(runtime: Runtime, *, now: datetime) -> int:
    """Enqueue unsent approval mail again, for a day, every few minutes. Returns how many."""
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
    """Send a campaign's due mail to whom was not told. Returns how many. Raises what the server raises."""
    if not runtime.settings.smtp_url:
        return 0
    base = runtime.settings.public_base_url
    told = send_letters(
        runtime,
        f"approval:{campaign_id}",
        lambda session: _due_mail(session, campaign_id, base=base)[1],
        now=now,
    )
    with runtime.db.write() as session:
        about, letters = _due_mail(session, campaign_id, base=base)
        if about is not None and not letters:
            about.mailed_at = now
    return told


# Subject and what is told by whether an approval is asked for, and what was decided last: approved, returned, nothing.
_LETTERS = {
    (True, None): ("{urgent}Chờ duyệt: {name}", _REQUEST),
    (True, True): ("{urgent}Chờ người thứ hai duyệt: {name}", _SECOND),
    (False, True): ("Đã duyệt: {name}", _APPROVED),
    (False, False): ("Trả lại: {name}", _RETURNED),
    (True, False): ("Trả lại: {name}", _RETURNED),
}


def _due_mail(
    session: Session, campaign_id: int, *, base: str
) -> tuple[CampaignVersion | CampaignDecision | None, list[Letter]]:
    """Return what is to be told of a campaign, None for nothing, and the letters to those who were not told of it yet."""
    campaign = session.get_one(Campaign, campaign_id)
    version = newest_version(session, campaign_id)
    if version is None:
        return None, []
    of_version = select(CampaignDecision).where(CampaignDecision.version_id == version.id)
    decision = session.scalar(of_version.order_by(CampaignDecision.id.desc()).limit(1))
    about = decision or version
    is_asked = campaign.state is CampaignState.SUBMITTED or is_waiting_for_approval(campaign)
    letter = _LETTERS.get((is_asked, decision.approved if decision else None))
    if letter is None or about.mailed_at:
        return None, []
    organisation = find_row(session, Organisation, campaign.organisation_id)
    is_urgent = bool(campaign.urgent_reason)
    values = {
        "name": campaign.name,
        "organisation": organisation.name if organisation else "",
        "link": f"{base}/admin/campaigns/{campaign_id}/",
        "n": version.n,
        "why": "Là cảnh báo khẩn cấp nên" if is_urgent else "Vì số người nhận hoặc chi phí lớn,",
        "urgent": "KHẨN: " if is_urgent else "",
    }
    key = mail_key(version.id, decision)
    told = set(session.scalars(select(MailedNotice.user_id).where(MailedNotice.key == key)))
    to = _addressees(session, campaign, decision, is_asked=is_asked)
    subject, what = (part.format(**values) for part in letter)
    body = _LETTER.format(what=what, **values)
    return about, [Letter(user.id, user.email, [key], subject, body) for user in to if user.id not in told]


def _addressees(
    session: Session, campaign: Campaign, decision: CampaignDecision | None, *, is_asked: bool
) -> list[User]:
    """Return those who are asked to approve; the authors, once that has been decided."""
    wrote = select(CampaignAuthor.user_id).where(CampaignAuthor.campaign_id == campaign.id)
    authors = {*session.scalars(wrote), campaign.created_by}
    if decision is None:
        return _approvers(session, campaign, authors)
    if is_asked and decision.approved:
        # Who approved what has changed since is asked as well.
        held = error_from_json(campaign.pause_reason)
        has_changed = held is not None and held.code != WAITING_FOR_SECOND_APPROVAL.code
        return _approvers(session, campaign, authors if has_changed else authors | {decision.decided_by})
    others = select(User).where(User.id.in_(authors - {decision.decided_by}), User.is_active)
    return [
        user
        for user in session.scalars(others)
        if decision.approved or NoticeKind.RETURNED not in user.unwanted_notices
    ]


def _approvers(session: Session, campaign: Campaign, authors: set[int]) -> list[User]:
    """Return the approvers whose scope includes the campaign and all whom it is for; if there are none, the administrators."""
    users = session.scalars(select(User).where(MAY_APPROVE, User.id.not_in(authors))).all()
    people, allowed = people_of(session, campaign), []
    for user in users:
        visible = organisations_of(session, user)
        is_asked = campaign.urgent_reason or NoticeKind.APPROVAL not in user.unwanted_notices
        is_seen = visible is None or campaign.organisation_id in visible
        if is_asked and is_seen and not has_hidden_people(session, user, *people):
            allowed.append(user)
    return [user for user in allowed if user.role is Role.APPROVER] or allowed
