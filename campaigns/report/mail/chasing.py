"""Writing to those who have not handed in, and to the officers who look after the report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.agencies.models import AgencyLink
from campaigns.report.day import Deed
from campaigns.report.forms import current_form, may_issue
from campaigns.report.issues.issuing import hold
from campaigns.report.mail.mailing import end_of, write_to
from campaigns.report.models import Purpose
from campaigns.report.snapshot.sources import read_agencies
from outreach.access.models import Role, User
from outreach.runtime import Runtime

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class Addressee:
    """One address at an agency; by a link where they have no account."""

    organisation_id: int
    address: str
    link_id: int | None = None


def chase(runtime: Runtime, day: date, *, now: datetime) -> None:
    """Write to everybody at the agencies that have not handed in, once a day. Who has no address stands on the page."""
    with runtime.db.write() as session:
        held = hold(session, day.isoformat())
        if held.chased_at is not None:
            return
        held.chased_at = now
        until = end_of(held.day, current_form(session).hours.freeze)
        missing = [each.id for each in read_agencies(session, day=day, known_until=None) if each.is_missing]
        for each in find_addressees(session, missing, now=now):
            write_to(
                session,
                [each.address],
                Purpose.CHASE,
                day=held.day,
                organisation_id=each.organisation_id,
                link_id=each.link_id,
                until=until,
                now=now,
            )


def alarm(runtime: Runtime, day: date, deed: Deed, *, now: datetime) -> None:
    """Note an alarm, which the office's pages show from then on, and write to the officers of the province, once."""
    with runtime.db.write() as session:
        held = hold(session, day.isoformat())
        hours = current_form(session).hours
        if deed is Deed.ALARM_MISSING:
            if held.alarmed_at is not None:
                return
            held.alarmed_at, purpose, until = now, Purpose.ALARM_MISSING, end_of(held.day, hours.freeze)
        else:
            if held.undelivered_at is not None:
                return
            held.undelivered_at, purpose, until = now, Purpose.ALARM_UNDELIVERED, None
        write_to(session, officers(session), purpose, day=held.day, until=until, now=now)


def find_addressees(session: Session, agencies: Iterable[int], *, now: datetime) -> list[Addressee]:
    """Whom to write to: an agency's own users, and the holders of its links who are named with an address."""
    wanted = sorted(agencies)
    found = [
        Addressee(user.organisation_id, user.email)
        for user in session.scalars(
            select(User)
            .where(
                User.organisation_id.in_(wanted), User.is_active, User.role.in_((Role.STAFF, Role.APPROVER))
            )
            .order_by(User.id)
        )
        if user.organisation_id is not None
    ]
    for link in session.scalars(
        select(AgencyLink)
        .where(
            AgencyLink.organisation_id.in_(wanted), AgencyLink.ended_at.is_(None), AgencyLink.expires_at > now
        )
        .order_by(AgencyLink.id)
    ):
        if address := _ADDRESS.search(link.holder):
            found.append(Addressee(link.organisation_id, address[0], link.id))
    return found


def officers(session: Session) -> list[str]:
    """Who looks after the report: staff and approvers of the province, or the administrators where there are none."""
    users = [
        user
        for user in session.scalars(select(User).where(User.is_active).order_by(User.id))
        if may_issue(session, user)
    ]
    own = [user.email for user in users if user.role is not Role.ADMINISTRATOR]
    return own or [user.email for user in users]
