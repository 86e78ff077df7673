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

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from outreach.people.importing.numbers import find_or_create_phones
from outreach.people.models import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    ListImport,
    Membership,
)
from outreach.people.names import name_key
from outreach.people.phone.cells import PhoneStatus
from outreach.people.reading.checking import CheckedRow

# Rows looked up and written together; memory holds no more than these.
CHUNK = 1000

# Any number will do, as long as it is no one else's.
_LOCK = 620_823_282


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
    brought = begin_import(session, list_id=into.id, file_name=file.name, sha256=digest(file), now=now)
    for chunk in chunks(rows, CHUNK):
        store_rows(session, chunk, brought=brought, known_areas=known_areas, secret_key=secret_key, now=now)
    return brought, ImportCounts(**brought.counts)


def begin_import(session: Session, *, list_id: int, file_name: str, sha256: str, now: datetime) -> ListImport:
    """An import that no row has come from yet."""
    brought = ListImport(
        list_id=list_id,
        file_name=file_name[:200],
        sha256=sha256,
        imported_at=now,
        counts=asdict(ImportCounts()),
    )
    session.add(brought)
    session.flush()
    return brought


def store_rows(
    session: Session,
    rows: Sequence[CheckedRow],
    *,
    brought: ListImport,
    known_areas: set[str],
    secret_key: str,
    now: datetime,
) -> None:
    """Store one chunk of an import's rows and add to its counts, in the caller's transaction."""
    if session.get_bind().dialect.name == "postgresql":
        # Two imports that both find a person missing would both make them: one chunk at a time.
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    counts = ImportCounts(**brought.counts)
    counts.rows += len(rows)
    _keep_aside(session, rows, brought, counts)
    good = [row for row in rows if row.phone.status is PhoneStatus.OK]
    phones = find_or_create_phones(
        session, [number for row in good for number in row.phone.numbers], secret_key=secret_key, now=now
    )
    _Chunk(session, brought, phones, known_areas, now).store(good, counts)
    brought.counts = asdict(counts)


class _Chunk:
    """Stores one chunk: everything it needs is looked up beforehand, so that a row costs no query."""

    def __init__(
        self,
        session: Session,
        brought: ListImport,
        phones: dict[str, int],
        known_areas: set[str],
        now: datetime,
    ) -> None:
        self.session, self.brought, self.now = session, brought, now
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
                    Membership.list_id == brought.list_id, Membership.contact_id.in_(ids)
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
            "list_id": self.brought.list_id,
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


def chunks(rows: Iterable[CheckedRow], size: int) -> Iterator[list[CheckedRow]]:
    """Lists of `size` rows, the last one shorter."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def digest(file: Path) -> str:
    """A file's SHA-256."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
