"""Submit and read agencies' figures.

Handing in an agency's figures of a day, by whichever channel. In the caller's transaction.

What the agencies have handed in: who has not today, what stands for each, and what it adds up to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.models.figures import AgencyLink, AgencyReport, ReportChannel
from campaigns.rules.agencies import (
    StaffCounts,
    StaffDoubt,
    StaffProblem,
    StaffTotal,
    add_up,
    find_doubts,
    find_problem,
)
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.contacts import ContactList, Membership
from outreach.rules.errors import BadInput, NotFound

LONGEST_NOTE = 300
_LONGEST_AGO = timedelta(days=60)
PROBLEMS = {
    StaffProblem.NO_STAFF: "Tổng số người phải là một số từ 1 trở lên; các số khác không được âm.",
    StaffProblem.TOO_MANY: "Tổng số người quá lớn cho một cơ quan. Hãy kiểm tra lại.",
    StaffProblem.MORE_SMARTPHONES_THAN_STAFF: "Số người có điện thoại thông minh không thể lớn hơn tổng số người.",
    StaffProblem.MORE_INSTALLED_THAN_SMARTPHONES: "Số người đã cài không thể lớn hơn số người có điện thoại thông minh.",
    StaffProblem.MORE_INSTALLED_THAN_STAFF: "Số người đã cài không thể lớn hơn tổng số người.",
}
DOUBTS = {
    StaffDoubt.INSTALLED_FELL: "số người đã cài giảm nhiều so với lần nộp trước",
    StaffDoubt.SMARTPHONES_FELL: "số người có điện thoại thông minh giảm nhiều so với lần nộp trước",
    StaffDoubt.STAFF_CHANGED: "tổng số người thay đổi nhiều so với lần nộp trước",
}


class NeedsExplanation(BadInput):
    """The figures may be right; whoever hands them in has to say why."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who hands in: an officer, or the holder of a link."""

    channel: ReportChannel
    user_id: int | None = None
    link_id: int | None = None


def submit_report(
    session: Session,
    organisation_id: int,
    counts: StaffCounts,
    *,
    day: date,
    note: str,
    giver: Reporter,
    now: datetime,
) -> AgencyReport:
    """Store a day's figures; what stood before stays to be read. The caller knows that the giver may.

    Raises BadInput for figures or a day that cannot be, InDoubt for a sudden change without a note.
    """
    today = now.astimezone(VIETNAM).date()
    if not today - _LONGEST_AGO <= day <= today:
        raise BadInput("Ngày của số liệu phải trong 60 ngày qua và không sau hôm nay.")
    problem = find_problem(counts)
    if problem:
        raise BadInput(PROBLEMS[problem])
    note = " ".join(note.split())[:LONGEST_NOTE]
    doubts = find_doubts(counts, _said_last(session, organisation_id, day))
    if doubts and not note:
        asked = "; ".join(DOUBTS[doubt] for doubt in doubts)
        raise NeedsExplanation(
            f"Xin kiểm tra lại: {asked}. Nếu đúng, hãy ghi lý do vào ô ghi chú rồi nộp lại."
        )
    report = AgencyReport(
        organisation_id=organisation_id,
        day=day.isoformat(),
        staff=counts.staff,
        with_smartphone=counts.with_smartphone,
        installed=counts.installed,
        note=note,
        channel=giver.channel,
        user_id=giver.user_id,
        link_id=giver.link_id,
        reported_at=now,
    )
    session.add(report)
    session.flush()
    audit.record(
        session,
        actor_id=giver.user_id,
        action="agency.report",
        subject=f"organisations:{organisation_id}",
        now=now,
        report=report.id,
        **({"link": giver.link_id} if giver.link_id else {}),
    )
    return report


def submit_by_officer(
    session: Session,
    organisation_id: int,
    counts: StaffCounts,
    *,
    day: date,
    note: str,
    user: User,
    now: datetime,
) -> AgencyReport:
    """The same by an officer. Raises NotFound and NotAllowed besides."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_agency(session, organisation_id, user=user)
    giver = Reporter(ReportChannel.FORM, user_id=user.id)
    return submit_report(session, organisation_id, counts, day=day, note=note, giver=giver, now=now)


def submit_by_link(
    session: Session, link: AgencyLink, counts: StaffCounts, *, day: date, note: str, now: datetime
) -> AgencyReport:
    """The same by whoever holds the link, which the caller has found."""
    giver = Reporter(ReportChannel.LINK, link_id=link.id)
    return submit_report(session, link.organisation_id, counts, day=day, note=note, giver=giver, now=now)


def find_agency(session: Session, organisation_id: int, *, user: User) -> Organisation:
    """An agency that the user may see. Raises NotFound."""
    found = session.scalar(
        select(Organisation).where(
            Organisation.id == organisation_id,
            Organisation.kind == OrganisationKind.AGENCY,
            visible_to(session, user, Organisation.id),
        )
    )
    if found is None:
        raise NotFound("Không có cơ quan này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def read_counts(staff: str, with_smartphone: str, installed: str) -> StaffCounts:
    """Figures as typed, with dots and spaces as Vietnamese write them; empty is unknown. Raises BadInput."""
    read = [_number(text) for text in (staff, with_smartphone, installed)]
    if read[0] is None:
        raise BadInput("Hãy ghi tổng số người của cơ quan.")
    return StaffCounts(read[0], read[1], read[2])


def counts_of(report: AgencyReport) -> StaffCounts:
    return StaffCounts(report.staff, report.with_smartphone, report.installed)


def _number(text: str) -> int | None:
    digits = text.strip().replace(".", "").replace(" ", "").replace("\u00a0", "")
    if not digits:
        return None
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise BadInput(
            f"“{text.strip()[:20]}” không phải là một số. Hãy chỉ ghi chữ số; chưa rõ thì để trống."
        )
    return int(digits)


def _said_last(session: Session, organisation_id: int, day: date) -> StaffCounts | None:
    """What stood before that day, or was said of it."""
    report = session.scalar(
        select(AgencyReport)
        .where(AgencyReport.organisation_id == organisation_id, AgencyReport.day <= day.isoformat())
        .order_by(AgencyReport.day.desc(), AgencyReport.id.desc())
        .limit(1)
    )
    return counts_of(report) if report else None


@dataclass(frozen=True, slots=True)
class AgencyStatus:
    """`counts` are those that stand, of `day`: None where nothing was handed in. `roster`: people in its own lists."""

    id: int
    name: str
    counts: StaffCounts | None
    day: str | None
    roster: int


@dataclass(frozen=True, slots=True)
class Overview:
    """As of a day; `missing` have handed in nothing for it."""

    day: date
    agencies: list[AgencyStatus]
    total: StaffTotal

    @property
    def missing(self) -> list[AgencyStatus]:
        return [agency for agency in self.agencies if agency.day != self.day.isoformat()]


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A report with who handed it in; `stands` where it is the last one of its day."""

    report: AgencyReport
    by: str
    stands: bool


def read_latest_reports(
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
    standing = read_latest_reports(session, day=day)
    rosters = _count_rosters(session, seen) if with_rosters else {}
    agencies = []
    for agency_id, name in session.execute(
        select(Organisation.id, Organisation.name).where(*seen).order_by(Organisation.name)
    ):
        report = standing.get(agency_id)
        counts = counts_of(report) if report else None
        agencies.append(
            AgencyStatus(agency_id, name, counts, report.day if report else None, rosters.get(agency_id, 0))
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


def read_history(session: Session, organisation_id: int, *, limit: int = 100) -> list[ReportEntry]:
    """All that an agency has handed in, the latest day first and of a day the last one first. The caller may see it."""
    rows = session.execute(
        select(AgencyReport, User.name, User.email, AgencyLink.holder)
        .outerjoin(User, User.id == AgencyReport.user_id)
        .outerjoin(AgencyLink, AgencyLink.id == AgencyReport.link_id)
        .where(AgencyReport.organisation_id == organisation_id)
        .order_by(AgencyReport.day.desc(), AgencyReport.id.desc())
        .limit(limit)
    )
    entries: list[ReportEntry] = []
    for report, name, email, holder in rows:
        stands = not entries or entries[-1].report.day != report.day
        entries.append(ReportEntry(report, holder or name or email or "", stands))
    return entries


def is_anything_handed_in(session: Session, user: User) -> bool:
    """Whether one of the agencies of the user's scope has ever handed in."""
    found = (
        select(AgencyReport.id)
        .join(Organisation, Organisation.id == AgencyReport.organisation_id)
        .where(visible_to(session, user, Organisation.id))
    )
    return session.execute(found.limit(1)).first() is not None
