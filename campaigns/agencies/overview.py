"""What the agencies have handed in: who has not today, what stands for each, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.agencies.counts import Counts, Total, add_up
from campaigns.agencies.models import AgencyLink, AgencyReport
from campaigns.agencies.reports import counts_of
from outreach.access.models import Organisation, OrganisationKind, User
from outreach.access.users import visible_to
from outreach.people.models import ContactList, Membership


@dataclass(frozen=True, slots=True)
class Agency:
    """`counts` are those that stand, of `day`: None where nothing was handed in. `roster`: people in its own lists."""

    id: int
    name: str
    counts: Counts | None
    day: str | None
    roster: int


@dataclass(frozen=True, slots=True)
class Overview:
    """As of a day; `missing` have handed in nothing for it."""

    day: date
    agencies: list[Agency]
    total: Total

    @property
    def missing(self) -> list[Agency]:
        return [agency for agency in self.agencies if agency.day != self.day.isoformat()]


@dataclass(frozen=True, slots=True)
class Entry:
    """A report with who handed it in; `stands` where it is the last one of its day."""

    report: AgencyReport
    by: str
    stands: bool


def read_standing(
    session: Session, *, day: date, known_until: datetime | None = None
) -> dict[int, AgencyReport]:
    """By agency: the report that stands as of a day. `known_until` leaves out what was handed in later."""
    latest = (
        select(
            AgencyReport.id,
            func.row_number()
            .over(
                partition_by=AgencyReport.organisation_id,
                order_by=(AgencyReport.day.desc(), AgencyReport.id.desc()),
            )
            .label("turn"),
        )
        .where(
            AgencyReport.day <= day.isoformat(),
            *([AgencyReport.reported_at <= known_until] if known_until else []),
        )
        .subquery()
    )
    return {
        report.organisation_id: report
        for report in session.scalars(
            select(AgencyReport).join(latest, latest.c.id == AgencyReport.id).where(latest.c.turn == 1)
        )
    }


def read_overview(session: Session, user: User, *, day: date, with_rosters: bool = True) -> Overview:
    """The agencies of the user's scope as of a day, by name; without their rosters it reads no lists."""
    seen = (Organisation.kind == OrganisationKind.AGENCY, visible_to(session, user, Organisation.id))
    standing = read_standing(session, day=day)
    rosters = _count_rosters(session, seen) if with_rosters else {}
    agencies = []
    for agency_id, name in session.execute(
        select(Organisation.id, Organisation.name).where(*seen).order_by(Organisation.name)
    ):
        report = standing.get(agency_id)
        counts = counts_of(report) if report else None
        agencies.append(
            Agency(agency_id, name, counts, report.day if report else None, rosters.get(agency_id, 0))
        )
    return Overview(day, agencies, add_up(agency.counts for agency in agencies))


def _count_rosters(session: Session, seen: tuple[ColumnElement[bool], ...]) -> dict[int, int]:
    return dict(
        session.execute(
            select(ContactList.organisation_id, func.count(Membership.contact_id.distinct()))
            .join(Membership, Membership.list_id == ContactList.id)
            .join(Organisation, Organisation.id == ContactList.organisation_id)
            .where(*seen)
            .group_by(ContactList.organisation_id)
        ).all()
    )


def read_history(session: Session, organisation_id: int, *, limit: int = 100) -> list[Entry]:
    """All that an agency has handed in, the latest day first and of a day the last one first. The caller may see it."""
    rows = session.execute(
        select(AgencyReport, User.name, User.email, AgencyLink.holder)
        .outerjoin(User, User.id == AgencyReport.user_id)
        .outerjoin(AgencyLink, AgencyLink.id == AgencyReport.link_id)
        .where(AgencyReport.organisation_id == organisation_id)
        .order_by(AgencyReport.day.desc(), AgencyReport.id.desc())
        .limit(limit)
    )
    entries: list[Entry] = []
    for report, name, email, holder in rows:
        stands = not entries or entries[-1].report.day != report.day
        entries.append(Entry(report, holder or name or email or "", stands))
    return entries


def is_anything_handed_in(session: Session, user: User) -> bool:
    """Whether one of the agencies of the user's scope has ever handed in."""
    found = (
        select(AgencyReport.id)
        .join(Organisation, Organisation.id == AgencyReport.organisation_id)
        .where(visible_to(session, user, Organisation.id))
    )
    return session.execute(found.limit(1)).first() is not None
