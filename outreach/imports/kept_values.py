"""Values that lists keep for the texts of campaigns: stored with an import, copied with a list, removed with either.

The caller holds `lock_imports`.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, insert, literal, select
from sqlalchemy.orm import Session, aliased

from outreach.contacts.directory import people_visible_to
from outreach.core.db import change_rows, insert_rows, values_subquery
from outreach.models.accounts import User
from outreach.models.contacts import Contact, ContactList, KeptValue, ListImport, Membership


def store_values(
    session: Session, values: Iterable[tuple[int, Mapping[str, str]]], *, list_import: ListImport
) -> dict[int, list[str]]:
    """Store the values of an import's people, by contact. Of two rows about one person the first one counts.

    Returns the names of what was stored now, by contact.
    """
    named: dict[tuple[str, int], str] = {}
    for contact_id, of_person in values:
        for name, value in of_person.items():
            named.setdefault((name, contact_id), value)
    if not named:
        return {}
    people = values_subquery(session, {contact_id for _name, contact_id in named})
    stored = select(KeptValue.name, KeptValue.contact_id).where(
        KeptValue.list_id == list_import.list_id,
        KeptValue.import_id == list_import.id,
        KeptValue.contact_id.in_(people),
    )
    for name, contact_id in session.execute(stored):
        named.pop((name, contact_id), None)
    insert_rows(
        session,
        KeptValue.__table__,
        ("name", "contact_id", "value"),
        [(name, contact_id, value) for (name, contact_id), value in named.items()],
        always={"list_id": list_import.list_id, "import_id": list_import.id},
    )
    contact_list = session.get_one(ContactList, list_import.list_id)
    _add_fields(contact_list, {name for name, _contact_id in named})
    new: dict[int, list[str]] = {}
    for name, contact_id in named:
        new.setdefault(contact_id, []).append(name)
    return new


def find_new_values(
    session: Session, values: Iterable[tuple[int, Mapping[str, str]]], *, list_id: int
) -> set[int]:
    """Return the people of whom these values say something else than a list's latest ones; call it before they are stored."""
    told = list(values)
    if not told:
        return set()
    people = values_subquery(session, {contact_id for contact_id, _of_person in told})
    latest = {
        (contact_id, name): value
        for contact_id, name, value in session.execute(
            select(KeptValue.contact_id, KeptValue.name, KeptValue.value)
            .where(KeptValue.list_id == list_id, KeptValue.contact_id.in_(people))
            .order_by(KeptValue.import_id)
        )
    }
    return {
        contact_id
        for contact_id, of_person in told
        if any(latest.get((contact_id, name)) != value for name, value in of_person.items())
    }


def read_values_of_rows(
    session: Session, list_import: ListImport, rows: Collection[int], *, user: User
) -> list[dict[str, Any]]:
    """Return the people whom these rows of an import added to its list and the user may see, by name, each with the values stored of them."""
    told = session.execute(
        select(Contact.id, Contact.name, KeptValue.name, KeptValue.value)
        .join(Membership, Membership.contact_id == Contact.id)
        .join(KeptValue, and_(KeptValue.contact_id == Contact.id, KeptValue.list_id == Membership.list_id))
        .where(
            Membership.list_id == list_import.list_id,
            Membership.import_id == list_import.id,
            Membership.row.in_(rows),
            KeptValue.import_id == list_import.id,
            people_visible_to(session, user),
        )
        .order_by(Membership.row, KeptValue.name)
    )
    people: dict[int, dict[str, Any]] = {}
    for contact_id, name, field, value in told:
        people.setdefault(contact_id, {"name": name, "fields": {}})["fields"][field] = [value]
    return [*people.values()]


def remove_values(session: Session, which: ColumnElement[bool], *, organisation_id: int) -> int:
    """Remove values of an organisation's lists, and the names under which a list then has none. Returns how many values."""
    removed = change_rows(session, delete(KeptValue).where(which)).rowcount
    lists = select(ContactList).where(ContactList.organisation_id == organisation_id)
    for contact_list in session.scalars(lists):
        of_list = exists().where(KeptValue.list_id == contact_list.id)
        kept = [
            name
            for name in contact_list.fields
            if session.scalar(select(literal(1)).where(of_list.where(KeptValue.name == name)))
        ]
        if kept != contact_list.fields:
            contact_list.fields = kept
    return removed


def copy_values(
    session: Session, source: ContactList, target: ContactList, which: ColumnElement[bool]
) -> None:
    """Add these values of a list to another list; they still go with the import that brought them."""
    there = aliased(KeptValue)
    doubled = exists().where(
        there.list_id == target.id,
        there.name == KeptValue.name,
        there.contact_id == KeptValue.contact_id,
        there.import_id == KeptValue.import_id,
    )
    columns = (KeptValue.name, KeptValue.contact_id, KeptValue.import_id, KeptValue.value)
    copied = select(literal(target.id), *columns).where(KeptValue.list_id == source.id, which, ~doubled)
    names = ["list_id", *(column.key for column in columns)]
    session.execute(insert(KeptValue).from_select(names, copied))
    _add_fields(target, source.fields)


def _add_fields(contact_list: ContactList, names: Iterable[str]) -> None:
    if new := set(names).difference(contact_list.fields):
        contact_list.fields = sorted({*contact_list.fields, *new})
