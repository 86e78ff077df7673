"""Who refers to people: other systems by texts of their own, and recipients, whose people stay while a campaign writes them."""

import hashlib
from collections.abc import Collection, Mapping
from math import inf
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Select, case, insert, select
from sqlalchemy.orm import Session

from outreach.accounts.api_tokens import Bearer
from outreach.accounts.permissions import visible_to
from outreach.core.db import delete_rows, insert_missing, lock_until_end, values_subquery
from outreach.models.contacts import ContactList, ContactPhone, ContactReference, Membership, Phone
from outreach.rules.errors import NotFound, or_raise
from outreach.rules.phone_numbers import read_phone_cell

# A recipient names a person and a number without foreign keys: PostgreSQL would look up and lock each of 600,000 again, a third
# of a launch. One lock for all does what they did. Code that removes takes it before looking who refers to a person or a number,
# and so sees the recipients of each launch that has committed; a launch that comes meanwhile waits and finds the person gone.
_LOCK = 620_823_283


def lock_removal(session: Session) -> None:
    """Let no campaign write recipients until the transaction ends. Before people or numbers are removed.

    After `lock_imports` and before rows are locked: a launch that has the lock may wait for a list's row.
    """
    lock_until_end(session, _LOCK)


def keep_people(session: Session) -> None:
    """Let nobody be removed until the transaction ends. Before recipients are written, after the campaign's lock."""
    lock_until_end(session, _LOCK, shared=True)


# Printable ASCII without a space; "#" begins names of Loa's own.
REFERENCE = r'^[!"$-~][!-~]{0,39}$'
IS_GIVEN = ~ContactReference.reference.startswith("#")


def set_references(
    session: Session, organisation_id: int, contacts: Mapping[str, int], *, import_id: int
) -> None:
    """Store whom references mean; one that meant somebody else means this person, until the import is undone.

    Whom it meant before has a name of Loa's own until then, which tells the import and the reference's hash.
    """
    if not contacts:
        return
    named = (ContactReference.organisation_id == organisation_id, ContactReference.reference.in_(contacts))
    before = [
        {"organisation_id": organisation_id, "reference": f"#{import_id}.{_hash(name)}", "contact_id": known}
        for name, known in session.execute(
            select(ContactReference.reference, ContactReference.contact_id).where(*named)
        )
        if known != contacts[name]
    ]
    if before:  # of two rows of the import the first has moved it
        insert_missing(session, ContactReference, before)
    delete_rows(session, ContactReference, *named)
    session.execute(
        insert(ContactReference),
        [
            {"organisation_id": organisation_id, "reference": reference, "contact_id": contact_id}
            for reference, contact_id in sorted(contacts.items())
        ],
    )


def give_references_back(session: Session, organisation_id: int, import_id: int) -> None:
    """Let references that an import moved mean whom they meant before; one that a later import moved on, once that is undone."""
    of_owner = select(ContactReference).where(ContactReference.organisation_id == organisation_id)
    moved = of_owner.where(ContactReference.reference.startswith(f"#{import_id}."))
    if session.scalar(moved.limit(1)) is None:
        return
    # By hash: the import that moved it on, if one has, and the row of who has it until then.
    held: dict[str, list[tuple[float, ContactReference]]] = {}
    for row in session.scalars(of_owner):
        by, _, hashed = row.reference.removeprefix("#").partition(".")
        key = (float(by), hashed) if row.reference.startswith("#") else (inf, _hash(row.reference))
        held.setdefault(key[1], []).append((key[0], row))
    for rows in held.values():
        own = next((row for by, row in rows if by == import_id), None)
        later = [each for each in rows if each[0] > import_id]
        if own and later:
            min(later, key=itemgetter(0))[1].contact_id = own.contact_id
        if own:
            session.delete(own)
    session.flush()


def _hash(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()[:24]


class NamedPerson(NamedTuple):
    """Person whom a system names: the contact, if one is known, and their first number, or what was given: a number, "api:" and a reference."""

    contact_id: int | None
    number: str


def find_person(
    session: Session,
    bearer: Bearer,
    *,
    person: str,
    phone: str,
    is_anybody: bool = False,
    rather_in: Select[Any] | None = None,
) -> NamedPerson:
    """Return whom a token's system names by its reference or by a number, in the lists of its scope.

    If `is_anybody`, a number may be anybody's or none that can be read, and who has a reference may be in no list any more, or be known no more.
    Of several people who have a number one in the lists `rather_in` is meant. Raises NotFound, also for a number that is none.
    """
    known = (
        select(ContactPhone.contact_id, Phone.e164).join(Phone, Phone.id == ContactPhone.phone_id).limit(1)
    )
    if not is_anybody:
        known = (
            known.join(Membership, Membership.contact_id == ContactPhone.contact_id)
            .join(ContactList, ContactList.id == Membership.list_id)
            .where(visible_to(session, bearer.as_user(), ContactList.organisation_id))
        )
    if rather_in is not None:
        known = known.order_by(case((Membership.list_id.in_(rather_in), 0), else_=1))
    known = known.order_by(ContactPhone.contact_id, ContactPhone.position)
    if person:
        named = (
            ContactReference.organisation_id == bearer.organisation_id,
            ContactReference.reference == person,
        )
        known = known.join(ContactReference, ContactReference.contact_id == ContactPhone.contact_id)
        found = session.execute(known.where(*named)).first()
        if found is None and is_anybody:
            return NamedPerson(None, f"api:{person}"[:32])
        return NamedPerson(*or_raise(found, NotFound("person_reference_unknown")))
    numbers = read_phone_cell(phone).numbers
    if len(numbers) != 1:
        if is_anybody:
            return NamedPerson(None, phone.strip()[:32])
        raise NotFound("phone_number_not_one")
    found = session.execute(known.where(Phone.e164 == numbers[0])).first()
    if found is None and not is_anybody:
        raise NotFound("phone_number_out_of_scope")
    return NamedPerson(found[0] if found else None, numbers[0])


def read_references(session: Session, contact_ids: Collection[int]) -> dict[tuple[int, int], str]:
    """Return what people are called, by organisation and person; of several names the first."""
    if not contact_ids:
        return {}
    rows = session.execute(
        select(ContactReference.organisation_id, ContactReference.contact_id, ContactReference.reference)
        .where(ContactReference.contact_id.in_(values_subquery(session, contact_ids)), IS_GIVEN)
        .order_by(ContactReference.reference.desc())
    )
    return {(organisation_id, contact_id): reference for organisation_id, contact_id, reference in rows}
