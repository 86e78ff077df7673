"""Merging of rows into contacts, one chunk at a time, and the record of which import contained whom.

All that a chunk needs is looked up beforehand and all that it creates is written at its end, so that a row
costs no query. Of each contact of a list the first import, the last one and those between are stored, as are
the values and phones that an import added, and as soon as two differ all that each stated: so each import can be undone.

Whom a row may mean although no number tells is found by name: half of a province shares a few hundred names, so that they are
told apart by the year of birth first: one that differs contradicts, one that is not stated does not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from outreach.contacts.phones import former_owners, note_at_the_door, open_numbers
from outreach.core.db import (
    insert_new,
    insert_rows,
    is_set,
    reserve_ids,
    rows_table,
    set_columns,
    values_subquery,
)
from outreach.imports.sightings import contained_by, record_sighting
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportSighting,
    ListImport,
    Membership,
    PersonMerge,
)
from outreach.rules.identity import is_same_person, is_similar_name
from outreach.rules.list_rows import CheckedRow, Sex

Person = TypeVar("Person")
_Known = dict[str, dict[int | None, list[tuple[int, Person]]]]


class Namesakes(Generic[Person]):
    """People by their name and year of birth, each with its place in the order in which they were added.

    Those without a number are apart, as nobody else is meant by a row with one.
    """

    def __init__(self) -> None:
        self._at_the_door, self._others = _Known[Person](), _Known[Person]()
        self._places = count()

    def add(self, key: str, birth_year: int | None, person: Person, *, has_number: bool) -> None:
        """Add a person; one whose year or number becomes known later stays where it is."""
        known = (self._others if has_number else self._at_the_door).setdefault(key, {})
        known.setdefault(birth_year, []).append((next(self._places), person))

    def of(self, key: str, birth_year: int | None, *, has_number: bool) -> list[tuple[int, Person]]:
        """Return whom a row with a name may mean: those whose year of birth, as it was when they were added, is not another one."""
        found: list[tuple[int, Person]] = []
        for known in (self._at_the_door,) if has_number else (self._at_the_door, self._others):
            if of_name := known.get(key):
                for year in of_name if birth_year is None else (birth_year, None):
                    found += of_name.get(year, ())
        return found


def find_namesakes(session: Session, rows: Collection[CheckedRow], *, list_id: int) -> set[int]:
    """Return the contacts with the name of a row and no other year of birth: for rows without a usable number those of
    its commune or of this list, for the others those without a number."""
    with_number = [row for row in rows if row.phone.numbers]
    is_called = Contact.name_key.in_(_names(session, with_number))
    at_the_door = select(Contact.id).where(is_set(Contact.at_the_door), is_called)
    found = set(session.scalars(at_the_door.where(or_(*_may_mean(session, with_number)))))
    without = [row for row in rows if row.is_at_the_door]
    if not without:
        return found
    keys = _names(session, without)
    found.update(session.scalars(select(PersonMerge.kept_id).where(PersonMerge.name_key.in_(keys))))
    areas = {row.place.code for row in without if row.place.code}
    in_list = exists().where(Membership.contact_id == Contact.id, Membership.list_id == list_id)
    in_area = Contact.area_code.in_(values_subquery(session, areas, String))
    near = select(Contact.id).where(or_(Contact.area_code.is_(None), in_area, in_list))
    for is_meant in _may_mean(session, without):
        found.update(session.scalars(near.where(is_meant)))
    return found


def _may_mean(session: Session, rows: Iterable[CheckedRow]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for contacts with the name of a row and no other year of birth, each by the index of both."""
    pairs = {(row.name_key, row.birth_year) for row in rows if row.birth_year}
    named = rows_table(
        session,
        {"name_key": String, "birth_year": Integer},
        [{"name_key": key, "birth_year": year} for key, year in pairs],
    )
    return (
        tuple_(Contact.name_key, Contact.birth_year).in_(select(named.c.name_key, named.c.birth_year)),
        and_(Contact.name_key.in_(_names(session, rows)), Contact.birth_year.is_(None)),
        Contact.name_key.in_(_names(session, [row for row in rows if not row.birth_year])),
    )


def _names(session: Session, rows: Iterable[CheckedRow]) -> Select[Any]:
    return values_subquery(session, {row.name_key for row in rows}, String)


class ContactMerger:
    """Merger of one chunk's rows. Call `merge_row` for each row, then `write`."""

    def __init__(
        self,
        session: Session,
        list_import: ListImport,
        *,
        phones: dict[str, int],
        in_use: Collection[int],
        known_areas: set[str],
        now: datetime,
    ) -> None:
        """`in_use` are those of the phones that may belong to contacts already."""
        self._session, self._list_import, self._now = session, list_import, now
        self._phones, self._in_use, self._known_areas = phones, in_use, known_areas
        self._people: dict[int, ImportedContact] = {}
        self._on_phone: dict[int, list[ImportedContact]] = {}
        self._namesakes = Namesakes[ImportedContact]()
        # Contacts already in this list, with the import that added them.
        self._members: dict[int, int | None] = {}
        self._created: list[ImportedContact] = []
        self._given_keys: list[str] = []  # `given_key` of each new contact
        self._memberships: list[tuple[ImportedContact, CheckedRow]] = []
        # Of contacts of other organisations: what this list's files state, and those of whom this chunk states more.
        self._stated: dict[int, dict[str, Any]] = {}
        self._states_more: set[int] = set()
        # (contact, phone) that only lists of other organisations give so far, and those of them that this list gives as well.
        self._named: set[tuple[int, int]] = set()
        self._recorded: set[tuple[int, int]] = set()
        self._seen_again: set[int] = set()
        # Contacts whom this import contained further up, in another chunk.
        self._seen_before: set[int] = set()
        # By merge of people, what rows that came since state of the one whom they name: of the kept one, or the merged one.
        self._since: dict[int, tuple[PersonMerge, dict[str, Any]]] = {}
        # What earlier imports stated of existing contacts, of whom this row is the first to state something else, and
        # the import that did not.
        self._stated_before: dict[int, tuple[dict[str, list[Any]], list[int], int | None]] = {}
        # What other imports added to existing contacts: values and phones.
        self._other_changes: dict[int, list[tuple[dict[str, list[Any]], list[int]]]] = {}
        # What this import stated of them further up, in another chunk: facts and phones.
        self._own_changes: dict[int, set[str | int]] = {}
        # (contact, fact) that only lists of other organisations state so far.
        self._named_facts: set[tuple[int, str]] = set()
        # Facts and phones that officers and answers stated since imports created the contacts.
        self._said_since: dict[int, set[str | int]] = {}
        # (contact, phone) that an officer separated: a row with that name and number is this contact, but the
        # number is not added again.
        self._former_owners: set[tuple[int, int]] = set()
        if in_use:
            phone_ids = values_subquery(session, in_use)
            owners = select(ContactPhone.contact_id).where(ContactPhone.phone_id.in_(phone_ids))
            self._former_owners = former_owners(session, in_use)
            self._load_contacts(
                {*session.scalars(owners), *(person for person, _phone in self._former_owners)}
            )
        self._formerly_on_phone: dict[int, list[ImportedContact]] = {}
        for contact_id, phone_id in sorted(self._former_owners):
            self._formerly_on_phone.setdefault(phone_id, []).append(self._people[contact_id])

    def find(self, row: CheckedRow) -> ImportedContact | None:
        """Return the contact with the row's name on one of its phones; of two, the older one.

        None if there is none, or if names differ in their accents and sex or year of birth differ as well
        (see `find_renamed`).
        """
        for number in row.phone.numbers:
            for person in self._on_phone.get(self._phones[number], ()):
                if person.is_called(row) and (
                    person.name == row.name or not person.is_namesake(row, self._known_areas)
                ):
                    return person
        for number in row.phone.numbers if self._former_owners else ():
            for person in self._formerly_on_phone.get(self._phones[number], ()):
                if person.is_called(row):
                    return person
        return None

    def find_renamed(self, row: CheckedRow) -> ImportedContact | None:
        """Return a contact on one of the row's phones who may be meant by another name, or None.

        A contact of this organisation's lists with a similar name that an earlier file contained; or one
        whose name has the same letters and other accents, but another sex or year of birth.
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
                    and is_similar_name(person.name, row.name)
                    and not person.contradicts(self._facts(row))
                    and self._members.get(person.id) != self._list_import.id
                    and person.id in self._organisation_contacts
                ):
                    return person
        return None

    def load_namesakes(self, rows: Collection[CheckedRow]) -> None:
        """Look up those who may be meant by a row without a usable number, and those without one who may have got it."""
        ids = find_namesakes(self._session, rows, list_id=self._list_import.list_id)
        self._load_contacts(ids - self._people.keys())
        for person_id in sorted(ids):
            person = self._people[person_id]
            for key, facts in person.known_as():
                self._namesakes.add(key, facts["birth_year"], person, has_number=bool(person.phones))

    def find_at_the_door(self, row: CheckedRow) -> ImportedContact | None:
        """Return the contact that a row without a usable number is about, or one without a number who has the row's."""
        namesakes = self._namesakes.of(row.name_key, row.birth_year, has_number=bool(row.phone.numbers))
        if row.phone.numbers:
            namesakes = [each for each in namesakes if not each[1].phones]
        if not namesakes:
            return None
        facts = self._facts(row)

        def is_meant(person: ImportedContact) -> bool:
            is_in_list = not person.is_new and self._members.get(person.id) not in (
                None,
                self._list_import.id,
            )
            more = {"is_in_list": is_in_list, "has_number": bool(person.phones)}
            known = [each for key, each in person.known_as() if key == row.name_key]
            return any(is_same_person(each, facts, **more) for each in known)

        found = [each for each in namesakes if is_meant(each[1])]
        if not found:
            return None
        return min(found, key=lambda each: (bool(each[1].phones), each[1].is_new, each[1].id, each[0]))[1]

    def is_in_list(self, person: ImportedContact) -> bool:
        """Return whether the contact is in this list, from before or by a row further up."""
        return person.is_new or person.id in self._members

    def note_seen(self, person: ImportedContact) -> None:
        """Note that this import contained the contact by a row further up, though its list was split since."""
        self._seen_before.add(person.id)

    def is_seen(self, person: ImportedContact) -> bool:
        """Return whether this import contained the contact by a row further up."""
        is_own = person.is_new or self._members.get(person.id) == self._list_import.id
        return is_own or person.id in self._seen_before or person.id in self._seen_again

    def load(self, contact_id: int) -> ImportedContact:
        """Return a contact that may be on none of the chunk's phones."""
        self._load_contacts({contact_id} - self._people.keys())
        return self._people[contact_id]

    def merge_row(self, row: CheckedRow, person: ImportedContact | None) -> tuple[ImportedContact, str]:
        """Merge a row into a contact, or into a new one if `person` is None.

        Returns the contact and the outcome: created, merged, updated, unchanged (see `ImportCounts`).
        """
        if person is None:
            return self._create(row), "created"
        facts = self._facts(row)
        self._note_since(person, row)
        self.note_stated_before(person, facts, self._phones_of(row))
        changed = person.add_facts(facts, newer=self._newer(person, facts))
        for phone_id in self._phones_of(row):
            if phone_id not in person.phones and (person.id, phone_id) not in self._former_owners:
                person.phones.append(phone_id)
                person.phones_added.append(phone_id)
                self._on_phone.setdefault(phone_id, []).append(person)
                changed = True
        for other_change in self._other_changes.get(person.id, ()):
            person.confirm(*other_change, facts=facts, on=self._phones_of(row))
        if person.is_new:  # further up in this chunk
            return person, "merged"
        person.note_otherwise(facts, but=self._said_before(person))
        self._note_stated(person, facts, self._phones_of(row))
        if person.id not in self._members:
            self._members[person.id] = self._list_import.id
            self._memberships.append((person, row))
            return person, "merged"
        if self._members[person.id] == self._list_import.id:  # further up in this file
            return person, "merged"
        self._seen_again.add(person.id)
        return person, "updated" if changed else "unchanged"

    def note_stated_before(self, person: ImportedContact, facts: dict[str, Any], phones: list[int]) -> None:
        """Note what the imports before stated, if a row is the first to differ: so far each stated all that is known.

        But what an officer has put right, or an answer said of the smartphone. This import did, too, where it had them further up.
        """
        if person.is_new or (facts == person.facts and {*phones} == {*person.phones}):
            return
        others = self._other_changes.setdefault(person.id, [])
        own = self._own_changes.get(person.id, set()).union(person.added, person.phones_added)
        said = own.union(self._said_since.get(person.id, ()), *(fields for fields, _ in others))
        noted = said.union(*(numbers for _, numbers in others))
        fields, numbers = person.known_beside(noted)
        if not fields and not numbers:
            return
        is_seen = self.is_seen(person)
        self._stated_before[person.id] = fields, numbers, None if is_seen else self._list_import.id
        if not is_seen:  # else there is nothing to confirm
            others.append((fields, numbers))

    def _note_since(self, person: ImportedContact, row: CheckedRow) -> None:
        """Note whom of merged people a row names, and what it states, unless this import contained them before they were merged."""
        key = str(self._list_import.id)
        for merge in person.merges:
            since = self._since.get(merge.id, (merge, merge.data.get("since", {}).get(key, {})))[1]
            if not since and self.is_seen(person):
                continue
            whom = whom_row_names(row.name_keys, self._phones_of(row), person.key, merge, person.merges)
            said = since.get(whom, {"facts": {}, "phones": [], "rows": []})
            stated = {
                "facts": _only_said(self._facts(row)) | said["facts"],
                "phones": [*dict.fromkeys([*said["phones"], *self._phones_of(row)])],
                "rows": sorted({*said["rows"], row.row}),
            }
            self._since[merge.id] = merge, {**since, whom: stated}

    def _said_before(self, person: ImportedContact) -> set[str | int]:
        """Return the facts that this import stated of a contact further up: each import states one value."""
        fields, _numbers, but = self._stated_before.get(person.id, ({}, [], 0))
        return self._own_changes.get(person.id, set()).union(fields if but is None else ())

    def _note_stated(self, person: ImportedContact, facts: dict[str, Any], phones: list[int]) -> None:
        """Note what a row states of a contact whom another organisation recorded."""
        if person.id not in self._stated:
            if person.id in self._members or person.id in self._recorded_contacts:
                self._recorded |= self._named.intersection((person.id, phone_id) for phone_id in phones)
                return
            self._stated[person.id] = {"facts": {}, "phones": []}
        known = self._stated[person.id]
        stated = {
            **known,
            "facts": {**known["facts"], **_only_said(facts)},
            "phones": [*known["phones"], *(each for each in phones if each not in known["phones"])],
        }
        if stated != known:
            self._stated[person.id] = stated
            if person.id in self._members:
                self._states_more.add(person.id)

    def write(self) -> None:
        """Write all merged rows to the database."""
        ids = reserve_ids(self._session, Contact.__table__, len(self._created))
        for person, new_id in zip(self._created, ids, strict=True):
            person.id = new_id
        contacts = [
            (contact.id, contact.name, contact.key, given_key, not contact.phones, *contact.facts.values())
            for contact, given_key in zip(self._created, self._given_keys, strict=True)
        ]
        columns = ("id", "name", "name_key", "given_key", "at_the_door", *FACTS)
        moment = {"created_at": self._now, "updated_at": self._now}
        insert_rows(self._session, Contact.__table__, columns, contacts, always=moment)
        extended = [contact for contact in self._people.values() if contact.added or contact.phones_added]
        self._write_phones(extended)
        self._write_memberships()
        record_sighting(self._session, self._seen_again, list_import=self._list_import)
        if extended:
            self._write_facts(extended)
        confirmed = [
            contact for contact in self._people.values() if contact.confirmed or contact.phones_confirmed
        ]
        for merge, since in self._since.values():
            of_import = {str(self._list_import.id): since}
            merge.data = {**merge.data, "since": {**merge.data.get("since", {}), **of_import}}
        if self._stated_before:
            self._write_stated_before()
        if extended or confirmed:
            self._write_changes({contact.id: contact for contact in (*extended, *confirmed)}.values())

    def _write_phones(self, extended: Sequence[ImportedContact]) -> None:
        columns = ("contact_id", "phone_id", "position", "is_named")
        new, links = (
            [
                (contact.id, phone_id, contact.phones.index(phone_id) + 1, contact.id in self._stated)
                for contact in people
                for phone_id in (contact.phones if contact.is_new else contact.phones_added)
            ]
            for people in (self._created, extended)
        )
        insert_rows(self._session, ContactPhone.__table__, columns, new)
        if links:  # an officer may have given them meanwhile
            more = [dict(zip(columns, link, strict=True)) for link in links]
            self._session.execute(insert_new(self._session, ContactPhone), more)
        # A number of which there is a row of a removal is in use by that.
        given = {phone_id for _person, phone_id, *_ in (*new, *links)}
        open_numbers(self._session, given.intersection(self._in_use), now=self._now)
        for contact_id, phone_id in self._recorded:
            link = (ContactPhone.contact_id == contact_id, ContactPhone.phone_id == phone_id)
            set_columns(self._session, ContactPhone, *link, is_named=False)
        note_at_the_door(self._session, [contact.id for contact in extended if contact.phones_added])

    def _write_memberships(self) -> None:
        list_id = self._list_import.list_id
        members = [
            (person.id, row.row, row.unit[:120], None if stated is None else json.dumps(stated))
            for person, row in self._memberships
            for stated in [self._stated.get(person.id)]
        ]
        always = {"list_id": list_id, "import_id": self._list_import.id}
        columns = ("contact_id", "row", "unit", "stated")
        insert_rows(self._session, Membership.__table__, columns, members, always=always)
        for contact_id in sorted(self._states_more):
            member = (Membership.list_id == list_id, Membership.contact_id == contact_id)
            set_columns(self._session, Membership, *member, stated=self._stated[contact_id])

    def _load_contacts(self, ids: set[int]) -> None:
        if not ids:
            return
        people = values_subquery(self._session, ids)
        facts = [getattr(Contact, name) for name in FACTS]
        is_untouched = Contact.updated_at == Contact.created_at
        columns = select(Contact.id, Contact.name, Contact.name_key, is_untouched, *facts)
        for contact_id, name, key, untouched, *known in self._session.execute(
            columns.where(Contact.id.in_(people)).order_by(Contact.id)
        ):
            self._people[contact_id] = ImportedContact(
                contact_id, name, key, dict(zip(FACTS, known, strict=True))
            )
            if not untouched:
                self._said_since[contact_id] = {"has_smartphone"}
        subjects = [f"contacts:{contact_id}" for contact_id in self._said_since]
        for subject, details in (
            self._session.execute(
                select(AuditEvent.subject, AuditEvent.details).where(
                    AuditEvent.subject.in_(values_subquery(self._session, subjects, String)),
                    AuditEvent.action.in_(("contact.correct", "contact.add_number")),
                )
            )
            if subjects
            else ()
        ):
            said = self._said_since[int(subject.removeprefix("contacts:"))]
            said.update(details.get("fields", ()))
            said.update(filter(None, [details.get("phone")]))
        for contact_id, phone_id, is_named in self._session.execute(
            select(ContactPhone.contact_id, ContactPhone.phone_id, ContactPhone.is_named)
            .where(ContactPhone.contact_id.in_(people))
            .order_by(ContactPhone.contact_id, ContactPhone.position)
        ):
            self._people[contact_id].phones.append(phone_id)
            if is_named:
                self._named.add((contact_id, phone_id))
            self._on_phone.setdefault(phone_id, []).append(self._people[contact_id])
        is_seen = contained_by(self._list_import)
        for contact_id, import_id, stated, seen in self._session.execute(
            select(Membership.contact_id, Membership.import_id, Membership.stated, is_seen).where(
                Membership.list_id == self._list_import.list_id, Membership.contact_id.in_(people)
            )
        ):
            self._members[contact_id] = import_id
            if seen:
                self._seen_before.add(contact_id)
            if stated is not None:
                self._stated[contact_id] = stated

        for merge in self._session.scalars(select(PersonMerge).where(PersonMerge.kept_id.in_(people))):
            known_then = dict.fromkeys(FACTS) | merge.data["facts"]  # by earlier releases fewer
            self._people[merge.kept_id].merged.append((merge.name_key, known_then))
            self._people[merge.kept_id].merges.append(merge)
            unstated = merge.data.get("unstated", {"fields": {}, "phones": []})
            self._other_changes.setdefault(merge.kept_id, []).append((unstated["fields"], unstated["phones"]))
        self._load_other_changes(people)

    def _load_other_changes(self, people: Select[tuple[int]]) -> None:
        """Load what other imports changed, and which facts stand as lists that only name people gave them."""
        is_naming = exists().where(
            Membership.contact_id == ImportChange.contact_id,
            Membership.list_id == ListImport.list_id,
            Membership.stated.is_not(None),
        )
        recorded: set[tuple[int, str]] = set()
        for import_id, contact_id, fields, phones, names_only in self._session.execute(
            select(
                ImportChange.import_id,
                ImportChange.contact_id,
                ImportChange.fields,
                ImportChange.phones,
                is_naming,
            )
            .join(ListImport, ListImport.id == ImportChange.import_id)
            .where(ImportChange.contact_id.in_(people))
        ):
            if import_id == self._list_import.id:
                self._own_changes[contact_id] = {*fields, *phones}
                continue
            self._other_changes.setdefault(contact_id, []).append((fields, phones))
            said = self._said_since.get(contact_id, set())
            for name, (before, value) in fields.items():
                if value == self._people[contact_id].facts[name]:
                    # One that was replaced before was so by an officer, or by those who recorded the person.
                    is_named = names_only and before in (None, "") and name not in said
                    (self._named_facts if is_named else recorded).add((contact_id, name))
        self._named_facts -= recorded

    @cached_property
    def _organisation_contacts(self) -> set[int]:
        """Contacts that are in lists of this organisation."""
        return {contact_id for contact_id, _stated in self._organisation_memberships}

    @cached_property
    def _recorded_contacts(self) -> set[int]:
        """Those whom one of these lists recorded, not only named."""
        return {contact_id for contact_id, stated in self._organisation_memberships if stated is None}

    @cached_property
    def _organisation_memberships(self) -> list[tuple[int, dict[str, Any] | None]]:
        owner = select(ContactList.organisation_id).where(ContactList.id == self._list_import.list_id)
        return list(
            self._session.execute(
                select(Membership.contact_id, Membership.stated)
                .join(ContactList, ContactList.id == Membership.list_id)
                .where(
                    ContactList.organisation_id == owner.scalar_subquery(),
                    Membership.contact_id.in_(values_subquery(self._session, self._people)),
                )
            )
        )

    def _phones_of(self, row: CheckedRow) -> list[int]:
        return [self._phones[number] for number in row.phone.numbers]

    def stated_by(self, row: CheckedRow) -> dict[str, Any]:
        """Return the facts that a row states, the ids of its numbers, and their language as written."""
        facts, phones = _only_said(self._facts(row)), self._phones_of(row)
        return {"facts": facts, "phones": phones, "language": row.language}

    def _facts(self, row: CheckedRow) -> dict[str, Any]:
        return facts_of(row, self._known_areas)

    def _newer(self, person: ImportedContact, facts: dict[str, Any]) -> Collection[str]:
        """Return the facts in which this file overrides what is known, if its organisation recorded the person.

        What only lists of other organisations stated, and the smartphone of earlier lists.
        """
        if person.is_new or facts == person.facts or person.id not in self._recorded_contacts:
            return ()
        named = {name for name in FACTS if (person.id, name) in self._named_facts}
        newer = named - person.added.keys() - person.confirmed.keys()
        is_of_this_file = self._members.get(person.id) == self._list_import.id
        return newer if is_of_this_file else newer | {"has_smartphone"}

    def _create(self, row: CheckedRow) -> ImportedContact:
        phones = self._phones_of(row)
        person = ImportedContact(0, row.name[:120], row.name_key, self._facts(row), phones, is_new=True)
        for phone_id in phones:
            self._on_phone.setdefault(phone_id, []).append(person)
        self._namesakes.add(person.key, row.birth_year, person, has_number=bool(phones))
        self._created.append(person)
        self._given_keys.append(row.given_key)
        self._memberships.append((person, row))
        return person

    def _write_facts(self, people: list[ImportedContact]) -> None:
        """Write the facts of people, but those that an officer or an answer has changed since they were read."""
        table: Any = Contact.__table__
        columns = table.c
        values = {
            each: case(
                (
                    each.is_not_distinct_from(bindparam(f"_was_{each.key}", type_=each.type)),
                    bindparam(f"_{each.key}", type_=each.type),
                ),
                else_=each,
            )
            for each in map(columns.get, FACTS)
        }
        self._session.execute(
            update(table)
            .where(columns.id == bindparam("_id"))
            .values({**values, columns.updated_at: self._now}),
            [
                {"_id": person.id}
                | {f"_{name}": value for name, value in person.facts.items()}
                | {f"_was_{name}": person.added.get(name, [value])[0] for name, value in person.facts.items()}
                for person in people
            ],
        )

    def _write_stated_before(self) -> None:
        imports: dict[int, set[int | None]] = {}
        people = values_subquery(self._session, self._stated_before)
        sources = (
            (Membership.contact_id, Membership.import_id),
            (Membership.contact_id, Membership.last_import_id),
            (ImportSighting.contact_id, ImportSighting.import_id),
        )
        for contact, of_import in sources:
            for contact_id, import_id in self._session.execute(
                select(contact, of_import).where(contact.in_(people))
            ):
                imports.setdefault(contact_id, set()).add(import_id)
        of_people = select(ImportChange).where(ImportChange.contact_id.in_(people))
        changes = {(each.import_id, each.contact_id): each for each in self._session.scalars(of_people)}
        for contact_id, (fields, phones, but) in self._stated_before.items():
            for import_id in sorted({*imports.get(contact_id, ())} - {None, but}):
                change = changes.get((import_id, contact_id))
                if change is None:
                    change = ImportChange(import_id=import_id, contact_id=contact_id, fields={}, phones=[])
                    self._session.add(change)
                change.fields, change.phones = {**fields, **change.fields}, [*change.phones, *phones]
        self._session.flush()

    def _write_changes(self, people: Collection[ImportedContact]) -> None:
        query = select(ImportChange).where(
            ImportChange.import_id == self._list_import.id,
            ImportChange.contact_id.in_(values_subquery(self._session, [person.id for person in people])),
        )
        changes = {change.contact_id: change for change in self._session.scalars(query)}
        for person in people:
            change = changes.get(person.id)
            if change is None:
                change = ImportChange(
                    import_id=self._list_import.id, contact_id=person.id, fields={}, phones=[]
                )
                self._session.add(change)
            values = {
                name: [change.fields[name][0] if name in change.fields else before, value]
                for name, (before, value) in (person.confirmed | person.added).items()
            }
            change.fields = {**change.fields, **values}
            phones = [*person.phones_added, *person.phones_confirmed]
            change.phones = [
                *change.phones,
                *(phone_id for phone_id in phones if phone_id not in change.phones),
            ]
        self._session.flush()


def whom_row_names(
    names: Collection[str],
    phones: Collection[int],
    own_name: str,
    merge: PersonMerge,
    merges: Collection[PersonMerge],
) -> str:
    """Return whom of two merged people a row names: `kept` or `merged`, with whom they were merged before.

    `names` and `phones` are the row's, `merges` all of the kept one. Where both have the name a number tells; else it is the kept one.
    """
    theirs = {each for (each,) in merge.data["moved"].get(PersonMerge.__tablename__, ())} | {merge.id}
    of_merged = {each.name_key for each in merges if each.id in theirs}
    of_kept = {own_name, *(each.name_key for each in merges if each.id not in theirs)}
    if of_merged.isdisjoint(names):
        return "kept"
    numbers, own = {phone_id for phone_id, _position in merge.data["phones"]}, {*merge.data["own_phones"]}
    is_merged = of_kept.isdisjoint(names) or (own.isdisjoint(phones) and not numbers.isdisjoint(phones))
    return "merged" if is_merged else "kept"


def note_stated(session: Session, people: Collection[int], *, now: datetime) -> None:
    """Note of these people what each import so far stated, as if something else were stated now: they are about to be merged."""
    nobody = ListImport(id=0, list_id=0)
    merger = ContactMerger(session, nobody, phones={}, in_use=(), known_areas=set(), now=now)
    for each in people:
        merger.note_stated_before(merger.load(each), {}, [])
    merger.write()


_SEX_CODES: dict[Sex | None, str | None] = {None: None, Sex.MALE: "m", Sex.FEMALE: "f"}
FACTS: dict[str, Any] = dict.fromkeys(
    ("birth_year", "sex", "area_code", "village", "has_smartphone", "place_question_id")
) | {"village": ""}
"""What a file may say of a person, each with what it is while nothing is known."""


@dataclass(slots=True, eq=False)
class ImportedContact:
    """Contact as an import sees it: what is known, and what its rows add.

    A new one has no id until written. `added` is what this chunk adds to an existing contact: the value
    before and its own. `confirmed` is what it states as well as another import that added it, or otherwise than is known.
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
    # Keys of the names of people whom officers merged with this one, with what was known of each.
    merged: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    merges: list[PersonMerge] = field(default_factory=list)

    def known_as(self) -> list[tuple[str, dict[str, Any]]]:
        """Return by the keys of the names of the person, and of those who were merged with them, what is or was known of each."""
        return [(self.key, self.facts), *self.merged]

    def is_called(self, row: CheckedRow) -> bool:
        """Return whether a row has the person's name, or that of one whom officers merged with this person."""
        return any(key in row.name_keys for key, _facts in self.known_as())

    def add_facts(self, facts: dict[str, Any], *, newer: Collection[str] = ()) -> bool:
        """Add facts that were not known. Returns whether anything was added.

        Known facts are not overwritten, except those in `newer`: a changed value is a question for an
        officer. Such a village goes with its commune, though no other is stated.
        """
        has_grown = False
        for name, value in facts.items():
            known = self.facts[name]
            if name == "place_question_id" and self.facts["area_code"]:
                continue  # there is nothing to ask
            if name == "village" and facts["area_code"] not in (None, self.facts["area_code"]):
                continue  # it lies in another commune
            is_stated = value != "" or "area_code" in self.added.keys() & newer
            if is_stated and value not in (None, known) and (known in (None, "") or name in newer):
                self.facts[name] = value
                self.added[name] = [self.added[name][0] if name in self.added else known, value]
                has_grown = True
        return has_grown

    def confirm(
        self,
        values: dict[str, list[Any]],
        phones: Collection[int],
        *,
        facts: dict[str, Any],
        on: Collection[int],
    ) -> None:
        """Remember which values and phones of another import a row states as well.

        `facts` and `on`: the row's facts and phones.
        """
        for name, (before, value) in values.items():
            if "" != value == facts[name] == self.facts[name] and name not in self.added:
                self.confirmed[name] = [before, value]
        known = {*self.phones_added, *self.phones_confirmed}
        self.phones_confirmed += [phone_id for phone_id in on if phone_id in phones and phone_id not in known]

    def note_otherwise(self, facts: dict[str, Any], *, but: Collection[str | int]) -> None:
        """Remember what a row states otherwise than is known: it is what is known once nobody states the other any more."""
        for name, value in _only_said(facts).items():
            if value != self.facts[name] and name not in {*but, *self.added, *self.confirmed}:
                self.confirmed[name] = [FACTS[name], value]

    def contradicts(self, facts: dict[str, Any]) -> bool:
        """Return whether sex or year of birth differ."""
        return any(
            self.facts[name] and facts[name] and self.facts[name] != facts[name]
            for name in ("birth_year", "sex")
        )

    def is_namesake(self, row: CheckedRow, known_areas: Collection[str]) -> bool:
        """Return whether a row whose name has the same letters is about another person.

        It is if the names differ in their accents and the sex or year of birth differs, but not that of one who was merged with this person.
        """
        name = row.name[:120].lower()
        names = {self.name.lower(), *(facts["name"].lower() for _key, facts in self.merged)}
        return name not in names and self.contradicts(facts_of(row, known_areas))

    def known_beside(self, noted: Collection[object]) -> tuple[dict[str, Any], list[int]]:
        """Return what is known beside what is noted: fields, with their values before and now, and ids of numbers."""
        fields = {
            name: [FACTS[name], value]
            for name, value in self.facts.items()
            if value not in (None, "") and name not in noted
        }
        return fields, [phone_id for phone_id in self.phones if phone_id not in noted]


def _only_said(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, "")}


def facts_of(row: CheckedRow, known_areas: Collection[str]) -> dict[str, Any]:
    """Return what a row states of a person; an area only if the database knows it."""
    return {
        "birth_year": row.birth_year,
        "sex": _SEX_CODES[row.sex],
        "area_code": row.place.code if row.place.code in known_areas else None,
        "village": row.village[:120],
        "has_smartphone": row.has_smartphone,
        "place_question_id": row.place_question,
    }
