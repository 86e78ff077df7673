"""Links to a day's report: without an account, for some days, to read it and download its documents."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.reports import ReportLink
from campaigns.reports.settings import require_province
from outreach.accounts import audit
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, sign_token
from outreach.models.accounts import User
from outreach.rules.errors import NotFound, WrongState, or_raise
from outreach.rules.keys import Purpose
from outreach.use_cases import use_case


def make_link(
    session: Session, drive: int, day: str, *, days: int, user: User | None, now: datetime
) -> ReportLink:
    """Return a link to a day's report for so many days: one that lasts as long, else a new one."""
    expires_at = now + timedelta(days=days)
    for existing in read_links(session, drive, day, now=now):
        if existing.expires_at >= expires_at - timedelta(hours=12):
            return existing
    link = ReportLink(
        drive_id=drive, day=day, expires_at=expires_at, made_by=user.id if user else None, made_at=now
    )
    session.add(link)
    audit.record(session, "report.link", link, user, now)
    return link


@use_case
def end_link(session: Session, link_id: int, *, user: User, now: datetime) -> ReportLink:
    """End a link. Raises NotFound, WrongState when it has ended, NotAllowed."""
    require_province(session, user)
    link = or_raise(session.get(ReportLink, link_id, with_for_update=True), NotFound("link_not_found"))
    if link.ended_at is not None or link.expires_at <= now:
        raise WrongState("report_link_ended")
    link.ended_at = now
    audit.record(session, "report.end_link", link, user, now)
    return link


def address_of(link: ReportLink, settings: Settings) -> str:
    """Return the link's full address."""
    token = sign_token(TokenPurpose.REPORT, link.id, settings.keys_of(Purpose.LINKS))
    return f"{settings.public_base_url}/report/{token}"


def is_open(link: ReportLink, *, now: datetime) -> bool:
    """Return whether the link still opens the report."""
    return link.ended_at is None and now < link.expires_at


def read_links(session: Session, drive: int, day: str, *, now: datetime) -> list[ReportLink]:
    """Return a day's open links, the one valid longest first."""
    is_open = (ReportLink.ended_at.is_(None), ReportLink.expires_at > now)
    query = select(ReportLink).where(ReportLink.drive_id == drive, ReportLink.day == day, *is_open)
    return list(session.scalars(query.order_by(ReportLink.expires_at.desc(), ReportLink.id)))
