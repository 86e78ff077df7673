"""Contact lists of organisations, with their uploads, imports and legal basis.

The legal basis is why the contacts of a list may be messaged, and since when. Who recorded it is in the audit
log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import (
    ContactList,
    ImportIssue,
    LegalBasis,
    ListImport,
    Membership,
    Upload,
    UploadState,
)
from outreach.rules.errors import BadInput, NotFound
from outreach.use_cases import use_case

LONGEST_NAME = 120
_OPEN_STATES = (UploadState.CHECKING, UploadState.READY, UploadState.STORING)


@dataclass(frozen=True, slots=True)
class ListRow:
    """List with its counts. review: open issues of its imports, questions included."""

    id: int
    name: str
    organisation_id: int
    organisation: str
    people: int
    imports: int
    review: int
    last_import: datetime | None
    basis: LegalBasis | None
    basis_since: str | None
    basis_note: str


def read_lists(session: Session, user: User, *, list_id: int | None = None) -> list[ListRow]:
    """Return the lists that a user may see, by organisation and name; or only the one with `list_id`."""
    query = (
        select(ContactList, Organisation.name)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(visible_to(session, user, ContactList.organisation_id))
        .order_by(Organisation.name, ContactList.name)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    rows = session.execute(query).all()
    ids = [contact_list.id for contact_list, _ in rows]
    people = _counts(session, Membership.list_id, ids)
    review = _counts(
        session,
        ListImport.list_id,
        ids,
        ImportIssue,
        ImportIssue.status != "reject",
        ImportIssue.decision.is_(None),
    )
    imports = {
        list_id: (count, last)
        for list_id, count, last in session.execute(
            select(ListImport.list_id, func.count(), func.max(ListImport.imported_at))
            .where(ListImport.list_id.in_(ids))
            .group_by(ListImport.list_id)
        )
    }
    return [
        ListRow(
            id=contact_list.id,
            name=contact_list.name,
            organisation_id=contact_list.organisation_id,
            organisation=organisation,
            people=people.get(contact_list.id, 0),
            imports=imports.get(contact_list.id, (0, None))[0],
            review=review.get(contact_list.id, 0),
            last_import=imports.get(contact_list.id, (0, None))[1],
            basis=contact_list.basis,
            basis_since=contact_list.basis_since,
            basis_note=contact_list.basis_note,
        )
        for contact_list, organisation in rows
    ]


def _counts(session: Session, column: Any, ids: list[int], table: Any = None, *where: Any) -> dict[int, int]:
    query = select(column, func.count()).where(column.in_(ids), *where).group_by(column)
    if table is not None:
        query = query.join(table, table.import_id == ListImport.id)
    return dict(session.execute(query).all())


def read_names(session: Session, user: User) -> list[tuple[int, str, str]]:
    """Return (id, name, organisation) of every list that a user may see, for a select field."""
    return [
        (list_id, name, organisation)
        for list_id, name, organisation in session.execute(
            select(ContactList.id, ContactList.name, Organisation.name)
            .join(Organisation, Organisation.id == ContactList.organisation_id)
            .where(visible_to(session, user, ContactList.organisation_id))
            .order_by(Organisation.name, ContactList.name)
        )
    ]


def read_organisations(session: Session, user: User) -> list[tuple[int, str]]:
    """Return (id, name) of the organisations that a user may see."""
    return [
        (organisation_id, name)
        for organisation_id, name in session.execute(
            select(Organisation.id, Organisation.name)
            .where(visible_to(session, user, Organisation.id))
            .order_by(Organisation.name)
        )
    ]


def read_uploads(
    session: Session, user: User, *, list_id: int | None = None, only_open: bool = False, limit: int = 50
) -> list[tuple[Upload, str, str]]:
    """Return the latest uploads into lists that a user may see: (upload, list, uploader, "" for a command)."""
    query = (
        select(
            Upload,
            ContactList.name,
            case((User.id.is_(None), ""), (User.name != "", User.name), else_=User.email),
        )
        .join(ContactList, ContactList.id == Upload.list_id)
        .outerjoin(User, User.id == Upload.uploaded_by)
        .where(visible_to(session, user, ContactList.organisation_id))
        .order_by(Upload.id.desc())
        .limit(limit)
    )
    if list_id is not None:
        query = query.where(Upload.list_id == list_id)
    if only_open:
        query = query.where(Upload.state.in_(_OPEN_STATES))
    return [(upload, name, by) for upload, name, by in session.execute(query)]


def read_imports(session: Session, list_id: int, *, limit: int = 100) -> list[ListImport]:
    """Return a list's imports, latest first.

    Without a scope check: the caller must have found the list for the user.
    """
    query = (
        select(ListImport).where(ListImport.list_id == list_id).order_by(ListImport.id.desc()).limit(limit)
    )
    return list(session.scalars(query))


@use_case
def create_list(
    session: Session,
    *,
    name: str,
    organisation_id: int,
    user: User,
    now: datetime,
    basis: str = "",
    basis_note: str = "",
) -> ContactList:
    """Create a list. A legal basis counts from today.

    Raises BadInput for an empty or taken name or an invalid basis, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    name = " ".join(name.split())
    if not name:
        raise BadInput("list_name_missing")
    if len(name) > LONGEST_NAME:
        raise BadInput("list_name_long", most=LONGEST_NAME)
    owner = session.scalar(
        select(Organisation.id).where(
            Organisation.id == organisation_id, visible_to(session, user, Organisation.id)
        )
    )
    if owner is None:
        raise NotFound("organisation_not_found")
    taken = select(ContactList.id).where(ContactList.organisation_id == owner, ContactList.name == name)
    if session.scalar(taken):
        raise BadInput("list_name_taken", name=name)
    contact_list = ContactList(organisation_id=owner, name=name, created_at=now)
    if basis:
        set_basis(contact_list, basis=basis, since=now.date().isoformat(), note=basis_note, today=now.date())
    session.add(contact_list)
    session.flush()
    audit.record(session, "list.create", contact_list, user, now)
    return contact_list


LONGEST_NOTE = 200


@use_case
def record_basis(
    session: Session, list_id: int, *, basis: str, since: str, note: str, user: User, now: datetime
) -> ContactList:
    """Record a list's legal basis. It applies to every audience from now on.

    `since`: YYYY-MM-DD, "" if not known. Raises NotFound, NotAllowed, BadInput for an unknown basis, an
    invalid or future date, or a duty without the document that assigns it.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    contact_list = session.scalar(
        select(ContactList)
        .where(ContactList.id == list_id, visible_to(session, user, ContactList.organisation_id))
        .with_for_update()
    )
    if contact_list is None:
        raise NotFound("list_not_found")
    set_basis(contact_list, basis=basis, since=since, note=note, today=now.date())
    audit.record(session, "list.basis", f"contact_lists:{list_id}", user, now, basis=basis)
    return contact_list


def set_basis(contact_list: ContactList, *, basis: str, since: str, note: str, today: date) -> None:
    """Set a list's legal basis. Raises BadInput as `record_basis` does."""
    note = " ".join(note.split())
    if basis not in list(LegalBasis):
        raise BadInput("basis_missing")
    if len(note) > LONGEST_NOTE:
        raise BadInput("basis_note_long", most=LONGEST_NOTE)
    if basis == LegalBasis.DUTY and not note:
        raise BadInput("basis_document_missing")
    try:
        day = date.fromisoformat(since) if since else None
    except ValueError:
        raise BadInput("basis_day_wrong") from None
    if day and day > today:
        raise BadInput("basis_day_future")
    contact_list.basis, contact_list.basis_since, contact_list.basis_note = (
        LegalBasis(basis),
        day.isoformat() if day else None,
        note,
    )
