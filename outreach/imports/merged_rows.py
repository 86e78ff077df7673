"""Rows of people who were merged: how they become the kept one's, and are given back when the merge is taken apart.

While lists are merged or split, each of both goes with the rows that are their own (`people_apart`): so taken apart they are
where they would be had they never been merged.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from outreach.core.db import Base, change_rows, delete_rows
from outreach.imports.kept_values import copy_values
from outreach.imports.merge_contacts import FACTS
from outreach.imports.sightings import (
    add_people,
    add_sighting,
    contained_by,
    lists_with,
    meet_stated,
    reassign_contacts,
    record_twins,
    remove_sightings,
)
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportIssue,
    ImportSighting,
    KeptValue,
    ListImport,
    Membership,
    PersonMerge,
)

# Tables by name that hold a contact's id: in which column, and the table's further keys.
References = Mapping[str, tuple[Table, Column[Any], list[Column[Any]]]]
_OF_LISTS = (Membership, ImportSighting, KeptValue)


def references_to_people(*more: Column[Any]) -> References:
    """Return the tables that hold a contact's id beside that of numbers; `more` are columns without a foreign key."""
    contacts: Any = Contact.__table__
    columns = [
        column
        for table in Base.metadata.sorted_tables
        if table not in (contacts, ContactPhone.__table__)
        for column in table.columns
        if any(key.column is contacts.c.id for key in column.foreign_keys)
    ]
    return {
        column.table.name: (
            column.table,
            column,
            [key for key in column.table.primary_key.columns if key is not column],
        )
        for column in (*columns, *more)
    }


def _references_of_lists() -> References:
    names = {each.__tablename__ for each in _OF_LISTS}
    return {name: each for name, each in references_to_people().items() if name in names}


def as_value(value: Any) -> Any:
    """Return a value as a merge keeps it."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def from_value(name: str, value: Any) -> Any:
    """Return the value of a column as a merge has kept it."""
    return datetime.fromisoformat(value) if value and name.endswith("_at") else value


def _as_values(row: Row[Any]) -> dict[str, Any]:
    return {name: as_value(value) for name, value in row._mapping.items()}


def move_rows(
    session: Session, tables: References, former: int, to: int, *, but: int = 0
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Let all rows of one contact be those of another, except the merge `but`.

    Returns by table the keys of those that moved, and the rows that were dropped, as the other has one in their place.
    """
    moved: dict[str, list[Any]] = {}
    dropped: dict[str, list[Any]] = {}
    for name, (table, column, keys) in tables.items():
        if column.primary_key:
            twin = table.alias()
            same = and_(twin.c[column.name] == to, *(twin.c[key.name] == key for key in keys))
            doubled = and_(column == former, exists().where(same))
            if rows := [*map(_as_values, session.execute(select(table).where(doubled)))]:
                dropped[name] = rows
                change_rows(session, delete(table).where(doubled))
        of_former = [column == former]
        if name == PersonMerge.__tablename__:
            of_former.append(table.c.id != but)
        if ids := [[*row] for row in session.execute(select(*keys).where(*of_former))]:
            moved[name] = ids
            change_rows(session, update(table).where(*of_former).values({column.name: to}))
    return moved, dropped


def give_rows_back(
    session: Session, tables: References, data: Mapping[str, Any], kept_id: int, person_id: int
) -> None:
    """Let the rows that came from a merged contact be theirs, also those in whose place the kept one had another."""
    for name, (table, column, columns) in tables.items():
        if keys := data["moved"].get(name):
            rows = (column == kept_id, tuple_(*columns).in_([tuple(key) for key in keys]))
            change_rows(session, update(table).where(*rows).values({column.name: person_id}))
    undone = _undone_imports(session)
    for name, (table, column, _columns) in tables.items():
        dropped = data["dropped"].get(name, ())
        kept = [row for each in dropped if (row := _still_imported(each, undone)) is not None]
        restored = [{name: from_value(name, value) for name, value in row.items()} for row in kept]
        if restored:
            session.execute(insert(table), [{**row, column.name: person_id} for row in restored])


def part_lists(session: Session, data: Mapping[str, Any], kept_id: int) -> None:
    """Let the kept contact be in lists by the imports of before, not by what the merged one alone was in, or put in by hand.

    The merged one has their rows back.
    """
    leave_lists(session, kept_id, data.get("seen", ()))
    for list_id, stated in data.get("stated_before", ()):
        if member := session.get(Membership, (list_id, kept_id), populate_existing=True):
            member.stated = meet_stated(stated, member.stated)
    session.flush()
    undone = _undone_imports(session)
    for list_id, import_id, row in data.get("by_hand", ()):
        member = session.get(Membership, (list_id, kept_id), populate_existing=True)
        if member is None:
            continue
        before = {"import_id": import_id, "last_import_id": member.last_import_id, "row": row}
        if (left := _still_imported(before, undone)) is None:
            session.delete(member)
            continue
        for name, value in left.items():
            setattr(member, name, value)
    session.flush()


def leave_lists(session: Session, contact_id: int, seen: Iterable[Any]) -> None:
    """Let a contact be no more in lists by imports: `seen` are pairs of both."""
    is_theirs = Membership.contact_id == contact_id
    for each in seen:
        # Merges of earlier releases kept the import without the list.
        *of_list, import_id = each if isinstance(each, list) else [each]
        its = session.get_one(ListImport, import_id)
        having = lists_with(session, its)
        lists = of_list or having
        reassign_contacts(session, is_theirs, list_import=its, lists=lists)
        remove_sightings(session, list_import=its, of=contact_id, but={*having}.difference(lists))
        in_lists = (Membership.list_id.in_(lists), Membership.import_id == import_id)
        session.execute(delete(Membership).where(is_theirs, *in_lists))


def part_since(session: Session, data: Mapping[str, Any], kept_id: int, person_id: int) -> list[ImportChange]:
    """Let what files said since two people were merged be said of the one whom their rows named.

    Returns what they said of the merged one.
    """
    undone = _undone_imports(session)
    changes = []
    for key, since in sorted(data.get("since", {}).items(), key=lambda each: int(each[0])):
        if int(key) in undone:
            continue
        its = session.get_one(ListImport, int(key))
        people = {"kept": kept_id, "merged": person_id}
        _part_memberships(session, its, {people[whom] for whom in since}, {kept_id, person_id})
        if "merged" in since:
            changes += _part_change(session, its, since, kept_id, person_id)
            of_kept = since.get("kept", {"rows": []})["rows"]  # a row may name both
            rows = {*since["merged"]["rows"]}.difference(of_kept)
            _part_issues(session, its, rows, kept_id, person_id)
    session.flush()
    return changes


def _part_memberships(
    session: Session, its: ListImport, named: Collection[int], both: Collection[int]
) -> None:
    """Let an import have contained in each list those whom it named, and not the other, with the values for texts."""
    lists = lists_with(session, its)
    of_both = (Membership.list_id.in_(lists), Membership.contact_id.in_(both))
    columns = (Membership.list_id, Membership.import_id, Membership.row, Membership.unit, Membership.stated)
    found = session.execute(select(*columns).where(*of_both, contained_by(its))).all()
    for member in {each.list_id: each for each in found}.values():
        for contact_id in sorted(named):
            add_sighting(session, contact_id, member, import_id=its.id)
    for contact_id in {*both}.difference(named):
        is_theirs = Membership.contact_id == contact_id
        reassign_contacts(session, is_theirs, list_import=its, lists=lists)
        remove_sightings(session, list_import=its, of=contact_id)
        left = (Membership.list_id.in_(lists), Membership.import_id == its.id)
        delete_rows(session, Membership, is_theirs, *left)
        (other,) = named
        values = (KeptValue.import_id == its.id, KeptValue.contact_id == contact_id)
        change_rows(session, update(KeptValue).where(*values).values(contact_id=other))


def _part_change(
    session: Session, its: ListImport, since: Mapping[str, Any], kept_id: int, person_id: int
) -> list[ImportChange]:
    """Divide what an import stated of the kept contact between both by what its rows stated."""
    change = session.get(ImportChange, (its.id, kept_id), populate_existing=True)
    if change is None:
        return []
    of_merged, own = since["merged"], since.get("kept", {"facts": {}, "phones": []})
    theirs = session.get(ImportChange, (its.id, person_id), populate_existing=True)
    theirs = theirs or ImportChange(import_id=its.id, contact_id=person_id, fields={}, phones=[])
    theirs.fields = theirs.fields | {
        name: [FACTS[name], value]
        for name, value in of_merged["facts"].items()
        if name in change.fields and change.fields[name][1] in (value, own["facts"].get(name))
    }
    theirs.phones = [*{*theirs.phones, *(each for each in change.phones if each in of_merged["phones"])}]
    session.add(theirs)
    change.fields = {
        name: said
        for name, said in change.fields.items()
        if name not in theirs.fields or own["facts"].get(name) == said[1]
    }
    change.phones = [each for each in change.phones if each not in theirs.phones or each in own["phones"]]
    if not change.fields and not change.phones:
        session.delete(change)
    return [theirs]


def _part_issues(
    session: Session, its: ListImport, rows: Collection[int], kept_id: int, person_id: int
) -> None:
    """Let issues of these rows, and decisions on them, be about the merged contact."""
    for issue in session.scalars(
        select(ImportIssue).where(ImportIssue.import_id == its.id, ImportIssue.row.in_(rows))
    ):
        if issue.contact_id == kept_id:
            issue.contact_id = person_id
        if issue.undo and issue.undo.get("contact") == kept_id:
            issue.undo = {**issue.undo, "contact": person_id}


def _undone_imports(session: Session) -> set[int]:
    return set(session.scalars(select(ListImport.id).where(ListImport.undone_at.is_not(None))))


def _still_imported(row: dict[str, Any], undone: Collection[int]) -> dict[str, Any] | None:
    """Return what is left of a dropped row: None if the import that it came from was undone since.

    A membership that a later import contained as well is that one's.
    """
    imports = [row[name] for name in ("import_id", "last_import_id") if row.get(name) is not None]
    standing = [each for each in imports if each not in undone]
    if not standing:
        return None if imports else row
    if "last_import_id" not in row or standing == imports:
        return row
    own = {} if standing[0] == row["import_id"] else {"row": None, "unit": ""}
    return {**row, "import_id": standing[0], "last_import_id": None, **own}


@contextmanager
def people_apart(session: Session, kept: Select[Any]) -> Iterator[dict[int, int]]:
    """Let each who was merged with one of these people have their own place in lists; yields who stands for them, by merge.

    They are merged again at the end. The caller holds `lock_imports`.
    """
    session.flush()
    of_kept = select(PersonMerge).where(PersonMerge.kept_id.in_(kept)).order_by(PersonMerge.id.desc())
    merges = session.scalars(of_kept.with_for_update()).all()
    tables, owners = _references_of_lists(), {merge.id: merge.kept_id for merge in merges}
    apart: dict[int, int] = {}
    for merge in merges:
        moment = {"created_at": merge.merged_at, "updated_at": merge.merged_at}
        person = session.scalars(insert(Contact).values(moment).returning(Contact.id)).one()
        give_rows_back(session, tables, merge.data, owners[merge.id], person)
        part_lists(session, merge.data, owners[merge.id])
        # Who was merged with them before is theirs.
        owners |= {each: person for (each,) in merge.data["moved"].get(PersonMerge.__tablename__, ())}
        apart[merge.id] = person
    yield apart
    session.flush()
    for merge in reversed(merges):
        moved, dropped = move_rows(session, tables, apart[merge.id], owners[merge.id])
        twins = dropped.get(Membership.__tablename__, ())
        recorded = record_twins(session, owners[merge.id], twins)
        others = {
            name: {table: rows for table, rows in merge.data[name].items() if table not in tables}
            for name in ("moved", "dropped")
        }
        rows = {"moved": others["moved"] | moved, "dropped": others["dropped"] | dropped}
        merge.data = {**merge.data, **rows, **recorded}
        delete_rows(session, Contact, Contact.id == apart[merge.id])
    session.flush()


def carry_people(
    session: Session,
    source: ContactList,
    target: ContactList,
    people: Select[Any] | None = None,
    *,
    leaving: Collection[type[Any]] = (),
) -> int:
    """Add people of one list, or all, to another, each with the imports that contained them and the values for texts.

    `leaving`: tables whose rows of these people leave the one list. Returns how many are new in the other.
    """
    members = select(Membership.contact_id).where(Membership.list_id == source.id)
    if people is not None:
        members = members.where(Membership.contact_id.in_(people))
    with people_apart(session, members) as apart:

        def is_theirs(column: Any) -> ColumnElement[bool]:
            return true() if people is None else or_(column.in_(people), column.in_(apart.values()))

        added = add_people(session, source, target, is_theirs(Membership.contact_id))
        copy_values(session, source, target, is_theirs(KeptValue.contact_id))
        for table in leaving:
            delete_rows(session, table, table.list_id == source.id, is_theirs(table.contact_id))
    for merge in session.scalars(select(PersonMerge).where(PersonMerge.id.in_(apart))):
        if source.id in merge.data["stated"]:
            merge.data = {**merge.data, "stated": sorted({*merge.data["stated"], target.id})}
    return added


def forget_list(session: Session, contact_list: ContactList) -> None:
    """Let a list that is removed not be given back to people of it who are taken apart later."""
    members = select(Membership.contact_id).where(Membership.list_id == contact_list.id)
    for merge in session.scalars(select(PersonMerge).where(PersonMerge.kept_id.in_(members))):
        dropped = {
            name: [row for row in rows if row.get("list_id") != contact_list.id]
            for name, rows in merge.data["dropped"].items()
        }
        merge.data = {**merge.data, "dropped": dropped}
    session.flush()
