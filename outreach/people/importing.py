"""From checked rows to the directory: each person once, each number once, with who brought them and from where.

The same file again changes nothing. A row that a person must look at, or that cannot be taken, is kept
beside the import as it stood in the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from outreach.people.checking import CheckedRow
from outreach.people.models import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    Suppression,
)
from outreach.people.names import name_key
from outreach.people.phone import PhoneStatus
from outreach.people.suppression import hash_number

# Rows looked up and written together; memory holds no more than these.
CHUNK = 1000


@dataclass(slots=True)
class ImportCounts:
    """What came of a file's rows; all but the first add up to `rows`.

    created: a new person. merged: a person who stood in another list, or further up in this file, joined
    to this list. updated: a person of this list of whom more is known now. unchanged: nothing new.
    review, rejected: kept aside with the reason.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    merged: int = 0
    unchanged: int = 0
    review: int = 0
    rejected: int = 0


def find_or_create_list(session: Session, *, organisation_id: int, name: str, now: datetime) -> ContactList:
    """An organisation's list by name, made where it is not there yet."""
    found = session.scalar(
        select(ContactList).where(ContactList.organisation_id == organisation_id, ContactList.name == name)
    )
    if found is None:
        found = ContactList(organisation_id=organisation_id, name=name, created_at=now)
        session.add(found)
        session.flush()
    return found


def import_rows(
    session: Session,
    rows: Iterable[CheckedRow],
    *,
    into: ContactList,
    file: Path,
    known_areas: set[str],
    secret_key: str,
    now: datetime,
) -> tuple[ListImport, ImportCounts]:
    """Store the rows of one file in one list, in the caller's transaction: all of them or none."""
    brought = ListImport(list_id=into.id, file_name=file.name[:200], sha256=_digest(file), imported_at=now)
    session.add(brought)
    session.flush()
    counts = ImportCounts()
    for chunk in _chunks(rows, CHUNK):
        counts.rows += len(chunk)
        _keep_aside(session, chunk, brought, counts)
        good = [row for row in chunk if row.phone.status is PhoneStatus.OK]
        phones = _find_or_create_phones(
            session, [number for row in good for number in row.phone.numbers], secret_key=secret_key, now=now
        )
        _Chunk(session, into, brought, phones, known_areas, now).store(good, counts)
    brought.counts = asdict(counts)
    return brought, counts


class _Chunk:
    """Stores one chunk: everything it needs is looked up beforehand, so that a row costs no query."""

    def __init__(
        self,
        session: Session,
        into: ContactList,
        brought: ListImport,
        phones: dict[str, int],
        known_areas: set[str],
        now: datetime,
    ) -> None:
        self.session, self.into, self.brought, self.now = session, into, brought, now
        self.phones, self.known_areas = phones, known_areas
        # People by (phone, name): the same name on the same phone is the same person.
        self.people: dict[tuple[int, str], Contact] = {}
        contacts = session.execute(
            select(ContactPhone.phone_id, Contact)
            .join(Contact, Contact.id == ContactPhone.contact_id)
            .where(ContactPhone.phone_id.in_(list(phones.values())))
            .order_by(Contact.id.desc())  # of two of the same name the older one is meant
        ).all()
        for phone_id, contact in contacts:
            self.people[(phone_id, contact.name_key)] = contact
        ids = {contact.id for _, contact in contacts}
        # Of those who stand in this list already, the import that brought them.
        self.members: dict[int, int | None] = dict(
            session.execute(
                select(Membership.contact_id, Membership.import_id).where(
                    Membership.list_id == into.id, Membership.contact_id.in_(ids)
                )
            ).all()
        )
        self.has_phone: dict[int, set[int]] = {}
        for contact_id, phone_id in session.execute(
            select(ContactPhone.contact_id, ContactPhone.phone_id).where(ContactPhone.contact_id.in_(ids))
        ):
            self.has_phone.setdefault(contact_id, set()).add(phone_id)

    def store(self, rows: Sequence[CheckedRow], counts: ImportCounts) -> None:
        new: dict[Contact, tuple[CheckedRow, list[int]]] = {}
        for row in rows:
            key = name_key(row.name)
            numbers = list(dict.fromkeys(self.phones[number] for number in row.phone.numbers))
            person = next((p for n in numbers if (p := self.people.get((n, key)))), None)
            if person is None:
                person = Contact(name=row.name[:120], name_key=key, created_at=self.now, updated_at=self.now)
                _fill(person, row, self.known_areas)
                new[person] = (row, numbers)
                counts.created += 1
            elif person in new:  # further up in this chunk
                _fill(person, row, self.known_areas)
                held = new[person][1]
                held += [phone_id for phone_id in numbers if phone_id not in held]
                counts.merged += 1
            else:
                self._join(row, person, numbers, counts)
            for phone_id in numbers:
                self.people.setdefault((phone_id, key), person)
        self.session.add_all(new)
        self.session.flush()
        phones, memberships = [], []
        for person, (row, numbers) in new.items():
            for position, phone_id in enumerate(numbers, start=1):
                phones.append({"contact_id": person.id, "phone_id": phone_id, "position": position})
            memberships.append(self._membership(row, person))
        if new:
            self.session.execute(insert(ContactPhone), phones)
            self.session.execute(insert(Membership), memberships)

    def _join(self, row: CheckedRow, person: Contact, numbers: list[int], counts: ImportCounts) -> None:
        changed = _fill(person, row, self.known_areas)
        held = self.has_phone.setdefault(person.id, set())
        for phone_id in numbers:
            if phone_id not in held:
                held.add(phone_id)
                self.session.add(ContactPhone(contact_id=person.id, phone_id=phone_id, position=len(held)))
                changed = True
        if changed:
            person.updated_at = self.now
        if person.id not in self.members:
            self.members[person.id] = self.brought.id
            self.session.execute(insert(Membership), [self._membership(row, person)])
            counts.merged += 1
        elif self.members[person.id] == self.brought.id:  # further up in this file
            counts.merged += 1
        elif changed:
            counts.updated += 1
        else:
            counts.unchanged += 1

    def _membership(self, row: CheckedRow, person: Contact) -> dict[str, object]:
        return {
            "list_id": self.into.id,
            "contact_id": person.id,
            "import_id": self.brought.id,
            "row": row.row,
            "unit": row.unit[:120],
        }


def _fill(person: Contact, row: CheckedRow, known_areas: set[str]) -> bool:
    """Add what was not known; never overwrite: a changed value is a question for a person."""
    code = row.place.code if row.place.code in known_areas else None
    brought = {
        "birth_year": row.birth_year,
        "sex": row.sex.value[0] if row.sex else None,
        "area_code": code,
        "village": row.village[:120],
        "has_smartphone": row.has_smartphone,
    }
    changed = False
    for name, value in brought.items():
        if value not in (None, "") and getattr(person, name, None) in (None, ""):
            setattr(person, name, value)
            changed = True
    return changed


def _find_or_create_phones(
    session: Session, numbers: Sequence[str], *, secret_key: str, now: datetime
) -> dict[str, int]:
    wanted = sorted(set(numbers))
    found = dict(session.execute(select(Phone.e164, Phone.id).where(Phone.e164.in_(wanted))).all())
    missing = [number for number in wanted if number not in found]
    if missing:
        made = session.execute(
            insert(Phone).returning(Phone.e164, Phone.id),
            [{"e164": e164, "created_at": now} for e164 in missing],
        ).all()
        found |= dict(made)
        _remember_suppressions(session, {e164: found[e164] for e164 in missing}, secret_key=secret_key)
    return found


def _remember_suppressions(session: Session, phones: dict[str, int], *, secret_key: str) -> None:
    """A number that was suppressed before its person was erased is suppressed still when it returns."""
    by_hash = {hash_number(e164, secret_key=secret_key): phone_id for e164, phone_id in phones.items()}
    known = session.scalars(
        select(Suppression.number_hash).where(
            Suppression.number_hash.in_(by_hash), Suppression.phone_id.is_(None)
        )
    ).all()
    for number_hash in set(known):
        session.execute(
            update(Suppression)
            .where(Suppression.number_hash == number_hash)
            .values(phone_id=by_hash[number_hash])
        )


def _keep_aside(
    session: Session, rows: Sequence[CheckedRow], brought: ListImport, counts: ImportCounts
) -> None:
    aside = [row for row in rows if row.phone.status is not PhoneStatus.OK]
    tally = Counter(row.phone.status for row in aside)
    counts.review += tally[PhoneStatus.REVIEW]
    counts.rejected += tally[PhoneStatus.REJECT]
    if aside:
        session.execute(
            insert(ImportIssue),
            [
                {
                    "import_id": brought.id,
                    "row": row.row,
                    "status": row.phone.status.value,
                    "reason": (row.phone.reason or "")[:40],
                    "cells": {
                        "stt": row.stt,
                        "name": row.name,
                        "village": row.village,
                        "commune": row.commune,
                        "unit": row.unit,
                        "phone": row.phone_text,
                    },
                }
                for row in aside
            ],
        )


def _chunks(rows: Iterable[CheckedRow], size: int) -> Iterator[list[CheckedRow]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
