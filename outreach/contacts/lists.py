"""Contact lists of organisations, with their uploads, imports and legal basis.

The legal basis is why the contacts of a list may be messaged, and since when. Who recorded it is in the audit
log.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.contacts.directory import require_all_people
from outreach.core.db import columns_of
from outreach.models.accounts import Area, Organisation, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    LegalBasis,
    ListImport,
    Membership,
    Upload,
    UploadState,
)
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.gateway import VIETNAM
from outreach.rules.identity import vietnamese_order
from outreach.use_cases import use_case

LONGEST_NAME = 120
_OPEN_STATES = (UploadState.CHECKING, UploadState.READY, UploadState.STORING)


def read_lists(session: Session, user: User, *, list_id: int | None = None) -> list[Any]:
    """Return the lists that a user may see with their counts, by organisation and name; or the one with `list_id`."""
    of_list = ListImport.list_id == ContactList.id
    people = select(func.count()).select_from(Membership).where(Membership.list_id == ContactList.id)
    query = (
        select(
            *columns_of(
                ContactList, "id name organisation_id basis basis_since basis_note archived_at fields"
            ),
            Organisation.name.label("organisation"),
            people.scalar_subquery().label("people"),
            select(func.count()).select_from(ListImport).where(of_list).scalar_subquery().label("imports"),
            select(func.max(ListImport.imported_at)).where(of_list).scalar_subquery().label("last_import"),
        )
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(visible_to(session, user, ContactList.organisation_id), ~ContactList.hidden)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    rows = session.execute(query).all()
    return sorted(rows, key=lambda row: (vietnamese_order(row.organisation), vietnamese_order(row.name)))


def read_names(session: Session, user: User) -> list[tuple[int, str, str]]:
    """Return (id, name, organisation) of every list in use that a user may see, for a select field."""
    names = [
        (list_id, name, organisation)
        for list_id, name, organisation in session.execute(
            select(ContactList.id, ContactList.name, Organisation.name)
            .join(Organisation, Organisation.id == ContactList.organisation_id)
            .where(
                visible_to(session, user, ContactList.organisation_id),
                ~ContactList.hidden,
                ContactList.archived_at.is_(None),
            )
        )
    ]
    return sorted(names, key=lambda row: (vietnamese_order(row[2]), vietnamese_order(row[1])))


def read_communes_of_list(session: Session, list_id: int) -> list[tuple[str, str]]:
    """Return (code, "kind name: people") of the communes of a list's people, most people first.

    Without a scope check: the caller must have found the list for the user.
    """
    people = func.count()
    rows = session.execute(
        select(Area.code, Area.kind, Area.name, people)
        .join(Contact, Contact.area_code == Area.code)
        .join(Membership, Membership.contact_id == Contact.id)
        .where(Membership.list_id == list_id)
        .group_by(Area.code, Area.kind, Area.name)
        .order_by(people.desc(), Area.name)
    )
    return [(code, f"{kind} {name}: {count}") for code, kind, name, count in rows]


def read_organisations(session: Session, user: User) -> list[tuple[int, str]]:
    """Return (id, name) of the organisations that a user may see."""
    found = [
        (organisation_id, name)
        for organisation_id, name in session.execute(
            select(Organisation.id, Organisation.name).where(visible_to(session, user, Organisation.id))
        )
    ]
    return sorted(found, key=lambda row: vietnamese_order(row[1]))


def usual_organisation(session: Session, user: User) -> int | None:
    """Return whose list a new one of a user is: of the own organisation, else of that which they last brought a file for."""
    last = select(ContactList.organisation_id).join(Upload, Upload.list_id == ContactList.id)
    last = last.where(Upload.uploaded_by == user.id, visible_to(session, user, ContactList.organisation_id))
    return user.organisation_id or session.scalar(last.order_by(Upload.id.desc()).limit(1))


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
    """Return a list's imports, latest first. The caller must have found the list for the user."""
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
    hidden: bool = False,
) -> ContactList:
    """Create a list. A legal basis counts from today. `hidden`: until its first file is stored.

    Raises BadInput for an empty or taken name or an invalid basis, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    owner = find_visible(session, Organisation, organisation_id, user, NotFound("organisation_not_found")).id
    name = free_name(session, name, organisation_id=owner)
    contact_list = ContactList(organisation_id=owner, name=name, created_at=now, hidden=hidden)
    if basis:
        set_basis(contact_list, basis=basis, since=None, note=basis_note, now=now)
    session.add(contact_list)
    audit.record(session, "list.create", contact_list, user, now)
    return contact_list


def free_name(session: Session, name: str, *, organisation_id: int) -> str:
    """Return a name, if free, with single spaces; a hidden list that has it gets another. Raises BadInput."""
    name, holder = find_holder(session, name, organisation_id=organisation_id)
    if holder is not None:
        raise BadInput("list_name_taken", name=name)
    return name


def find_holder(session: Session, name: str, *, organisation_id: int) -> tuple[str, ContactList | None]:
    """Return a name with single spaces and the visible list that has it; a hidden one gets another. Raises BadInput."""
    name = " ".join(name.split())
    if not name:
        raise BadInput("list_name_missing")
    if len(name) > LONGEST_NAME:
        raise BadInput("list_name_long", most=LONGEST_NAME)
    holder = session.scalar(
        select(ContactList)
        .where(ContactList.organisation_id == organisation_id, ContactList.name == name)
        .with_for_update()
    )
    if holder is None or not holder.hidden:
        return name, holder
    holder.name = f"{name[: LONGEST_NAME - 20]} ({holder.id})"
    session.flush()
    return name, None


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
    contact_list = find_visible(session, ContactList, list_id, user, NotFound("list_not_found"), lock=True)
    require_all_people(session, user, Membership.list_id == list_id)
    set_basis(contact_list, basis=basis, since=since, note=note, now=now)
    audit.record(session, "list.basis", f"contact_lists:{list_id}", user, now, basis=basis)
    return contact_list


def set_basis(contact_list: ContactList, *, basis: str, since: str | None, note: str, now: datetime) -> None:
    """Set a list's legal basis, from today without `since`. Raises BadInput as `record_basis` does."""
    note, today = " ".join(note.split()), now.astimezone(VIETNAM).date()
    if basis not in list(LegalBasis):
        raise BadInput("basis_missing")
    if len(note) > LONGEST_NOTE:
        raise BadInput("basis_note_long", most=LONGEST_NOTE)
    if basis == LegalBasis.DUTY and not note:
        raise BadInput("basis_document_missing")
    try:
        day = today if since is None else date.fromisoformat(since) if since else None
    except ValueError:
        raise BadInput("basis_day_wrong") from None
    if day and day > today:
        raise BadInput("basis_day_future")
    contact_list.basis, contact_list.basis_since, contact_list.basis_note = (
        LegalBasis(basis),
        day.isoformat() if day else None,
        note,
    )
