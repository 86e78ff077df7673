"""Phone rows: find or create; add to or remove from a contact.

A person's numbers as officers put them right. What was taken off somebody is kept: as history, and so that a list that
lags behind does not bring it back.

Numbers that lists bring: each one row, suppressed from the start where it was suppressed before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, String, delete, exists, literal, select, text, update
from sqlalchemy.orm import Session

from outreach.accounts.permissions import require_role
from outreach.contacts.contact import find_contact, find_phone, read_note, record_contact_action
from outreach.contacts.suppressions import (
    carry_opt_outs,
    has_suppression,
    hash_number,
    lock_phones,
    opted_out_contacts,
    suppress,
)
from outreach.core.bulk import NO_SYNC, insert_rows, reserve_ids, values_subquery
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    Phone,
    RemovedPhone,
    Suppression,
    SuppressionReason,
)
from outreach.rules.errors import BadInput
from outreach.rules.identity import language_code
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.phone_numbers import PhoneStatus


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
    carry_over_opt_outs(session, {contact_id: [phone_id]}, source="officer", secret_key=secret_key, now=now)
    _give_back(session, contact_id, phone_id, now=now)
    person.updated_at = now
    record_contact_action(
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
    opted_out: bool = True,
) -> None:
    """The number is not this person's; what was sent to it and its suppressions stay. Raises BadInput without a note.

    One that nobody else has is not written to any more: messages under way to it would reach a stranger. An opt-out on
    it was the person's, whose other numbers are left alone as well, unless whoever else has the number `opted_out`:
    False says so.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    note = read_note(note)
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    lock_phones(session, session.scalars(theirs).all())
    opted_out = opted_out and has_suppression(session, phone_id, SuppressionReason.OPT_OUT)
    if opted_out:
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
            opted_out=opted_out,
            removed_by=user.id,
            removed_at=now,
        )
    )
    session.get_one(Contact, contact_id).updated_at = now
    changes = {"number": (phone.e164, None)}
    record_contact_action(
        session, "contact.remove_number", contact_id, user=user, now=now, changes=changes, phone=phone_id
    )


@dataclass(frozen=True, slots=True)
class RemovedNumber:
    """One of a person's former numbers, who took it off and why."""

    e164: str
    by: str
    note: str
    removed_at: datetime
    restored_at: datetime | None


def read_removed(session: Session, contact_id: int) -> list[RemovedNumber]:
    """A person's former numbers, the latest first. The caller has found the person for the user."""
    rows = session.execute(
        select(Phone.e164, User.name, User.email, RemovedPhone)
        .join(RemovedPhone, RemovedPhone.phone_id == Phone.id)
        .outerjoin(User, User.id == RemovedPhone.removed_by)
        .where(RemovedPhone.contact_id == contact_id)
        .order_by(RemovedPhone.id.desc())
    )
    return [
        RemovedNumber(e164, name or email or "", each.note, each.removed_at, each.restored_at)
        for e164, name, email, each in rows
    ]


def former_owners(session: Session, phones: Collection[int]) -> set[tuple[int, int]]:
    """(person, phone) for those of these phones that were taken off somebody and not given back."""
    found = session.execute(
        select(RemovedPhone.contact_id, RemovedPhone.phone_id).where(
            RemovedPhone.phone_id.in_(values_subquery(session, phones, BigInteger)),
            RemovedPhone.restored_at.is_(None),
        )
    )
    return {(contact_id, phone_id) for contact_id, phone_id in found}


def carry_over_opt_outs(
    session: Session, added: Mapping[int, Collection[int]], *, source: str, secret_key: str, now: datetime
) -> None:
    """Numbers that people have just been given (person to phones): of those who opted out on a number that they have no
    more and have not said otherwise since, the new ones are suppressed as well.
    """
    if not added:
        return
    opt_out = SuppressionReason.OPT_OUT
    opted_out = set(
        session.scalars(
            select(RemovedPhone.contact_id)
            .join(Suppression, Suppression.phone_id == RemovedPhone.phone_id)
            .where(
                RemovedPhone.contact_id.in_(values_subquery(session, added, BigInteger)),
                RemovedPhone.opted_out,
                RemovedPhone.restored_at.is_(None),
                Suppression.reason == opt_out,
                Suppression.lifted_at.is_(None),
            )
        )
    )
    if not opted_out:
        return
    held: dict[int, set[int]] = {contact_id: set() for contact_id in opted_out}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id).where(
            ContactPhone.contact_id.in_(values_subquery(session, opted_out, BigInteger))
        )
    ):
        held[contact_id].add(phone_id)
    # Whose other numbers may be written to again has said so.
    left_alone = opted_out_contacts(session, opted_out)
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
            RemovedPhone.restored_at.is_(None),
        )
        .values(restored_at=now)
    )


_INSERT_NUMBERS = text("""
INSERT INTO phones (e164, reversed, created_at)
SELECT number, reverse(number), :now FROM unnest(CAST(:numbers AS text[])) AS number
ON CONFLICT (e164) DO NOTHING RETURNING e164, id
""")


def find_or_create_phones(
    session: Session, numbers: Iterable[str], *, secret_key: str, now: datetime
) -> dict[str, int]:
    """Each number's row by the number, made where it is not there yet."""
    wanted = sorted(set(numbers))
    found = find_phones(session, wanted)
    missing = [number for number in wanted if number not in found]
    return found | create_phones(session, missing, secret_key=secret_key, now=now)


def create_phones(
    session: Session, numbers: Sequence[str], *, secret_key: str, now: datetime
) -> dict[str, int]:
    """Rows of numbers that were not there a moment ago, by number; each once, in order."""
    if not numbers:
        return {}
    made = _make(session, numbers, now=now)
    _remember_suppressions(session, made, secret_key=secret_key)
    return made


def find_phones(session: Session, numbers: Collection[str]) -> dict[str, int]:
    """The rows of those numbers that are there."""
    if not numbers:
        return {}
    wanted = select(Phone.e164, Phone.id).where(Phone.e164.in_(values_subquery(session, numbers, String)))
    return dict(session.execute(wanted).all())


def remember_languages(session: Session, spoken: Iterable[tuple[str, Iterable[int]]]) -> None:
    """Give phones the language that a list writes beside them, where none was known: (as written, phones)."""
    phones: dict[str, set[int]] = {}
    for written, ids in spoken:
        if written and (code := language_code(written)):
            phones.setdefault(code, set()).update(ids)
    for code, ids in sorted(phones.items()):
        session.execute(
            update(Phone)
            .where(Phone.id.in_(values_subquery(session, sorted(ids), BigInteger)), Phone.language.is_(None))
            .values(language=code),
            execution_options=NO_SYNC,
        )


def _make(session: Session, numbers: Sequence[str], *, now: datetime) -> dict[str, int]:
    table = Phone.__table__
    if session.get_bind().dialect.name == "sqlite":  # the write lock is ours: nobody can bring them meanwhile
        ids = reserve_ids(session, table, len(numbers))
        rows = [(phone_id, e164, e164[::-1]) for phone_id, e164 in zip(ids, numbers, strict=True)]
        insert_rows(session, table, ("id", "e164", "reversed"), rows, always={"created_at": now})
        return dict(zip(numbers, ids, strict=True))
    # A reply may bring the same number at this moment: whoever is second takes the first one's row.
    made: dict[str, int] = dict(session.execute(_INSERT_NUMBERS, {"numbers": [*numbers], "now": now}).all())
    return made | find_phones(session, [number for number in numbers if number not in made])


def _remember_suppressions(session: Session, phones: dict[str, int], *, secret_key: str) -> None:
    """A number that was suppressed before its person was erased is suppressed still when it returns."""
    without_phone = Suppression.phone_id.is_(None)
    if not session.scalar(select(exists(select(literal(1)).where(without_phone)))):
        return
    by_hash = {hash_number(e164, secret_key=secret_key): phone_id for e164, phone_id in phones.items()}
    known = session.scalars(
        select(Suppression.number_hash).where(
            Suppression.number_hash.in_(values_subquery(session, by_hash, String)), without_phone
        )
    ).all()
    for number_hash in set(known):
        session.execute(
            update(Suppression)
            .where(Suppression.number_hash == number_hash)
            .values(phone_id=by_hash[number_hash])
        )
