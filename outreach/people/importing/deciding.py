"""Rows that wait for a person: read one after the other, decided by one key, stored as the import would have done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.models import Organisation, Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import BadInput, NotFound, WrongState
from outreach.people.erased import WAS_ERASED
from outreach.people.importing.aside import Decision, IssueStatus
from outreach.people.importing.joining import Joiner
from outreach.people.importing.numbers import find_or_create_phones
from outreach.people.importing.storing import lock_imports
from outreach.people.models import Contact, ContactList, ImportIssue, ListImport
from outreach.people.names import given_key, name_key
from outreach.people.phone.cells import PhoneStatus, read_phone_cell
from outreach.people.reading.columns import Header
from outreach.people.reading.rows import CheckedRow, Sex
from outreach.places.matching import PlaceMatch

CHANGED_NAME, BIRTH_UNCLEAR = "changed_name", "birth_unclear"
_WAITING = (
    ImportIssue.key != "",  # what came in before rows could be decided on is only given back as a file
    ImportIssue.decision.is_(None),
    ImportIssue.status.in_((IssueStatus.REVIEW, IssueStatus.QUESTION)),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row with the list and file that brought it; `known_as` is the name of whom it may be, or is."""

    issue: ImportIssue
    file_name: str
    list_id: int
    list_name: str
    organisation: str
    known_as: str | None


def read_waiting(
    session: Session, user: User, *, list_id: int | None = None, limit: int = 20
) -> tuple[list[Waiting], int]:
    """The rows that wait in the lists that a user may see, the oldest first, and how many there are."""
    query = (
        select(
            ImportIssue,
            ListImport.file_name,
            ContactList.id,
            ContactList.name,
            Organisation.name,
            Contact.name,
        )
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(Contact, Contact.id == ImportIssue.contact_id)
        .where(visible_to(session, user, ContactList.organisation_id), *_WAITING)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    count = session.scalar(
        select(func.count()).select_from(query.with_only_columns(ImportIssue.id).subquery())
    )
    rows = session.execute(query.order_by(ImportIssue.id).limit(limit))
    return [Waiting(*row) for row in rows], count or 0


def decide(
    session: Session,
    issue_id: int,
    decision: Decision,
    *,
    user: User,
    secret_key: str,
    now: datetime,
    phone: str = "",
    birth_year: int | None = None,
) -> ImportIssue:
    """Carry out what a person says of a row; `phone` is the number put right, `birth_year` what a question asked for.

    Raises NotFound, NotAllowed, WrongState when it was decided already, BadInput for a number that is none.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    found = session.execute(
        select(ImportIssue.id)
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .where(ImportIssue.id == issue_id, visible_to(session, user, ContactList.organisation_id))
    ).first()
    if found is None:
        raise NotFound("Không có dòng này, hoặc nằm ngoài phạm vi của bạn.")
    lock_imports(session)
    issue = session.get_one(ImportIssue, issue_id, with_for_update=True, populate_existing=True)
    if issue.decision is not None or issue.status == IssueStatus.REJECT or not issue.key:
        raise WrongState("Dòng này đã được quyết định rồi.")
    if (
        decision in (Decision.CORRECTED, Decision.SUPERSEDED)
        or (decision is Decision.ANSWERED) is not (issue.status == IssueStatus.QUESTION)
        or (decision in (Decision.SAME, Decision.RENAMED) and issue.contact_id is None)
    ):
        raise BadInput("Không quyết định như vậy được cho dòng này. Hãy tải lại trang.")
    brought = session.get_one(ListImport, issue.import_id)
    if decision is Decision.ANSWERED:
        _answer(session, issue, birth_year, now=now)
    elif decision is Decision.DROPPED:
        _count(brought, "rejected")
        if issue.reason == WAS_ERASED:
            issue.cells = {}
    else:
        _store(session, issue, brought, decision, phone=phone, secret_key=secret_key, now=now)
    issue.decision, issue.decided_by, issue.decided_at = decision.value, user.id, now
    audit.record(
        session,
        actor_id=user.id,
        action="import.decide",
        subject=f"list_imports:{issue.import_id}",
        now=now,
        row=issue.row,
        decision=decision.value,
    )
    return issue


def birth_years(doubt: str, *, this_year: int) -> list[int]:
    """The years that two digits may mean, the likeliest first: of the last century, of this one, an age."""
    digits = int(doubt[-2:])
    years = [1900 + digits, 2000 + digits]
    if doubt.isdecimal():
        years.append(this_year - digits)
    return [year for year in dict.fromkeys(years) if year < this_year]


def _answer(session: Session, issue: ImportIssue, birth_year: int | None, *, now: datetime) -> None:
    person = session.get(Contact, issue.contact_id) if issue.contact_id else None
    if birth_year is None or person is None or person.birth_year is not None:
        return
    if birth_year not in birth_years(issue.cells["birth_doubt"], this_year=now.year):
        raise BadInput("Năm sinh không khớp với ô trong tệp. Hãy tải lại trang.")
    person.birth_year, person.updated_at = birth_year, now


def _store(
    session: Session,
    issue: ImportIssue,
    brought: ListImport,
    decision: Decision,
    *,
    phone: str,
    secret_key: str,
    now: datetime,
) -> None:
    numbers = issue.cells["numbers"]
    if phone.strip():
        read = read_phone_cell(phone)
        if read.status is not PhoneStatus.OK:
            raise BadInput(
                "Số vừa gõ không phải là một số di động đúng. Hãy kiểm tra lại, ví dụ 0905 000 123."
            )
        numbers = list(read.numbers)
    row = _row(issue, numbers)
    phones = find_or_create_phones(session, numbers, secret_key=secret_key, now=now)
    code = issue.cells["area_code"]
    joiner = Joiner(session, brought, phones=phones, known_areas={code} if code else set(), now=now)
    person = joiner.find(row)
    if decision in (Decision.SAME, Decision.RENAMED) and issue.contact_id is not None:
        person = joiner.load(issue.contact_id)
    person, outcome = joiner.join(row, person)
    joiner.write()
    if decision is Decision.RENAMED:
        held = session.get_one(Contact, person.id)
        held.name, held.updated_at = row.name[:120], now
        held.name_key, held.given_key = name_key(held.name), given_key(held.name)
    _count(brought, outcome)


def _count(brought: ListImport, outcome: str) -> None:
    counts = dict(brought.counts)
    counts["review"] -= 1
    counts[outcome] += 1
    brought.counts = counts


def _row(issue: ImportIssue, numbers: list[str]) -> CheckedRow:
    """The row as it was understood, with these numbers."""
    cells: dict[str, Any] = issue.cells
    phone = read_phone_cell("; ".join(numbers))
    return CheckedRow(
        row=issue.row,
        sheet=cells["sheet"],
        stt="",
        name=cells["name"],
        birth_year=cells["birth_year"],
        sex=Sex(cells["sex"]) if cells["sex"] else None,
        village=cells["village"],
        commune=cells["commune"],
        district="",
        place=PlaceMatch(cells["area_code"]),
        unit=cells["unit"],
        note="",
        language="",
        has_smartphone=cells["has_smartphone"],
        phone_text=cells["phone"],
        phone=phone,
        line=cells["line"],
        birth_doubt="",
        corrects="",
        header=Header((), 0),
        cells=[],
    )
