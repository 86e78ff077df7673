"""Phones: find or create them, add them to contacts or remove them.

A number removed from a contact stays on record: as history, and so that an outdated list does not add it
again. A new phone is suppressed from the start if its number was suppressed before.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String, column, delete, exists, literal, select, table, text
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.contact import find_phone, find_recorded_contact, knows_number, read_note
from outreach.contacts.directory import visible_lists
from outreach.contacts.suppressions import hashes_of, lift_suppressions, lock_phones, suppress
from outreach.contacts.wishes import disown_wishes, keep_holders
from outreach.core.db import (
    columns_of,
    insert_rows,
    is_postgresql,
    lock_until_end,
    reserve_ids,
    set_columns,
    values_subquery,
)
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    ImportChange,
    Membership,
    Phone,
    RemovedPhone,
    Suppression,
    SuppressionReason,
    WishNumber,
)
from outreach.rules.errors import BadInput, NotAllowed
from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
from outreach.use_cases import use_case

# Numbers that are their person's to some organisations (`is_theirs`) and not to others: an organisation whose lists state
# numbers of a person whom another one recorded has these alone.
CONTESTED_PHONES = table(
    "contested_phones",
    column("contact_id", BigInteger),
    column("phone_id", BigInteger),
    column("organisation_id", BigInteger),
    column("is_theirs", Integer),
)
# Those that are not their person's in a campaign to lists of these organisations.
OTHERS_PHONES = """
    SELECT m.contact_id, m.phone_id FROM contested_phones m WHERE m.organisation_id IN :organisations{some}
    GROUP BY m.contact_id, m.phone_id HAVING MAX(is_theirs) = 0"""


@use_case
def add_number(session: Session, contact_id: int, number: str, *, user: User, now: datetime) -> None:
    """Add a number to a contact, after its present ones. Raises BadInput, NotFound, NotAllowed.

    A campaign uses the first number that may be messaged. One that only others' lists give is then theirs for all.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    person = find_recorded_contact(session, contact_id, user=user)
    cell = read_phone_cell(number)
    if cell.status is not PhoneStatus.OK or len(cell.numbers) != 1:
        raise BadInput("number_wrong")
    e164 = cell.numbers[0]
    phone_id = find_or_create_phones(session, [e164], now=now)[e164]
    positions = select(ContactPhone.position).where(ContactPhone.contact_id == contact_id)
    link = session.get(ContactPhone, (contact_id, phone_id))
    if link is not None and not link.is_named:
        raise BadInput("number_known")
    if link is not None:
        link.is_named = False
    else:
        position = max(session.scalars(positions), default=0) + 1
        session.add(ContactPhone(contact_id=contact_id, phone_id=phone_id, position=position))
    # Whatever file gave it as well: it stays when that is undone.
    for change in session.scalars(select(ImportChange).where(ImportChange.contact_id == contact_id)):
        change.phones = [each for each in change.phones if each != phone_id]
    _state_by_hand(session, contact_id, phone_id, user=user)
    is_theirs = (RemovedPhone.contact_id == contact_id, RemovedPhone.phone_id == phone_id)
    set_columns(session, RemovedPhone, *is_theirs, RemovedPhone.restored_at.is_(None), restored_at=now)
    open_numbers(session, [phone_id], now=now)
    person.updated_at, person.at_the_door = now, False
    audit.record_change(
        session,
        "contact.add_number",
        f"contacts:{contact_id}",
        user,
        now,
        {"number": (None, e164)},
        phone=phone_id,
    )


@use_case
def remove_number(
    session: Session,
    contact_id: int,
    phone_id: int,
    *,
    note: str,
    user: User,
    now: datetime,
    opted_out: bool = True,
    right_number: str = "",
) -> None:
    """Remove a wrong number from a contact, and add the right one. What was sent to it and its suppressions stay.

    If no other contact has it, it is suppressed: queued messages would reach a stranger. A wish to be left alone that
    was said from it is taken as this contact's and holds for their other numbers; `opted_out=False` says that it was
    somebody else's, which opens these and is for who may lift an opt-out. Raises BadInput without a note, NotAllowed also where the user may not read the number.
    """
    require_role(user, Role.APPROVER, *(Role.STAFF,) * opted_out)
    find_recorded_contact(session, contact_id, user=user)
    phone = find_phone(session, contact_id, phone_id, user=user)
    if not knows_number(session, contact_id, phone_id, user=user):
        raise NotAllowed("number_of_others")
    note = read_note(note)
    phone_ids = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    lock_phones(session, session.scalars(phone_ids).all())
    if opted_out:
        keep_holders(session, [(contact_id, phone_id)])
    else:
        disown_wishes(session, contact_id, phone_id)
    session.execute(
        delete(ContactPhone).where(ContactPhone.contact_id == contact_id, ContactPhone.phone_id == phone_id)
    )
    if not session.execute(select(ContactPhone).where(ContactPhone.phone_id == phone_id).limit(1)).first():
        wrong = SuppressionReason.WRONG_NUMBER
        suppress(session, phone, reason=wrong, source="officer", now=now)
    session.add(
        RemovedPhone(contact_id=contact_id, phone_id=phone_id, note=note, removed_by=user.id, removed_at=now)
    )
    note_at_the_door(session, [contact_id])
    session.get_one(Contact, contact_id).updated_at = now
    changes = {"number": (phone.e164, None)}
    audit.record_change(
        session, "contact.remove_number", f"contacts:{contact_id}", user, now, changes, phone=phone_id
    )
    if right_number:
        add_number(session, contact_id, right_number, user=user, now=now)


def read_removed(session: Session, contact_id: int) -> Sequence[Any]:
    """Return a contact's former numbers, latest first, with who removed each and why.

    Without a scope check: the caller must have found the contact for the user.
    """
    return session.execute(
        select(
            Phone.e164, User.shown_name.label("by"), *columns_of(RemovedPhone, "note removed_at restored_at")
        )
        .join(RemovedPhone, RemovedPhone.phone_id == Phone.id)
        .outerjoin(User, User.id == RemovedPhone.removed_by)
        .where(RemovedPhone.contact_id == contact_id)
        .order_by(RemovedPhone.id.desc())
    ).all()


def former_owners(session: Session, phones: Collection[int]) -> set[tuple[int, int]]:
    """Return (contact id, phone id) of those phones that were removed from a contact and are not theirs again, as by a merge."""
    has_again = exists().where(
        ContactPhone.contact_id == RemovedPhone.contact_id, ContactPhone.phone_id == RemovedPhone.phone_id
    )
    rows = session.execute(
        select(RemovedPhone.contact_id, RemovedPhone.phone_id).where(
            RemovedPhone.phone_id.in_(values_subquery(session, phones)),
            RemovedPhone.restored_at.is_(None),
            ~has_again,
        )
    )
    return {(contact_id, phone_id) for contact_id, phone_id in rows}


def read_links(session: Session, people: Collection[int]) -> set[tuple[int | None, int]]:
    """Return (contact id, phone id) of the numbers of those of these people who are in a list."""
    of_people = ContactPhone.contact_id.in_(values_subquery(session, people, BigInteger))
    is_listed = exists().where(Membership.contact_id == ContactPhone.contact_id)
    rows = session.execute(select(ContactPhone.contact_id, ContactPhone.phone_id).where(of_people, is_listed))
    return {(contact_id, phone_id) for contact_id, phone_id in rows}


def note_at_the_door(session: Session, contacts: Collection[int]) -> None:
    """Note of contacts whose numbers changed whether a visit alone reaches them."""
    if contacts:
        these = Contact.id.in_(values_subquery(session, contacts))
        has_number = exists().where(ContactPhone.contact_id == Contact.id)
        set_columns(session, Contact, these, at_the_door=~has_number)


def open_numbers(session: Session, phones: Collection[int], *, now: datetime) -> None:
    """Open numbers that somebody has got, where a removal, from them or others, closed them."""
    removed = select(RemovedPhone.phone_id, RemovedPhone.removed_at)
    moments: dict[int, set[datetime]] = {}
    for phone_id, at in session.execute(
        removed.where(RemovedPhone.phone_id.in_(values_subquery(session, phones, BigInteger)))
    ):
        moments.setdefault(phone_id, set()).add(at)
    wrong = SuppressionReason.WRONG_NUMBER
    for phone_id, made_at in moments.items():
        lift_suppressions(session, phone_id, reason=wrong, made_at=made_at, now=now)


_INSERT_NUMBERS = text("""
INSERT INTO phones (e164, reversed, created_at)
SELECT number, reverse(number), :now FROM unnest(CAST(:numbers AS text[])) AS number
ON CONFLICT (e164) DO NOTHING RETURNING e164, id
""")


def find_or_create_phones(session: Session, numbers: Iterable[str], *, now: datetime) -> dict[str, int]:
    """Return the phone id of each number, created if it does not exist."""
    unique = sorted(set(numbers))
    existing = find_phones(session, unique)
    missing = [number for number in unique if number not in existing]
    return existing | create_phones(session, missing, now=now)


def create_phones(session: Session, numbers: Sequence[str], *, now: datetime) -> dict[str, int]:
    """Create phones for numbers, unique, sorted and missing a moment ago. Returns ids by number."""
    if not numbers:
        return {}
    lock_until_end(session, _LOCK, shared=True)
    created = _insert_phones(session, numbers, now=now)
    link_hashes(session, created)
    return created


def _state_by_hand(session: Session, contact_id: int, phone_id: int, *, user: User) -> None:
    """Let campaigns to the user's lists that only name a person use a number beside those that the lists state."""
    lists = visible_lists(session, user)
    for member in session.scalars(
        select(Membership).where(Membership.contact_id == contact_id, Membership.stated.is_not(None))
    ):
        if member.stated is not None and (lists is None or member.list_id in lists):
            member.stated = {**member.stated, "added": [*member.stated.get("added", ()), phone_id]}


def find_phones(session: Session, numbers: Collection[str]) -> dict[str, int]:
    """Return the phone ids of those numbers that exist."""
    if not numbers:
        return {}
    query = select(Phone.e164, Phone.id).where(Phone.e164.in_(values_subquery(session, numbers, String)))
    return dict(session.execute(query).all())


def _insert_phones(session: Session, numbers: Sequence[str], *, now: datetime) -> dict[str, int]:
    table = Phone.__table__
    if not is_postgresql(session):
        # The write lock is held: no other process can add them meanwhile.
        ids = reserve_ids(session, table, len(numbers))
        rows = [(phone_id, e164, e164[::-1]) for phone_id, e164 in zip(ids, numbers, strict=True)]
        insert_rows(session, table, ("id", "e164", "reversed"), rows, always={"created_at": now})
        return dict(zip(numbers, ids, strict=True))
    # A reply may create the same number at this moment: the second transaction uses the first one's row.
    created: dict[str, int] = dict(
        session.execute(_INSERT_NUMBERS, {"numbers": [*numbers], "now": now}).all()
    )
    return created | find_phones(session, [number for number in numbers if number not in created])


# Held by who makes numbers, which see nothing of hashes that are being stored at that moment, as the hashes nothing of them.
_LOCK = 620_823_284


def link_late_numbers(session: Session, *conditions: Any) -> None:
    """Link hashes that were stored a moment ago to phones that meet the conditions, also those that were being made meanwhile.

    In a transaction of its own, after the one that stored them. With `lock_imports`, so that replies wait for no import.
    """
    lock_until_end(session, _LOCK)
    link_hashes(session, dict(session.execute(select(Phone.e164, Phone.id).where(*conditions)).all()))


def link_hashes(session: Session, phones: dict[str, int]) -> None:
    """Link suppressions and wishes from before an erasure to the new phones of their numbers."""
    by_hash: dict[str, int] = {}
    for kept in (Suppression, WishNumber):
        without_phone = kept.phone_id.is_(None)
        if not session.scalar(select(exists(select(literal(1)).where(without_phone)))):
            continue
        by_hash = by_hash or {
            number_hash: phone_id
            for e164, phone_id in phones.items()
            for number_hash in hashes_of(session, e164)
        }
        known = select(kept.number_hash).where(
            kept.number_hash.in_(values_subquery(session, by_hash, String)), without_phone
        )
        for number_hash in set(session.scalars(known)):
            set_columns(session, kept, kept.number_hash == number_hash, phone_id=by_hash[number_hash])
