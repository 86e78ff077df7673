"""Lists, their imports, their legal basis.

Organisations' lists: which there are, what stands in them, and new ones.

On what basis the people of a list may be written to, since when, and by whom that was written down.
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

LONGEST_NAME = 120
_STILL_OPEN = (UploadState.CHECKING, UploadState.READY, UploadState.STORING)


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list with its figures. review: rows of its imports that wait for a decision, questions among them."""

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
    """The lists that a user may see, by organisation and name; only the one where `list_id` is given."""
    query = (
        select(ContactList, Organisation.name)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(visible_to(session, user, ContactList.organisation_id))
        .order_by(Organisation.name, ContactList.name)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    rows = session.execute(query).all()
    ids = [made.id for made, _ in rows]
    people = _counts(session, Membership.list_id, ids)
    review = _counts(
        session,
        ListImport.list_id,
        ids,
        ImportIssue,
        ImportIssue.status != "reject",
        ImportIssue.decision.is_(None),
    )
    brought = {
        list_id: (count, last)
        for list_id, count, last in session.execute(
            select(ListImport.list_id, func.count(), func.max(ListImport.imported_at))
            .where(ListImport.list_id.in_(ids))
            .group_by(ListImport.list_id)
        )
    }
    return [
        ListRow(
            id=made.id,
            name=made.name,
            organisation_id=made.organisation_id,
            organisation=organisation,
            people=people.get(made.id, 0),
            imports=brought.get(made.id, (0, None))[0],
            review=review.get(made.id, 0),
            last_import=brought.get(made.id, (0, None))[1],
            basis=made.basis,
            basis_since=made.basis_since,
            basis_note=made.basis_note,
        )
        for made, organisation in rows
    ]


def _counts(session: Session, column: Any, ids: list[int], joined: Any = None, *where: Any) -> dict[int, int]:
    query = select(column, func.count()).where(column.in_(ids), *where).group_by(column)
    if joined is not None:
        query = query.join(joined, joined.import_id == ListImport.id)
    return dict(session.execute(query).all())


def read_names(session: Session, user: User) -> list[tuple[int, str, str]]:
    """(id, name, organisation) of every list that a user may see, for a choice."""
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
    """(id, name) of the organisations that a user may see."""
    return [
        (found, name)
        for found, name in session.execute(
            select(Organisation.id, Organisation.name)
            .where(visible_to(session, user, Organisation.id))
            .order_by(Organisation.name)
        )
    ]


def read_uploads(
    session: Session, user: User, *, list_id: int | None = None, only_open: bool = False, limit: int = 50
) -> list[tuple[Upload, str, str]]:
    """The latest uploads into the lists that a user may see: (upload, list, who handed it in)."""
    query = (
        select(Upload, ContactList.name, case((User.name != "", User.name), else_=User.email))
        .join(ContactList, ContactList.id == Upload.list_id)
        .join(User, User.id == Upload.uploaded_by)
        .where(visible_to(session, user, ContactList.organisation_id))
        .order_by(Upload.id.desc())
        .limit(limit)
    )
    if list_id is not None:
        query = query.where(Upload.list_id == list_id)
    if only_open:
        query = query.where(Upload.state.in_(_STILL_OPEN))
    return [(upload, name, by) for upload, name, by in session.execute(query)]


def read_imports(session: Session, list_id: int, *, limit: int = 100) -> list[ListImport]:
    """What a list was filled from, the latest first. The caller has found the list for the user."""
    query = (
        select(ListImport).where(ListImport.list_id == list_id).order_by(ListImport.id.desc()).limit(limit)
    )
    return list(session.scalars(query))


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
    """A new list; its basis counts from today. Raises BadInput for an empty or taken name or a basis, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    name = " ".join(name.split())
    if not name:
        raise BadInput("Danh sách phải có tên, ví dụ “Hội viên phụ nữ xã Đăk Hà”.")
    if len(name) > LONGEST_NAME:
        raise BadInput(f"Tên danh sách dài quá {LONGEST_NAME} ký tự. Hãy rút gọn.")
    owner = session.scalar(
        select(Organisation.id).where(
            Organisation.id == organisation_id, visible_to(session, user, Organisation.id)
        )
    )
    if owner is None:
        raise NotFound("Không có tổ chức này, hoặc nằm ngoài phạm vi của bạn.")
    taken = select(ContactList.id).where(ContactList.organisation_id == owner, ContactList.name == name)
    if session.scalar(taken):
        raise BadInput(f"Tổ chức này đã có danh sách tên “{name}”. Hãy chọn danh sách đó hoặc đặt tên khác.")
    made = ContactList(organisation_id=owner, name=name, created_at=now)
    if basis:
        set_basis(made, basis=basis, since=now.date().isoformat(), note=basis_note, today=now.date())
    session.add(made)
    session.flush()
    audit.record(
        session,
        actor_id=user.id,
        action="list.create",
        subject=f"contact_lists:{made.id}",
        now=now,
    )
    return made


LONGEST_NOTE = 200


def record_basis(
    session: Session, list_id: int, *, basis: str, since: str, note: str, user: User, now: datetime
) -> ContactList:
    """Write down a list's basis; it counts for every audience from then on. `since`: YYYY-MM-DD, "" is not known.

    Raises NotFound, NotAllowed, BadInput for a basis that is none, a date that is none or lies ahead, a duty without
    the paper that gives it.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    found = session.scalar(
        select(ContactList)
        .where(ContactList.id == list_id, visible_to(session, user, ContactList.organisation_id))
        .with_for_update()
    )
    if found is None:
        raise NotFound("Không có danh sách này, hoặc nằm ngoài phạm vi của bạn.")
    set_basis(found, basis=basis, since=since, note=note, today=now.date())
    audit.record(
        session,
        actor_id=user.id,
        action="list.basis",
        subject=f"contact_lists:{list_id}",
        now=now,
        basis=basis,
    )
    return found


def set_basis(to: ContactList, *, basis: str, since: str, note: str, today: date) -> None:
    """Set a list's basis. Raises BadInput as `record_basis` does."""
    note = " ".join(note.split())
    if basis not in list(LegalBasis):
        raise BadInput(
            "Hãy chọn căn cứ nhắn tin: đã đồng ý, hội viên, nhiệm vụ được giao, hoặc không được nhắn tin."
        )
    if len(note) > LONGEST_NOTE:
        raise BadInput(f"Ghi chú căn cứ dài quá {LONGEST_NOTE} ký tự. Hãy rút gọn.")
    if basis == LegalBasis.DUTY and not note:
        raise BadInput(
            "Nhiệm vụ được giao phải ghi số văn bản, ví dụ “Công văn 1234/UBND-VX ngày 10/8/2020”."
        )
    try:
        day = date.fromisoformat(since) if since else None
    except ValueError:
        raise BadInput("Ngày có căn cứ chưa đúng. Hãy chọn lại ngày.") from None
    if day and day > today:
        raise BadInput("Ngày có căn cứ nằm ở tương lai. Hãy chọn lại ngày.")
    to.basis, to.basis_since, to.basis_note = LegalBasis(basis), day.isoformat() if day else None, note
