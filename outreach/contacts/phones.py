"""A person's numbers as officers put them right. What was taken off somebody is kept: as history, and so that a list that
lags behind does not bring it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Text, delete, false, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from outreach.access.models import Role, User
from outreach.access.users import require_role
from outreach.bulk import listed
from outreach.db import Base, BigId, UtcDateTime
from outreach.errors import BadInput
from outreach.people.importing.numbers import find_or_create_phones
from outreach.people.models import Contact, ContactPhone, Phone, Suppression, SuppressionReason
from outreach.people.person import find_contact, find_phone, read_note, record_deed
from outreach.people.phone.cells import PhoneStatus, read_phone_cell
from outreach.people.suppression import (
    active,
    carry_opt_outs,
    lock_phones,
    people_left_alone,
    suppress,
)


class RemovedPhone(Base):
    """A number that is not the person's, from `removed_at` until `back_at`; `said_stop` where they opted out on it."""

    __tablename__ = "removed_phones"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"), index=True)
    note: Mapped[str] = mapped_column(Text)
    said_stop: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
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
    keep_left_alone(session, {contact_id: [phone_id]}, source="officer", secret_key=secret_key, now=now)
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
    said_stop: bool = True,
) -> None:
    """The number is not this person's; what was sent to it and its suppressions stay. Raises BadInput without a note.

    One that nobody else has is not written to any more: messages under way to it would reach a stranger. An opt-out on
    it was the person's, whose other numbers are left alone as well, unless whoever else has the number `said_stop`:
    False says so.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    note = read_note(note)
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    lock_phones(session, session.scalars(theirs).all())
    said_stop = said_stop and active(session, phone_id, SuppressionReason.OPT_OUT)
    if said_stop:
        links = [(contact_id, phone_id)]
        carry_opt_outs(session, links, source="officer", note=note, secret_key=secret_key, now=now)
    session.execute(
        delete(ContactPhone).where(ContactPhone.contact_id == contact_id, ContactPhone.phone_id == phone_id)
    )
    if not session.execute(select(ContactPhone).where(ContactPhone.phone_id == phone_id).limit(1)).first():
        wrong = SuppressionReason.WRONG_NUMBER
        suppress(session, phone, reason=wrong, source="officer", secret_key=secret_key, now=now)
    session.add(
        RemovedPhone(
            contact_id=contact_id,
            phone_id=phone_id,
            note=note,
            said_stop=said_stop,
            removed_by=user.id,
            removed_at=now,
        )
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


def keep_left_alone(
    session: Session, added: Mapping[int, Collection[int]], *, source: str, secret_key: str, now: datetime
) -> None:
    """Numbers that people have just been given (person to phones): of those who opted out on a number that they have no
    more and have not said otherwise since, the new ones are suppressed as well.
    """
    if not added:
        return
    opt_out = SuppressionReason.OPT_OUT
    said_stop = set(
        session.scalars(
            select(RemovedPhone.contact_id)
            .join(Suppression, Suppression.phone_id == RemovedPhone.phone_id)
            .where(
                RemovedPhone.contact_id.in_(listed(session, added, BigInteger)),
                RemovedPhone.said_stop,
                RemovedPhone.back_at.is_(None),
                Suppression.reason == opt_out,
                Suppression.lifted_at.is_(None),
            )
        )
    )
    if not said_stop:
        return
    held: dict[int, set[int]] = {contact_id: set() for contact_id in said_stop}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id).where(
            ContactPhone.contact_id.in_(listed(session, said_stop, BigInteger))
        )
    ):
        held[contact_id].add(phone_id)
    # Whose other numbers may be written to again has said so.
    left_alone = people_left_alone(session, said_stop)
    left_alone |= {contact_id for contact_id, phones in held.items() if phones <= {*added[contact_id]}}
    for phone in lock_phones(session, {phone_id for each in left_alone for phone_id in added[each]}):
        suppress(session, phone, reason=opt_out, source=source, secret_key=secret_key, now=now)


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
