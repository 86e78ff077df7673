"""Handing in an agency's figures of a day, by whichever road. In the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.agencies.counts import Counts, Doubt, Problem, find_doubts, find_problem
from campaigns.agencies.models import AgencyLink, AgencyReport, Road
from campaigns.windows import VIETNAM
from outreach.access import audit
from outreach.access.models import Organisation, OrganisationKind, Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import BadInput, NotFound

LONGEST_NOTE = 300
_LONGEST_AGO = timedelta(days=60)

PROBLEMS = {
    Problem.NO_STAFF: "Tổng số người phải là một số từ 1 trở lên; các số khác không được âm.",
    Problem.TOO_MANY: "Tổng số người quá lớn cho một cơ quan. Hãy kiểm tra lại.",
    Problem.MORE_SMARTPHONES_THAN_STAFF: "Số người có điện thoại thông minh không thể lớn hơn tổng số người.",
    Problem.MORE_INSTALLED_THAN_SMARTPHONES: "Số người đã cài không thể lớn hơn số người có điện thoại thông minh.",
    Problem.MORE_INSTALLED_THAN_STAFF: "Số người đã cài không thể lớn hơn tổng số người.",
}
DOUBTS = {
    Doubt.INSTALLED_FELL: "số người đã cài giảm nhiều so với lần nộp trước",
    Doubt.SMARTPHONES_FELL: "số người có điện thoại thông minh giảm nhiều so với lần nộp trước",
    Doubt.STAFF_CHANGED: "tổng số người thay đổi nhiều so với lần nộp trước",
}


class InDoubt(BadInput):
    """The figures may be right; whoever hands them in has to say why."""


@dataclass(frozen=True, slots=True)
class Giver:
    """Who hands in: an officer, or the holder of a link."""

    road: Road
    user_id: int | None = None
    link_id: int | None = None


def hand_in(
    session: Session,
    organisation_id: int,
    counts: Counts,
    *,
    day: date,
    note: str,
    giver: Giver,
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
        raise InDoubt(f"Xin kiểm tra lại: {asked}. Nếu đúng, hãy ghi lý do vào ô ghi chú rồi nộp lại.")
    report = AgencyReport(
        organisation_id=organisation_id,
        day=day.isoformat(),
        staff=counts.staff,
        with_smartphone=counts.with_smartphone,
        installed=counts.installed,
        note=note,
        road=giver.road,
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


def hand_in_by_form(
    session: Session,
    organisation_id: int,
    counts: Counts,
    *,
    day: date,
    note: str,
    user: User,
    now: datetime,
) -> AgencyReport:
    """The same by an officer. Raises NotFound and NotAllowed besides."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_agency(session, organisation_id, user=user)
    giver = Giver(Road.FORM, user_id=user.id)
    return hand_in(session, organisation_id, counts, day=day, note=note, giver=giver, now=now)


def hand_in_by_link(
    session: Session, link: AgencyLink, counts: Counts, *, day: date, note: str, now: datetime
) -> AgencyReport:
    """The same by whoever holds the link, which the caller has found."""
    giver = Giver(Road.LINK, link_id=link.id)
    return hand_in(session, link.organisation_id, counts, day=day, note=note, giver=giver, now=now)


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


def read_counts(staff: str, with_smartphone: str, installed: str) -> Counts:
    """Figures as typed, with dots and spaces as Vietnamese write them; empty is unknown. Raises BadInput."""
    read = [_number(text) for text in (staff, with_smartphone, installed)]
    if read[0] is None:
        raise BadInput("Hãy ghi tổng số người của cơ quan.")
    return Counts(read[0], read[1], read[2])


def counts_of(report: AgencyReport) -> Counts:
    return Counts(report.staff, report.with_smartphone, report.installed)


def _number(text: str) -> int | None:
    digits = text.strip().replace(".", "").replace(" ", "").replace("\u00a0", "")
    if not digits:
        return None
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise BadInput(
            f"“{text.strip()[:20]}” không phải là một số. Hãy chỉ ghi chữ số; chưa rõ thì để trống."
        )
    return int(digits)


def _said_last(session: Session, organisation_id: int, day: date) -> Counts | None:
    """What stood before that day, or was said of it."""
    report = session.scalar(
        select(AgencyReport)
        .where(AgencyReport.organisation_id == organisation_id, AgencyReport.day <= day.isoformat())
        .order_by(AgencyReport.day.desc(), AgencyReport.id.desc())
        .limit(1)
    )
    return counts_of(report) if report else None
