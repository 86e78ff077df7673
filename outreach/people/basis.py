"""On what basis the people of a list may be written to, since when, and by whom that was written down."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import BadInput, NotFound
from outreach.people.models import ContactList, LegalBasis

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
    give_basis(found, basis=basis, since=since, note=note, today=now.date())
    audit.record(
        session,
        actor_id=user.id,
        action="list.basis",
        subject=f"contact_lists:{list_id}",
        now=now,
        basis=basis,
    )
    return found


def give_basis(to: ContactList, *, basis: str, since: str, note: str, today: date) -> None:
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
