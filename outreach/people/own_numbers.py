"""A person's numbers as officers put them right. What was taken off somebody is kept: as history, and so that a list that
lags behind does not bring it back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from outreach.access.models import Role, User
from outreach.access.users import require_role
from outreach.bulk import listed
from outreach.db import Base, BigId, UtcDateTime
from outreach.errors import BadInput
from outreach.people.importing.numbers import find_or_create_phones
from outreach.people.models import Contact, ContactPhone, Phone, SuppressionReason
from outreach.people.person import find_contact, find_phone, read_note, record_deed
from outreach.people.phone.cells import PhoneStatus, read_phone_cell
from outreach.people.suppression import lock_phone, suppress


class RemovedPhone(Base):
    """A number that is not the person's, from `removed_at` until `back_at`."""

    __tablename__ = "removed_phones"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), index=True)
    note: Mapped[str] = mapped_column(Text)
    removed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    removed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def add_number(
    session: Session, contact_id: int, number: str, *, secret_key: str, user: User, now: datetime
) -> None:
    """One more number of the person's, behind those they have. Raises BadInput, NotFound, NotAllowed.

    A campaign writes to the first that may be written to.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    person = find_contact(session, contact_id, user=user)
    read = read_phone_cell(number)
    if read.status is not PhoneStatus.OK or len(read.numbers) != 1:
        raise BadInput("Số điện thoại chưa đúng. Hãy gõ một số di động, ví dụ 0905 000 123.")
    e164 = read.numbers[0]
    phone_id = find_or_create_phones(session, [e164], secret_key=secret_key, now=now)[e164]
    theirs = select(ContactPhone.position).where(ContactPhone.contact_id == contact_id)
    if session.execute(theirs.where(ContactPhone.phone_id == phone_id)).first():
        raise BadInput("Người này đã có số đó.")
    position = max(session.scalars(theirs), default=0) + 1
    session.add(ContactPhone(contact_id=contact_id, phone_id=phone_id, position=position))
    _give_back(session, contact_id, phone_id, now=now)
    person.updated_at = now
    record_deed(
        session,
        "contact.add_number",
        contact_id,
        user=user,
        now=now,
        changes={"number": (None, e164)},
        phone=phone_id,
    )


def remove_number(
    session: Session,
    contact_id: int,
    phone_id: int,
    *,
    note: str,
    secret_key: str,
    user: User,
    now: datetime,
) -> None:
    """The number is not this person's; what was sent to it and its suppressions stay. Raises BadInput without a note.

    One that nobody else has is not written to any more: messages under way to it would reach a stranger.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    note = read_note(note)
    lock_phone(session, phone_id)
    session.execute(
        delete(ContactPhone).where(ContactPhone.contact_id == contact_id, ContactPhone.phone_id == phone_id)
    )
    if not session.execute(select(ContactPhone).where(ContactPhone.phone_id == phone_id).limit(1)).first():
        wrong = SuppressionReason.WRONG_NUMBER
        suppress(session, phone, reason=wrong, source="officer", secret_key=secret_key, now=now)
    session.add(
        RemovedPhone(contact_id=contact_id, phone_id=phone_id, note=note, removed_by=user.id, removed_at=now)
    )
    session.get_one(Contact, contact_id).updated_at = now
    changes = {"number": (phone.e164, None)}
    record_deed(
        session, "contact.remove_number", contact_id, user=user, now=now, changes=changes, phone=phone_id
    )


@dataclass(frozen=True, slots=True)
class Removal:
    """One of a person's former numbers, who took it off and why."""

    e164: str
    by: str
    note: str
    removed_at: datetime
    back_at: datetime | None


def read_removed(session: Session, contact_id: int) -> list[Removal]:
    """A person's former numbers, the latest first. The caller has found the person for the user."""
    rows = session.execute(
        select(Phone.e164, User.name, User.email, RemovedPhone)
        .join(RemovedPhone, RemovedPhone.phone_id == Phone.id)
        .outerjoin(User, User.id == RemovedPhone.removed_by)
        .where(RemovedPhone.contact_id == contact_id)
        .order_by(RemovedPhone.id.desc())
    )
    return [
        Removal(e164, name or email or "", each.note, each.removed_at, each.back_at)
        for e164, name, email, each in rows
    ]


def former_owners(session: Session, phones: Collection[int]) -> set[tuple[int, int]]:
    """(person, phone) for those of these phones that were taken off somebody and not given back."""
    found = session.execute(
        select(RemovedPhone.contact_id, RemovedPhone.phone_id).where(
            RemovedPhone.phone_id.in_(listed(session, phones, BigInteger)), RemovedPhone.back_at.is_(None)
        )
    )
    return {(contact_id, phone_id) for contact_id, phone_id in found}


def _give_back(session: Session, contact_id: int, phone_id: int, *, now: datetime) -> None:
    """The number is the person's again."""
    session.execute(
        update(RemovedPhone)
        .where(
            RemovedPhone.contact_id == contact_id,
            RemovedPhone.phone_id == phone_id,
            RemovedPhone.back_at.is_(None),
        )
        .values(back_at=now)
    )
