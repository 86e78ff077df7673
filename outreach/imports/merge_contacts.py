"""Match rows to contacts, merge them, remember which import had whom.

One chunk of rows to people: each person once, with who brought them and what was added to them.

All that a chunk needs is looked up beforehand and all that it makes is written at its end, so that a row costs no
query.

A person as an import meets them: what is known, and what its rows add.

Which imports of a list had somebody: the first, the last, and those between, so that each can be taken back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, bindparam, case, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from outreach.contacts.phones import former_owners
from outreach.core.bulk import NO_SYNC, insert_rows, reserve_ids, values_subquery
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportSighting,
    ListImport,
    Membership,
)
from outreach.rules.identity import may_be_renamed
from outreach.rules.list_rows import CheckedRow, Sex


class ContactMerger:
    """The people of one chunk. `merge_row` each row, then `write`."""

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
        self._people: dict[int, ImportedContact] = {}
        self._on_phone: dict[int, list[ImportedContact]] = {}
        # Of those who stand in this list already, the import that brought them.
        self._members: dict[int, int | None] = {}
        self._made: list[ImportedContact] = []
        self._given: list[str] = []  # theirs
        self._memberships: list[tuple[ImportedContact, CheckedRow]] = []
        self._here_again: set[int] = set()
        # What other imports added to people of before: values and phones.
        self._told: dict[int, list[tuple[dict[str, list[Any]], list[int]]]] = {}
        # (person, phone) that an officer parted: the same name with that number is the person, without the number.
        self._parted: set[tuple[int, int]] = set()
        if in_use:
            theirs = values_subquery(session, in_use, BigInteger)
            on_them = select(ContactPhone.contact_id).where(ContactPhone.phone_id.in_(theirs))
            self._parted = former_owners(session, in_use)
            self._look_up({*session.scalars(on_them), *(person for person, _phone in self._parted)})
        self._was_on_phone: dict[int, list[ImportedContact]] = {}
        for contact_id, phone_id in sorted(self._parted):
            self._was_on_phone.setdefault(phone_id, []).append(self._people[contact_id])

    def find(self, row: CheckedRow) -> ImportedContact | None:
        """The same name on the same phone is the same person; of two the older one is meant. Not one whose name differs in
        its accents, and who differs in more (see `find_renamed`).
        """
        for number in row.phone.numbers:
            for person in self._on_phone.get(self._phones[number], ()):
                if person.key == row.name_key and (
                    person.name == row.name or not person.is_namesake(row, self._known_areas)
                ):
                    return person
        for number in row.phone.numbers if self._parted else ():
            for person in self._was_on_phone.get(self._phones[number], ()):
                if person.key == row.name_key:
                    return person
        return None

    def find_renamed(self, row: CheckedRow) -> ImportedContact | None:
        """Somebody who may be meant by another name: of this organisation's lists, brought by an earlier file; or with the
        same letters and other accents, but of another sex or year.
        """
        for number in row.phone.numbers:
            for person in self._on_phone.get(self._phones[number], ()):
                if person.key == row.name_key and person.is_namesake(row, self._known_areas):
                    return person
        if not self._people:
            return None
        for phone_id in self._phones_of(row):
            for person in self._on_phone.get(phone_id, ()):
                if (
                    not person.is_new
                    and may_be_renamed(person.name, row.name)
                    and not person.contradicts(self._facts(row))
                    and self._members.get(person.id) != self._brought.id
                    and person.id in self._of_the_organisation
                ):
                    return person
        return None

    def stands_in_list(self, person: ImportedContact) -> bool:
        """Whether they stand in this list already, from before or by a row further up."""
        return person.is_new or person.id in self._members

    def load(self, contact_id: int) -> ImportedContact:
        """Somebody who may be on none of the chunk's phones."""
        self._look_up({contact_id} - self._people.keys())
        return self._people[contact_id]

    def merge_row(self, row: CheckedRow, person: ImportedContact | None) -> tuple[ImportedContact, str]:
        """Store a row as this person, or as a new one: created, merged, updated, unchanged (see `ImportCounts`)."""
        if person is None:
            return self._make(row), "created"
        brought = self._facts(row)
        changed = person.add_facts(brought, newer=self._newer(person, brought))
        for phone_id in self._phones_of(row):
            if phone_id not in person.phones and (person.id, phone_id) not in self._parted:
                person.phones.append(phone_id)
                person.phones_added.append(phone_id)
                self._on_phone.setdefault(phone_id, []).append(person)
                changed = True
        for told in self._told.get(person.id, ()):
            person.confirm(*told, brought=brought, on=self._phones_of(row))
        if person.is_new:  # further up in this chunk
            return person, "merged"
        if person.id not in self._members:
            self._members[person.id] = self._brought.id
            self._memberships.append((person, row))
            return person, "merged"
        if self._members[person.id] == self._brought.id:  # further up in this file
            return person, "merged"
        self._here_again.add(person.id)
        return person, "updated" if changed else "unchanged"

    def numbers_added(self) -> dict[int, list[int]]:
        """People of before, with the phones that they were given."""
        return {each.id: each.phones_added for each in self._people.values() if each.phones_added}

    def write(self) -> None:
        """Write all that was joined."""
        ids = reserve_ids(self._session, Contact.__table__, len(self._made))
        for person, new_id in zip(self._made, ids, strict=True):
            person.id = new_id
        contacts = [
            (each.id, each.name, each.key, given, *each.facts.values())
            for each, given in zip(self._made, self._given, strict=True)
        ]
        columns = ("id", "name", "name_key", "given_key", *FACTS)
        moment = {"created_at": self._now, "updated_at": self._now}
        insert_rows(self._session, Contact.__table__, columns, contacts, always=moment)
        grown = [each for each in self._people.values() if each.added or each.phones_added]
        self._write_phones(
            [(each.id, phone, n) for each in self._made for n, phone in enumerate(each.phones, 1)]
        )
        self._write_phones(
            [(each.id, phone, each.phones.index(phone) + 1) for each in grown for phone in each.phones_added]
        )
        insert_rows(
            self._session,
            Membership.__table__,
            ("contact_id", "row", "unit"),
            [(person.id, row.row, row.unit[:120]) for person, row in self._memberships],
            always={"list_id": self._brought.list_id, "import_id": self._brought.id},
        )
        record_sighting(self._session, self._here_again, brought=self._brought)
        if grown:
            self._write_facts(grown)
        told = [each for each in self._people.values() if each.confirmed or each.phones_confirmed]
        if grown or told:
            self._write_changes({each.id: each for each in (*grown, *told)}.values())

    def _look_up(self, ids: set[int]) -> None:
        if not ids:
            return
        people = values_subquery(self._session, ids, BigInteger)
        facts = [getattr(Contact, name) for name in FACTS]
        columns = select(Contact.id, Contact.name, Contact.name_key, *facts)
        for contact_id, name, key, *known in self._session.execute(
            columns.where(Contact.id.in_(people)).order_by(Contact.id)
        ):
            self._people[contact_id] = ImportedContact(
                contact_id, name, key, dict(zip(FACTS, known, strict=True))
            )
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

        for contact_id, fields, phones in self._session.execute(
            select(ImportChange.contact_id, ImportChange.fields, ImportChange.phones).where(
                ImportChange.contact_id.in_(people), ImportChange.import_id != self._brought.id
            )
        ):
            self._told.setdefault(contact_id, []).append((fields, phones))

    @cached_property
    def _of_the_organisation(self) -> set[int]:
        owner = select(ContactList.organisation_id).where(ContactList.id == self._brought.list_id)
        return set(
            self._session.scalars(
                select(Membership.contact_id)
                .join(ContactList, ContactList.id == Membership.list_id)
                .where(
                    ContactList.organisation_id == owner.scalar_subquery(),
                    Membership.contact_id.in_(values_subquery(self._session, self._people, BigInteger)),
                )
            )
        )

    def _phones_of(self, row: CheckedRow) -> list[int]:
        return [self._phones[number] for number in row.phone.numbers]

    def _facts(self, row: CheckedRow) -> dict[str, Any]:
        return facts_of(row, self._known_areas)

    def _newer(self, person: ImportedContact, brought: dict[str, Any]) -> Collection[str]:
        """What this file knows better than the lists of the same organisation before it."""
        known = person.facts["has_smartphone"]
        if known is None or brought["has_smartphone"] in (None, known) or person.is_new:
            return ()
        is_of_this_file = self._members.get(person.id) == self._brought.id
        return () if is_of_this_file or person.id not in self._of_the_organisation else ("has_smartphone",)

    def _make(self, row: CheckedRow) -> ImportedContact:
        phones = self._phones_of(row)
        person = ImportedContact(0, row.name[:120], row.name_key, self._facts(row), phones, is_new=True)
        for phone_id in phones:
            self._on_phone.setdefault(phone_id, []).append(person)
        self._made.append(person)
        self._given.append(row.given_key)
        self._memberships.append((person, row))
        return person

    def _write_phones(self, rows: list[tuple[int, int, int]]) -> None:
        columns = ("contact_id", "phone_id", "position")
        insert_rows(self._session, ContactPhone.__table__, columns, rows)

    def _write_facts(self, grown: list[ImportedContact]) -> None:
        table: Any = Contact.__table__
        self._session.execute(
            update(table)
            .where(table.c.id == bindparam("_id"))
            .values({**{name: bindparam(f"_{name}") for name in FACTS}, "updated_at": self._now}),
            [{"_id": each.id, **{f"_{name}": each.facts[name] for name in FACTS}} for each in grown],
        )

    def _write_changes(self, people: Collection[ImportedContact]) -> None:
        of_this = select(ImportChange).where(
            ImportChange.import_id == self._brought.id,
            ImportChange.contact_id.in_(
                values_subquery(self._session, [each.id for each in people], BigInteger)
            ),
        )
        held = {each.contact_id: each for each in self._session.scalars(of_this)}
        for person in people:
            change = held.get(person.id)
            if change is None:
                change = ImportChange(import_id=self._brought.id, contact_id=person.id, fields={}, phones=[])
                self._session.add(change)
            told = {
                name: [change.fields[name][0] if name in change.fields else before, value]
                for name, (before, value) in (person.confirmed | person.added).items()
            }
            change.fields = {**change.fields, **told}
            phones = [*person.phones_added, *person.phones_confirmed]
            change.phones = [*change.phones, *(each for each in phones if each not in change.phones)]
        self._session.flush()


_LETTER: dict[Sex | None, str | None] = {None: None, Sex.MALE: "m", Sex.FEMALE: "f"}
FACTS = ("birth_year", "sex", "area_code", "village", "has_smartphone")


@dataclass(slots=True, eq=False)
class ImportedContact:
    """Somebody on the chunk's phones. A new one has no id until written.

    `added` is what this chunk adds to others: the value before and its own; `confirmed` what it says as another import
    has done that added it.
    """

    id: int
    name: str
    key: str
    facts: dict[str, Any]
    phones: list[int] = field(default_factory=list)
    added: dict[str, list[Any]] = field(default_factory=dict)
    phones_added: list[int] = field(default_factory=list)
    confirmed: dict[str, list[Any]] = field(default_factory=dict)
    phones_confirmed: list[int] = field(default_factory=list)
    is_new: bool = False

    def add_facts(self, brought: dict[str, Any], *, newer: Collection[str] = ()) -> bool:
        """Add what was not known; never overwrite but what is `newer`: a changed value is a question for a person.

        Whether anything was added.
        """
        grown = False
        for name, value in brought.items():
            known = self.facts[name]
            if value not in (None, "", known) and (known in (None, "") or name in newer):
                self.facts[name] = value
                self.added[name] = [self.added[name][0] if name in self.added else known, value]
                grown = True
        return grown

    def confirm(
        self,
        values: dict[str, list[Any]],
        phones: Collection[int],
        *,
        brought: dict[str, Any],
        on: Collection[int],
    ) -> None:
        """Of what another import added remember what a row with these facts, `on` these phones, says as well."""
        for name, (before, value) in values.items():
            if value == brought[name] == self.facts[name] and name not in self.added:
                self.confirmed[name] = [before, value]
        known = {*self.phones_added, *self.phones_confirmed}
        self.phones_confirmed += [each for each in on if each in phones and each not in known]

    def contradicts(self, brought: dict[str, Any]) -> bool:
        """Is the sex or the year of birth another one?"""
        return any(
            self.facts[name] and brought[name] and self.facts[name] != brought[name]
            for name in ("birth_year", "sex")
        )

    def is_namesake(self, row: CheckedRow, known_areas: Collection[str]) -> bool:
        """Of two whose names have the same letters: are they two, by their accents and by what else is known?"""
        differ = self.name.lower() != row.name[:120].lower()
        return differ and self.contradicts(facts_of(row, known_areas))


def facts_of(row: CheckedRow, known_areas: Collection[str]) -> dict[str, Any]:
    """What a row tells of a person; of places those that the database knows."""
    return {
        "birth_year": row.birth_year,
        "sex": _LETTER[row.sex],
        "area_code": row.place.code if row.place.code in known_areas else None,
        "village": row.village[:120],
        "has_smartphone": row.has_smartphone,
    }


def record_sighting(session: Session, contacts: Collection[int], *, brought: ListImport) -> None:
    """People of the list whom this import had, too."""
    if not contacts:
        return
    theirs = (
        Membership.list_id == brought.list_id,
        Membership.contact_id.in_(values_subquery(session, contacts, BigInteger)),
        Membership.import_id.is_distinct_from(brought.id),
    )
    known = exists().where(
        ImportSighting.contact_id == Membership.contact_id,
        ImportSighting.import_id == Membership.last_import_id,
    )
    before = select(Membership.contact_id, Membership.last_import_id, Membership.list_id).where(
        *theirs, Membership.last_import_id != brought.id, ~known
    )
    session.execute(insert(ImportSighting).from_select(["contact_id", "import_id", "list_id"], before))
    session.execute(
        update(Membership).where(*theirs).values(last_import_id=brought.id), execution_options=NO_SYNC
    )


def reassign_contacts(session: Session, contacts: Collection[int], *, brought: ListImport) -> set[int]:
    """People whom this import brought are the next one's that had them. Which row it was, it did not say.

    Those whom no other had.
    """
    theirs = (
        Membership.list_id == brought.list_id,
        Membership.import_id == brought.id,
        Membership.contact_id.in_(values_subquery(session, contacts, BigInteger)),
    )
    between = (
        select(ImportSighting.contact_id, func.min(ImportSighting.import_id).label("import_id"))
        .where(ImportSighting.list_id == brought.list_id, ImportSighting.import_id != brought.id)
        .where(ImportSighting.contact_id.in_(values_subquery(session, contacts, BigInteger)))
        .group_by(ImportSighting.contact_id)
        .subquery()
    )
    heirs: dict[int | None, set[int]] = {}
    for contact_id, last, other in session.execute(
        select(Membership.contact_id, Membership.last_import_id, between.c.import_id)
        .outerjoin(between, between.c.contact_id == Membership.contact_id)
        .where(*theirs)
    ):
        heirs.setdefault(min(filter(None, (last, other)), default=None), set()).add(contact_id)
    alone = heirs.pop(None, set())
    for import_id, people in heirs.items():
        last = case((Membership.last_import_id == import_id, None), else_=Membership.last_import_id)
        session.execute(
            update(Membership)
            .where(*theirs[:2], Membership.contact_id.in_(values_subquery(session, people, BigInteger)))
            .values(import_id=import_id, last_import_id=last, row=None),
            execution_options=NO_SYNC,
        )
    return alone


def remove_sightings(session: Session, *, brought: ListImport) -> None:
    """This import had nobody: whose last one it was, theirs is the one before it."""
    before = (
        select(func.max(ImportSighting.import_id))
        .where(
            ImportSighting.list_id == brought.list_id,
            ImportSighting.contact_id == Membership.contact_id,
            ImportSighting.import_id.not_in((brought.id, func.coalesce(Membership.import_id, 0))),
        )
        .scalar_subquery()
    )
    session.execute(
        update(Membership)
        .where(Membership.list_id == brought.list_id, Membership.last_import_id == brought.id)
        .values(last_import_id=before),
        execution_options=NO_SYNC,
    )
    session.execute(
        delete(ImportSighting).where(ImportSighting.import_id == brought.id), execution_options=NO_SYNC
    )
