"""Links by which a person at an agency submits its figures without an account."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.agencies.reports import find_agency
from campaigns.models.figures import AgencyLink
from campaigns.planning.drives import drive_for_figures
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, find_by_token, sign_token
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.rules.keys import Purpose
from outreach.use_cases import use_case

LONGEST_DAYS = 60


@use_case
def make_link(
    session: Session, organisation_id: int, *, holder: str, days: int, user: User, now: datetime
) -> AgencyLink:
    """Make a link for one person at an agency, valid for so many days.

    Raises BadInput, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_agency(session, organisation_id, user=user)
    holder = " ".join(holder.split())[:120]
    if not holder:
        raise BadInput("link_holder_missing")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput("link_days_wrong", most=LONGEST_DAYS)
    link = AgencyLink(
        drive_id=drive_for_figures(session, now=now).id,
        organisation_id=organisation_id,
        holder=holder,
        expires_at=now + timedelta(days=days),
        made_by=user.id,
        made_at=now,
    )
    session.add(link)
    session.flush()
    audit.record(session, "agency.link", f"organisations:{link.organisation_id}", user, now, link=link.id)
    return link


@use_case
def end_link(session: Session, link_id: int, *, user: User, now: datetime) -> AgencyLink:
    """End a link. Raises NotFound, NotAllowed, WrongState when it has ended."""
    require_role(user, Role.STAFF, Role.APPROVER)
    link = or_raise(session.get(AgencyLink, link_id, with_for_update=True), NotFound("link_not_found"))
    find_agency(session, link.organisation_id, user=user)
    if link.ended_at is not None:
        raise WrongState("link_stopped_before")
    link.ended_at = now
    audit.record(session, "agency.end_link", f"organisations:{link.organisation_id}", user, now, link=link.id)
    return link


def address_of(link: AgencyLink, settings: Settings) -> str:
    """Return the link's full address."""
    token = sign_token(TokenPurpose.AGENCY, link.id, settings.keys_of(Purpose.LINKS))
    return f"{settings.public_base_url}/agency/{token}"


def open_link(session: Session, token: str, *, secret_key: str, now: datetime) -> AgencyLink | None:
    """Return the link behind a token.

    Returns None if it has ended or expired, or if the token is not valid.
    """
    link = find_by_token(session, AgencyLink, TokenPurpose.AGENCY, token, keys=secret_key)
    return link if link and link.ended_at is None and now < link.expires_at else None


def read_links(session: Session, drive: int, organisation_id: int, *, now: datetime) -> list[AgencyLink]:
    """Return an agency's open links for a drive, latest first."""
    return list(
        session.scalars(
            select(AgencyLink)
            .where(
                AgencyLink.drive_id == drive,
                AgencyLink.organisation_id == organisation_id,
                AgencyLink.ended_at.is_(None),
                AgencyLink.expires_at > now,
            )
            .order_by(AgencyLink.id.desc())
        )
    )
