"""Import of agency reports from a file of many agencies, or from a roster of one agency's staff.

A file has a row for each agency, by code or name, and is stored whole or not at all. A roster lists staff by
name: it is counted as the agency's figures of the day, and each mark is that person's install report.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import String, select
from sqlalchemy.orm import Session

from campaigns.agencies.reports import find_agency, read_counts, submit_report
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import Recipient
from campaigns.models.figures import AgencyReport, ReportChannel
from campaigns.models.replies import AnswerPlace, AnswerSource, OfficerEntry
from campaigns.planning.drives import drive_for_figures
from campaigns.replies.record_answer import latest_answer, record_officer_answer, undo_answer_by_id
from campaigns.rules.agencies import RosterPerson, StaffCounts, by_number, count, find_heading, read_mark
from campaigns.rules.replies.labels import USES, Label
from outreach.accounts.permissions import require_role, visible_to, within_area
from outreach.contacts.suppressions import lock_phone
from outreach.core.db import values_subquery
from outreach.imports.list_reader import check_list
from outreach.imports.sheet_process import read_sheets
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.contacts import ContactList, Phone
from outreach.rules.cells import cell_at, cell_text
from outreach.rules.declared_tables import TableRow, find_table, first_lines
from outreach.rules.errors import BadInput, BadList, LoaError, WrongState, or_raise
from outreach.rules.gazetteer import Gazetteer
from outreach.rules.identity import name_key
from outreach.rules.list_columns import Column
from outreach.rules.phone_numbers import PhoneStatus
from outreach.use_cases import use_case

_MAX_ROWS = 2000


def _heading(words: str) -> re.Pattern[str]:
    """Return the pattern of a heading with one of these words, which is no share."""
    return re.compile(rf"(?!ty ?le|phan ?tram)(?:{words.replace(' ', ' ?')})")


_COLUMNS = {
    "installed": _heading(r"da\b|.*(?:cai dat|so cai|da cai)"),  # also "Đã tiêm", "Đã nhận giấy"
    "with_smartphone": _heading(r".*(?:thong minh|smart phone|dttm)"),
    "note": _heading(r".*ghi chu"),
    "code": _heading(r".*ma (?:co quan|don vi|so)|ma$"),
    "name": _heading(r".*(?:co quan|don vi)"),
    "staff": _heading(r".*(?:tong so|bien che|so nguoi|can bo|nhan vien)"),
}
_NEEDED = (("staff",), ("installed",), ("code", "name"))
_TOTAL_ROWS = ("tongcong", "cong", "tong")


@use_case
def submit_file(
    session: Session, path: Path, *, day: date, drive_id: int | None = None, user: User, now: datetime
) -> int:
    """Store a file's figures for a drive, all or none; returns how many agencies. Raises BadInput by row."""
    require_role(user, Role.STAFF, Role.APPROVER)
    agencies = list(
        session.execute(
            select(Organisation.id, Organisation.code, Organisation.name).where(
                Organisation.kind == OrganisationKind.AGENCY, visible_to(session, user, Organisation.id)
            )
        )
    )
    by_code: dict[str, dict[str, int]] = {}
    by_name: dict[str, list[int]] = {}
    for agency_id, code, name in agencies:
        by_code.setdefault(name_key(code), {})[code] = agency_id
        by_name.setdefault(name_key(name), []).append(agency_id)
    wrong: list[tuple[int, LoaError]] = []
    line_of_agency: dict[int, int] = {}
    drive = drive_for_figures(session, drive_id, now=now)
    for line in read_lines(path):
        try:
            agency_id = _find(line, by_code, by_name)
            if agency_id in line_of_agency:
                raise BadInput("agency_repeated", line=line_of_agency[agency_id])
            line_of_agency[agency_id] = line.line
            counts: StaffCounts = read_counts(
                *(line.text(name) for name in ("staff", "with_smartphone", "installed"))
            )
            submit_report(
                session,
                agency_id,
                counts,
                drive=drive.id,
                day=day,
                note=line.text("note"),
                channel=ReportChannel.FILE,
                user_id=user.id,
                now=now,
            )
        except BadInput as error:
            wrong.append((line.line, error))
    if wrong:
        raise BadInput("lines_wrong", lines=first_lines(wrong))
    if not line_of_agency:
        raise BadList("agency_rows_missing")
    return len(line_of_agency)


def read_lines(path: Path) -> Iterator[TableRow]:
    """Yield the rows of a file of many agencies that are about one of them. Raises BadList."""
    tables = (find_table(sheet.rows, _COLUMNS, needed=_NEEDED) for sheet in read_sheets(path))
    table = next((each for each in tables if each is not None), None)
    if table is None:
        raise BadList("agency_header_missing")
    for row in table:
        if row.line > _MAX_ROWS:
            raise BadList("agency_file_long", most=_MAX_ROWS)
        if row.text("code") or name_key(row.text("name")) not in ("", *_TOTAL_ROWS):
            yield row


def _find(line: TableRow, by_code: dict[str, dict[str, int]], by_name: dict[str, list[int]]) -> int:
    """Return a row's agency by its code, whose signs do not matter where one agency has it, else by its name."""
    code, name = line.text("code"), line.text("name")
    matches = by_name.get(name_key(name), [])
    if code:
        alike = by_code.get(name_key(code), {})
        only = next(iter(alike.values())) if len(alike) == 1 else None
        agency_id = or_raise(alike.get(code, only), BadInput("agency_code_unknown", code=code[:40]))
        if matches and agency_id not in matches:
            raise BadInput("agency_code_other_name", code=code[:40], name=name[:60])
        return agency_id
    if len(matches) != 1:
        if matches:
            raise BadInput("agency_name_ambiguous", name=name[:60])
        raise BadInput("agency_name_unknown", name=name[:60])
    return matches[0]


MOST_PEOPLE = 5_000
# A person's own answer has priority over their agency's mark.
_OWN_ANSWERS = {label for label, use in USES.items() if use.undoes_install} | {Label.OPT_OUT}


@dataclass(frozen=True, slots=True)
class RosterResult:
    """The stored report of a roster, and what its marks changed in the campaign.

    `marked` people newly count as installed; `taken_back` no longer do; `contrary` people's own answer says
    otherwise and stays in force; `strangers` are marked but not among the campaign's recipients.
    """

    report: AgencyReport
    marked: int = 0
    taken_back: int = 0
    contrary: int = 0
    strangers: int = 0


def read_roster(path: Path) -> list[RosterPerson]:
    """Read a roster file. Raises BadList if it is no list, BadInput with each mark not understood."""
    people: list[RosterPerson] = []
    wrong: list[tuple[int, LoaError]] = []
    for row in check_list(path, Gazetteer([])):
        if len(people) == MOST_PEOPLE:
            raise BadList("roster_long", most=MOST_PEOPLE)
        labels = row.header.labels
        column = find_heading(labels, [*row.header.columns.values(), *row.header.phones])
        if column is None:
            readable = [f"“{label[:60]}”" for label in labels[:30] if label]
            raise BadInput("done_column_missing", columns=readable or LoaError("no_column"))
        text = cell_text(cell_at(row.cells, column))
        has_done = read_mark(text)
        if has_done is None:
            wrong.append((row.line, LoaError("roster_mark_wrong", text=text[:30], column=labels[column])))
        people.append(
            RosterPerson(
                row.name,
                row.phone.numbers if row.phone.status is PhoneStatus.OK else (),
                bool(row.has_smartphone) if Column.SMARTPHONE in row.header.columns else None,
                bool(has_done),
            )
        )
    if wrong:
        raise BadInput("roster_marks_wrong", lines=first_lines(wrong))
    if not people:
        raise BadList("roster_empty")
    return people


@use_case
def submit_roster(
    session: Session,
    organisation_id: int,
    people: Sequence[RosterPerson],
    *,
    day: date,
    campaign_id: int | None,
    note: str,
    drive_id: int | None = None,
    user: User,
    now: datetime,
) -> RosterResult:
    """Store a roster's figures and, if a campaign is given, its marks. Repeating it changes no mark.

    A mark is withdrawn by a later roster without it, unless the person has answered since. A roster of a day
    before another's leaves the marks as they are. Raises BadInput for figures or a day that are not possible,
    NeedsExplanation for a sudden change without a note, NotFound, NotAllowed, WrongState.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    agency = find_agency(session, organisation_id, user=user)
    campaign = find_campaign(session, campaign_id, user=user) if campaign_id else None
    if campaign and campaign.launched_at is None:
        raise WrongState("campaign_without_recipients")
    drive_id = campaign.drive_id if campaign else drive_for_figures(session, drive_id, now=now).id
    is_latest = not session.execute(
        select(AgencyReport.id).where(
            AgencyReport.drive_id == drive_id,
            AgencyReport.organisation_id == organisation_id,
            AgencyReport.channel == ReportChannel.ROSTER,
            AgencyReport.day > day.isoformat(),
        )
    ).first()
    report = submit_report(
        session,
        organisation_id,
        count(people),
        drive=drive_id,
        day=day,
        note=note,
        channel=ReportChannel.ROSTER,
        user_id=user.id,
        now=now,
    )
    if campaign is None or not is_latest:
        return RosterResult(report)
    return _mark(session, report, agency, campaign.id, by_number(people), user=user, now=now)


def _mark(
    session: Session,
    report: AgencyReport,
    agency: Organisation,
    campaign_id: int,
    marks: Mapping[str, bool],
    *,
    user: User,
    now: datetime,
) -> RosterResult:
    marked = taken_back = contrary = 0
    recipients = _recipients(session, campaign_id, marks, user=user)
    for e164, recipient in recipients:
        if marks[e164] is (recipient.answer is Label.INSTALLED):
            continue  # unchanged, as is most of a list that comes every day
        if recipient.phone_id is not None:
            lock_phone(session, recipient.phone_id)  # an answer that is being recorded now comes first
        latest = latest_answer(session, recipient)
        label = latest.label if latest else None
        if not marks[e164]:
            entry = session.get(OfficerEntry, latest.id) if latest else None
            if entry and entry.agency_id == agency.id:  # who share a number may work at two
                undo_answer_by_id(session, entry.answer_id, now=now)
                taken_back += 1
        elif label in _OWN_ANSWERS:
            contrary += 1
        elif label is not Label.INSTALLED:
            answer = record_officer_answer(
                session,
                recipient,
                Label.INSTALLED,
                source=AnswerSource.ROSTER,
                place=AnswerPlace.ROSTER,
                note=agency.name,
                user=user,
                now=now,
            )
            if answer:
                session.get_one(OfficerEntry, answer.id).agency_id = agency.id
                marked += 1
    known = {e164 for e164, _recipient in recipients}
    strangers = sum(done for e164, done in marks.items() if e164 not in known)
    return RosterResult(report, marked, taken_back, contrary, strangers)


def _recipients(
    session: Session, campaign_id: int, numbers: Mapping[str, bool], *, user: User
) -> list[tuple[str, Recipient]]:
    """Return recipients with these numbers, of the lists and the area that the user may see.

    So a roster does not reveal who is in other organisations' audiences. They are in the order of their
    phones, in which phones are always locked.
    """
    rows = session.execute(
        select(Phone.e164, Recipient)
        .join(Recipient, Recipient.phone_id == Phone.id)
        .join(ContactList, ContactList.id == Recipient.list_id)
        .where(
            Phone.e164.in_(values_subquery(session, list(numbers), String)),
            Recipient.campaign_id == campaign_id,
            Recipient.exclusion.is_(None),
            visible_to(session, user, ContactList.organisation_id),
            within_area(session, user, Recipient.area_code),
        )
        .order_by(Recipient.phone_id)
    )
    return [(e164, recipient) for e164, recipient in rows]
