"""Agency reports, and the links by which a person at an agency submits them without an account. Reports are submitted in the caller's transaction by any channel, and read as of a day.

Rows are only added, so earlier figures can still be read.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models.figures import AgencyLink, AgencyReport, ReportChannel
from campaigns.planning.drives import drive_for_figures, find_drive
from campaigns.planning.kinds import words_of
from campaigns.rules.agencies import StaffCounts, StaffTotal, add_up, find_doubts, find_problem
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.core.db import newest_of_each
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenPurpose, find_by_token, signed_link
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.contacts import ContactList, Membership
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.rules.formats import read_whole
from outreach.rules.identity import vietnamese_order
from outreach.use_cases import use_case

_LONGEST_NOTE = 300
_MAX_AGE = timedelta(days=60)


class NeedsExplanation(BadInput):
    """An error for figures that may be right, but need a note with the reason."""


def submit_report(
    session: Session,
    organisation_id: int,
    counts: StaffCounts,
    *,
    drive: int,
    day: date,
    note: str,
    channel: ReportChannel,
    user_id: int | None = None,
    link_id: int | None = None,
    now: datetime,
) -> AgencyReport:
    """Store an agency's figures of a day in a drive, from an officer or the holder of a link. Earlier ones are kept.

    The caller checks that they may. Raises BadInput for figures or a day that are not possible,
    NeedsExplanation for a sudden change without a note.
    """
    today = now.astimezone(VIETNAM).date()
    if not today - _MAX_AGE <= day <= today:
        raise BadInput("figures_day_wrong")
    if problem := find_problem(counts):
        raise BadInput("figures_impossible", problem=problem)
    if not words_of(session, find_drive(session, drive).kind).owners:
        counts = replace(counts, with_smartphone=counts.staff)  # all of its staff count
    note = " ".join(note.split())[:_LONGEST_NOTE]
    doubts = find_doubts(counts, _latest_counts(session, drive, organisation_id, day))
    if doubts and not note:
        raise NeedsExplanation("figures_doubtful", questions=doubts)
    report = AgencyReport(
        drive_id=drive,
        organisation_id=organisation_id,
        day=day.isoformat(),
        **asdict(counts),
        note=note,
        channel=channel,
        user_id=user_id,
        link_id=link_id,
        reported_at=now,
    )
    session.add(report)
    session.flush()
    subject, by = f"organisations:{organisation_id}", {"link": link_id} if link_id else {}
    audit.record(session, "agency.report", subject, user_id, now, report=report.id, **by)
    return report


@use_case
def submit_by_officer(
    session: Session,
    organisation_id: int,
    counts: StaffCounts,
    *,
    day: date,
    note: str,
    drive_id: int | None = None,
    user: User,
    now: datetime,
) -> AgencyReport:
    """Store a report by an officer, of the drive that their page named. Raises as `submit_report`, and NotFound and NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_agency(session, organisation_id, user=user)
    drive, form = drive_for_figures(session, drive_id, now=now).id, ReportChannel.FORM
    return submit_report(
        session,
        organisation_id,
        counts,
        drive=drive,
        day=day,
        note=note,
        channel=form,
        user_id=user.id,
        now=now,
    )


def find_agency(session: Session, organisation_id: int, *, user: User) -> Organisation:
    """Return an agency that the user may see. Raises NotFound."""
    is_agency = Organisation.kind == OrganisationKind.AGENCY
    return find_visible(session, Organisation, organisation_id, user, NotFound("agency_not_found"), is_agency)


def read_counts(staff: str, with_smartphone: str, installed: str) -> StaffCounts:
    """Read figures from a form, dots and spaces accepted, empty for unknown. Raises BadInput."""
    numbers = [_number(text) for text in (staff, with_smartphone, installed)]
    if numbers[0] is None:
        raise BadInput("staff_total_missing")
    return StaffCounts(numbers[0], numbers[1], numbers[2])


def counts_of(report: AgencyReport) -> StaffCounts:
    """Return the counts of a report."""
    return StaffCounts(report.staff, report.with_smartphone, report.installed)


def _number(text: str) -> int | None:
    try:
        return read_whole(text, most=999_999_999)
    except ValueError:
        raise BadInput("figure_not_number", text=text.strip()[:20]) from None


def _latest_counts(session: Session, drive: int, organisation_id: int, day: date) -> StaffCounts | None:
    """Return the latest counts for that day or an earlier one. Returns None if there are none."""
    report = session.scalar(
        select(AgencyReport)
        .where(
            AgencyReport.drive_id == drive,
            AgencyReport.organisation_id == organisation_id,
            AgencyReport.day <= day.isoformat(),
        )
        .order_by(AgencyReport.day.desc(), AgencyReport.id.desc())
        .limit(1)
    )
    return counts_of(report) if report else None


@dataclass(frozen=True, slots=True)
class AgencyStatus:
    """An agency, its figures in force, None with their day without any, and its number of people in lists."""

    id: int
    name: str
    counts: StaffCounts | None
    day: str | None
    roster: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All agencies in scope as of a day, and their total."""

    day: date
    agencies: list[AgencyStatus]
    total: StaffTotal

    @property
    def missing(self) -> list[AgencyStatus]:
        """Return the agencies without a report for the day."""
        return [agency for agency in self.agencies if agency.day != self.day.isoformat()]


def read_latest_reports(
    session: Session, drive: int, *, day: date, known_until: datetime | None = None
) -> dict[int, AgencyReport]:
    """Return by agency the report of a drive in force as of a day, submitted until `known_until`."""
    conditions = [AgencyReport.drive_id == drive, AgencyReport.day <= day.isoformat()]
    if known_until:
        conditions.append(AgencyReport.reported_at <= known_until)
    by = (AgencyReport.day, AgencyReport.id)
    latest = newest_of_each(AgencyReport.organisation_id, AgencyReport.id, by=by, where=conditions)
    reports = session.scalars(select(AgencyReport).where(AgencyReport.id.in_(latest)))
    return {report.organisation_id: report for report in reports}


def read_overview(
    session: Session, user: User, drive: int, *, day: date, with_rosters: bool = True
) -> Overview:
    """Return the agencies of the user's scope with their figures as of a day; rosters are read if wanted."""
    conditions = (Organisation.kind == OrganisationKind.AGENCY, visible_to(session, user, Organisation.id))
    reports = read_latest_reports(session, drive, day=day)
    members = (
        select(ContactList.organisation_id, func.count(Membership.contact_id.distinct()))
        .join(Membership, Membership.list_id == ContactList.id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(*conditions)
        .group_by(ContactList.organisation_id)
    )
    rosters: dict[int, int] = dict(session.execute(members).all()) if with_rosters else {}
    agencies = []
    named = session.execute(select(Organisation.id, Organisation.name).where(*conditions)).all()
    for agency_id, name in sorted(named, key=lambda row: (vietnamese_order(row[1]), row[0])):
        report = reports.get(agency_id)
        counts = counts_of(report) if report else None
        agencies.append(
            AgencyStatus(agency_id, name, counts, report.day if report else None, rosters.get(agency_id, 0))
        )
    return Overview(day, agencies, add_up(agency.counts for agency in agencies))


def read_history(session: Session, drive: int, organisation_id: int, *, limit: int = 100) -> Sequence[Any]:
    """Return a visible agency's reports of a drive and who submitted each, latest day first, of one day the last one first.

    One that `stands` is the last of its day.
    """
    of_day = func.row_number().over(partition_by=AgencyReport.day, order_by=AgencyReport.id.desc())
    by = func.coalesce(AgencyLink.holder, User.shown_name)
    return session.execute(
        select(AgencyReport, by.label("by"), (of_day == 1).label("stands"))
        .outerjoin(User, User.id == AgencyReport.user_id)
        .outerjoin(AgencyLink, AgencyLink.id == AgencyReport.link_id)
        .where(AgencyReport.drive_id == drive, AgencyReport.organisation_id == organisation_id)
        .order_by(AgencyReport.day.desc(), AgencyReport.id.desc())
        .limit(limit)
    ).all()


def has_any_report(session: Session, user: User, drive: int) -> bool:
    """Return whether an agency of the user's scope has reported for a drive."""
    reports = (
        select(AgencyReport.id)
        .join(Organisation, Organisation.id == AgencyReport.organisation_id)
        .where(AgencyReport.drive_id == drive, visible_to(session, user, Organisation.id))
    )
    return session.execute(reports.limit(1)).first() is not None


LONGEST_DAYS = 60


@use_case
def make_link(
    session: Session, organisation_id: int, *, holder: str, days: int, user: User, now: datetime
) -> AgencyLink:
    """Make a link for one person at an agency, valid for some days. Raises BadInput, NotFound, NotAllowed."""
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
    return signed_link(settings, "/agency/", TokenPurpose.AGENCY, link.id)


def open_link(session: Session, token: str, *, secret_key: str, now: datetime) -> AgencyLink | None:
    """Return the link behind a token; None if it has ended or expired, or the token is not valid."""
    link = find_by_token(session, AgencyLink, TokenPurpose.AGENCY, token, keys=secret_key)
    return link if link and link.ended_at is None and now < link.expires_at else None


def read_links(session: Session, drive: int, *agencies: int, now: datetime) -> Sequence[AgencyLink]:
    """Return the open links of agencies for a drive, latest first."""
    is_open = (AgencyLink.ended_at.is_(None), AgencyLink.expires_at > now)
    of_drive = select(AgencyLink).where(AgencyLink.drive_id == drive, *is_open)
    query = of_drive.where(AgencyLink.organisation_id.in_(agencies))
    return session.scalars(query.order_by(AgencyLink.id.desc())).all()
