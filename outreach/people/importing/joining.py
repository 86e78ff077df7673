"""One chunk of rows to people: each person once, with who brought them and what was added to them.

All that a chunk needs is looked up beforehand and all that it makes is written at its end, so that a row costs no
query.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, bindparam, select, update
from sqlalchemy.orm import Session

from outreach.bulk import UNSYNCED, listed
from outreach.people.importing.bulk import insert_rows, take_ids
from outreach.people.models import Contact, ContactList, ContactPhone, ImportChange, ListImport, Membership
from outreach.people.names import may_be_renamed
from outreach.people.own_numbers import former_owners
from outreach.people.reading.rows import CheckedRow, Sex

_LETTER: dict[Sex | None, str | None] = {None: None, Sex.MALE: "m", Sex.FEMALE: "f"}
_FACTS = ("birth_year", "sex", "area_code", "village", "has_smartphone")


@dataclass(slots=True, eq=False)
class Person:
    """Somebody on the chunk's phones. A new one has no id until written; `added` is what this chunk adds to others."""

    id: int
    name: str
    key: str
    facts: dict[str, Any]
    phones: list[int] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    phones_added: list[int] = field(default_factory=list)
    is_new: bool = False

    def fill(self, brought: dict[str, Any]) -> None:
        """Add what was not known; never overwrite: a changed value is a question for a person."""
        for name, value in brought.items():
            if value not in (None, "") and self.facts[name] in (None, ""):
                self.facts[name] = value
                self.added.append(name)


class Joiner:
    """The people of one chunk. `join` each row, then `write`."""

    def __init__(
        self,
        session: Session,
        brought: ListImport,
        *,
        phones: dict[str, int],
        in_use: Collection[int],
        known_areas: set[str],
        now: datetime,
    ) -> None:
        """`in_use` are those of the phones that somebody may be on already."""
        self._session, self._brought, self._now = session, brought, now
        self._phones, self._known_areas = phones, known_areas
        self._people: dict[int, Person] = {}
        self._on_phone: dict[int, list[Person]] = {}
        # Of those who stand in this list already, the import that brought them.
        self._members: dict[int, int | None] = {}
        self._made: list[Person] = []
        self._given: list[str] = []  # theirs
        self._memberships: list[tuple[Person, CheckedRow]] = []
        self._here_again: set[int] = set()
        # (person, phone) that an officer parted: the same name with that number is the person, without the number.
        self._parted: set[tuple[int, int]] = set()
        if in_use:
            theirs = listed(session, in_use, BigInteger)
            on_them = select(ContactPhone.contact_id).where(ContactPhone.phone_id.in_(theirs))
            self._parted = former_owners(session, in_use)
            self._look_up({*session.scalars(on_them), *(person for person, _phone in self._parted)})
        self._was_on_phone: dict[int, list[Person]] = {}
        for contact_id, phone_id in sorted(self._parted):
            self._was_on_phone.setdefault(phone_id, []).append(self._people[contact_id])

    def find(self, row: CheckedRow) -> Person | None:
        """The same name on the same phone is the same person; of two the older one is meant."""
        for number in row.phone.numbers:
            for person in self._on_phone.get(self._phones[number], ()):
                if person.key == row.name_key:
                    return person
        for number in row.phone.numbers if self._parted else ():
            for person in self._was_on_phone.get(self._phones[number], ()):
                if person.key == row.name_key:
                    return person
        return None

    def find_renamed(self, row: CheckedRow) -> Person | None:
        """Somebody of this organisation's lists, brought by an earlier file, whose name this may be now."""
        if not self._people:
            return None
        for phone_id in self._phones_of(row):
            for person in self._on_phone.get(phone_id, ()):
                if (
                    not person.is_new
                    and may_be_renamed(person.name, row.name)
                    and not self._contradicts(person, row)
                    and self._members.get(person.id) != self._brought.id
                    and person.id in self._of_the_organisation
                ):
                    return person
        return None

    def stands_in_list(self, person: Person) -> bool:
        """Whether they stand in this list already, from before or by a row further up."""
        return person.is_new or person.id in self._members

    def load(self, contact_id: int) -> Person:
        """Somebody who may be on none of the chunk's phones."""
        self._look_up({contact_id} - self._people.keys())
        return self._people[contact_id]

    def join(self, row: CheckedRow, person: Person | None) -> tuple[Person, str]:
        """Store a row as this person, or as a new one: created, merged, updated, unchanged (see `ImportCounts`)."""
        if person is None:
            return self._make(row), "created"
        grown = len(person.added) + len(person.phones_added)
        person.fill(self._facts(row))
        for phone_id in self._phones_of(row):
            if phone_id not in person.phones and (person.id, phone_id) not in self._parted:
                person.phones.append(phone_id)
                person.phones_added.append(phone_id)
                self._on_phone.setdefault(phone_id, []).append(person)
        if person.is_new:  # further up in this chunk
            return person, "merged"
        if person.id not in self._members:
            self._members[person.id] = self._brought.id
            self._memberships.append((person, row))
            return person, "merged"
        if self._members[person.id] == self._brought.id:  # further up in this file
            return person, "merged"
        self._here_again.add(person.id)
        changed = len(person.added) + len(person.phones_added) > grown
        return person, "updated" if changed else "unchanged"

    def write(self) -> None:
        """Write all that was joined."""
        ids = take_ids(self._session, Contact.__table__, len(self._made))
        for person, new_id in zip(self._made, ids, strict=True):
            person.id = new_id
        contacts = [
            (each.id, each.name, each.key, given, *each.facts.values())
            for each, given in zip(self._made, self._given, strict=True)
        ]
        columns = ("id", "name", "name_key", "given_key", *_FACTS)
        moment = {"created_at": self._now, "updated_at": self._now}
        insert_rows(self._session, Contact.__table__, columns, contacts, always=moment)
        grown = [each for each in self._people.values() if each.added or each.phones_added]
        self._write_phones([(each, each.phones) for each in self._made])
        self._write_phones([(each, each.phones_added) for each in grown])
        insert_rows(
            self._session,
            Membership.__table__,
            ("contact_id", "row", "unit"),
            [(person.id, row.row, row.unit[:120]) for person, row in self._memberships],
            always={"list_id": self._brought.list_id, "import_id": self._brought.id},
        )
        if self._here_again:
            self._session.execute(
                update(Membership)
                .where(
                    Membership.list_id == self._brought.list_id,
                    Membership.contact_id.in_(listed(self._session, self._here_again, BigInteger)),
                )
                .values(last_import_id=self._brought.id),
                execution_options=UNSYNCED,
            )
        if grown:
            self._write_changes(grown)

    def _look_up(self, ids: set[int]) -> None:
        if not ids:
            return
        people = listed(self._session, ids, BigInteger)
        facts = [getattr(Contact, name) for name in _FACTS]
        columns = select(Contact.id, Contact.name, Contact.name_key, *facts)
        for contact_id, name, key, *known in self._session.execute(
            columns.where(Contact.id.in_(people)).order_by(Contact.id)
        ):
            self._people[contact_id] = Person(contact_id, name, key, dict(zip(_FACTS, known, strict=True)))
        for contact_id, phone_id in self._session.execute(
            select(ContactPhone.contact_id, ContactPhone.phone_id)
            .where(ContactPhone.contact_id.in_(people))
            .order_by(ContactPhone.contact_id, ContactPhone.position)
        ):
            self._people[contact_id].phones.append(phone_id)
            self._on_phone.setdefault(phone_id, []).append(self._people[contact_id])
        self._members |= dict(
            self._session.execute(
                select(Membership.contact_id, Membership.import_id).where(
                    Membership.list_id == self._brought.list_id, Membership.contact_id.in_(people)
                )
            ).all()
        )

    @cached_property
    def _of_the_organisation(self) -> set[int]:
        owner = select(ContactList.organisation_id).where(ContactList.id == self._brought.list_id)
        return set(
            self._session.scalars(
                select(Membership.contact_id)
                .join(ContactList, ContactList.id == Membership.list_id)
                .where(
                    ContactList.organisation_id == owner.scalar_subquery(),
                    Membership.contact_id.in_(listed(self._session, self._people, BigInteger)),
                )
            )
        )

    def _phones_of(self, row: CheckedRow) -> list[int]:
        return [self._phones[number] for number in row.phone.numbers]

    def _facts(self, row: CheckedRow) -> dict[str, Any]:
        return {
            "birth_year": row.birth_year,
            "sex": _LETTER[row.sex],
            "area_code": row.place.code if row.place.code in self._known_areas else None,
            "village": row.village[:120],
            "has_smartphone": row.has_smartphone,
        }

    def _contradicts(self, person: Person, row: CheckedRow) -> bool:
        brought = self._facts(row)
        return any(
            person.facts[name] and brought[name] and person.facts[name] != brought[name]
            for name in ("birth_year", "sex")
        )

    def _make(self, row: CheckedRow) -> Person:
        phones = self._phones_of(row)
        person = Person(0, row.name[:120], row.name_key, self._facts(row), phones, is_new=True)
        for phone_id in phones:
            self._on_phone.setdefault(phone_id, []).append(person)
        self._made.append(person)
        self._given.append(row.given_key)
        self._memberships.append((person, row))
        return person

    def _write_phones(self, of_people: list[tuple[Person, list[int]]]) -> None:
        rows = [
            (person.id, phone_id, person.phones.index(phone_id) + 1)
            for person, phones in of_people
            for phone_id in phones
        ]
        columns = ("contact_id", "phone_id", "position")
        insert_rows(self._session, ContactPhone.__table__, columns, rows)

    def _write_changes(self, grown: list[Person]) -> None:
        table: Any = Contact.__table__
        self._session.execute(
            update(table)
            .where(table.c.id == bindparam("_id"))
            .values({**{name: bindparam(f"_{name}") for name in _FACTS}, "updated_at": self._now}),
            [{"_id": each.id, **{f"_{name}": each.facts[name] for name in _FACTS}} for each in grown],
        )
        of_this = select(ImportChange).where(
            ImportChange.import_id == self._brought.id,
            ImportChange.contact_id.in_(listed(self._session, [each.id for each in grown], BigInteger)),
        )
        held = {each.contact_id: each for each in self._session.scalars(of_this)}
        for person in grown:
            change = held.get(person.id)
            if change is None:
                change = ImportChange(import_id=self._brought.id, contact_id=person.id, fields=[], phones=[])
                self._session.add(change)
            change.fields = [*change.fields, *person.added]
            change.phones = [*change.phones, *person.phones_added]
        self._session.flush()
