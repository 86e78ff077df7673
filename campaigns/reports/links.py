"""Links by which anybody who has one sees a day's report and takes its documents, without an account, for some days."""

from __future__ import annotations

from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.reports import ReportLink
from outreach.accounts import audit
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.rules.errors import NotFound, WrongState


def make_link(session: Session, day: str, *, days: int, user: User | None, now: datetime) -> ReportLink:
    """The day's link, good for so many days from now: the one there is while it is good for long enough, else a new one."""
    expires_at = now + timedelta(days=days)
    for standing in read_links(session, day, now=now):
        if standing.expires_at >= expires_at - timedelta(hours=12):
            return standing
    link = ReportLink(day=day, expires_at=expires_at, made_by=user.id if user else None, made_at=now)
    session.add(link)
    session.flush()
    _record(session, "report.link", link, user=user, now=now)
    return link


def end_link(session: Session, link_id: int, *, user: User, now: datetime) -> ReportLink:
    """Nobody sees the report by it any more. Raises NotFound, WrongState when it has ended. The caller knows that the
    user may."""
    link = session.get(ReportLink, link_id, with_for_update=True)
    if link is None:
        raise NotFound("Không có liên kết này.")
    if link.ended_at is not None or link.expires_at <= now:
        raise WrongState("Liên kết này đã hết hạn hoặc đã bị ngừng từ trước.")
    link.ended_at = now
    _record(session, "report.end_link", link, user=user, now=now)
    return link


def address_of(link: ReportLink, settings: Settings) -> str:
    """The link's full address."""
    return f"{settings.public_base_url}/report/{_serializer(settings.secret_key).dumps(link.id)}"


def find_link(session: Session, token: str, *, secret_key: str) -> ReportLink | None:
    """The link behind a token, also one that has expired; None where it never was ours."""
    try:
        link_id = _serializer(secret_key).loads(token)
    except BadSignature:
        return None
    return session.get(ReportLink, link_id) if isinstance(link_id, int) else None


def is_open(link: ReportLink, *, now: datetime) -> bool:
    """Whether it still shows anything."""
    return link.ended_at is None and now < link.expires_at


def read_links(session: Session, day: str, *, now: datetime) -> list[ReportLink]:
    """A day's links that still open, the one that lasts longest first."""
    return list(
        session.scalars(
            select(ReportLink)
            .where(ReportLink.day == day, ReportLink.ended_at.is_(None), ReportLink.expires_at > now)
            .order_by(ReportLink.expires_at.desc(), ReportLink.id)
        )
    )


def _serializer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt="report")


def _record(session: Session, action: str, link: ReportLink, *, user: User | None, now: datetime) -> None:
    audit.record(
        session,
        actor_id=user.id if user else None,
        action=action,
        subject=f"report_links:{link.id}",
        now=now,
    )
