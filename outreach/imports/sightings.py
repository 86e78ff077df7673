"""Record of which imports contained a contact of a list again, so that each import can be undone by itself.

People are carried into lists that are merged or split with the imports that brought them (`add_people`): what an import brought
is undone in each list that has it (`lists_with`).
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.orm import Session, aliased

from outreach.core.db import change_rows, set_columns, values_subquery
from outreach.models.contacts import ContactList, ImportSighting, ListImport, Membership


def lists_with(session: Session, list_import: ListImport) -> list[int]:
    """Return the lists that may have people of an import: its own, and those into which it was merged or split."""
    sources = _read_sources(session, list_import.list_id)
    found, new = set[int](), {list_import.list_id}
    while new:
        found |= new
        new = {list_id for list_id, others in sources.items() if not found.isdisjoint(others)} - found
    return sorted(found)


def lists_into(session: Session, list_id: int) -> set[int]:
    """Return the lists whose people a list may have: itself, and those that were merged into it or that it was split from."""
    sources = _read_sources(session, list_id)
    found, new = set[int](), {list_id}
    while new:
        found |= new
        new = {other for each in new for other in sources.get(each, ())} - found
    return found


def _read_sources(session: Session, list_id: int) -> dict[int, list[int]]:
    """Return the lists of a list's organisation, each with those that were merged into it or that it was split from."""
    organisation = select(ContactList.organisation_id).where(ContactList.id == list_id).scalar_subquery()
    sources = select(ContactList.id, ContactList.sources).where(ContactList.organisation_id == organisation)
    return dict(session.execute(sources).all())


def record_sighting(session: Session, contacts: Collection[int], *, list_import: ListImport) -> None:
    """Record that this import contained contacts of the list again."""
    if not contacts:
        return
    memberships = (
        Membership.list_id == list_import.list_id,
        Membership.contact_id.in_(values_subquery(session, contacts)),
        Membership.import_id.is_distinct_from(list_import.id),
    )
    before = select(Membership.contact_id, Membership.last_import_id, Membership.list_id).where(
        *memberships,
        Membership.last_import_id != list_import.id,
        ~_is_sighted(Membership, Membership.last_import_id),
    )
    session.execute(insert(ImportSighting).from_select(["contact_id", "import_id", "list_id"], before))
    set_columns(session, Membership, *memberships, last_import_id=list_import.id)


def add_sighting(session: Session, contact_id: int, like: Any, *, import_id: int) -> None:
    """Let a contact be in the list of a membership by an import as well, or by it alone: then with the membership's row and unit."""
    its = (Membership.list_id == like.list_id, Membership.contact_id == contact_id)
    known = (Membership.import_id, Membership.last_import_id, _is_sighted(Membership, import_id))
    member = session.execute(select(*known).where(*its)).first()
    sighting = {"contact_id": contact_id, "list_id": like.list_id}
    if member is None:
        own = {"row": like.row, "unit": like.unit} if like.import_id == import_id else {}
        new = {**sighting, "import_id": import_id, "stated": like.stated, **own}
        session.execute(insert(Membership).values(new))
    elif import_id not in member[:2] and not member[2]:
        last = member.last_import_id
        if last is not None:
            session.execute(insert(ImportSighting).values(**sighting, import_id=min(last, import_id)))
        set_columns(session, Membership, *its, last_import_id=max(last or 0, import_id))


def record_twins(
    session: Session, contact_id: int, twins: Collection[Mapping[str, Any]]
) -> dict[str, list[list[Any]]]:
    """Record that the imports of these memberships contained a contact who is in the same lists, and join what the lists state.

    Returns lists with imports that are new in them (`seen`), lists in which the contact is as if put in by hand now, as the
    other was, each with the import and the row of before (`by_hand`), and lists with what they stated before (`stated_before`).
    """
    new: list[list[int]] = []
    by_hand: list[list[Any]] = []
    stated: list[list[Any]] = []
    for twin in twins:
        member = session.get_one(Membership, (twin["list_id"], contact_id), populate_existing=True)
        own = {None, member.import_id, member.last_import_id}
        for import_id in {twin["import_id"], twin["last_import_id"]} - own:
            if session.get(ImportSighting, (contact_id, import_id, member.list_id)) is None:
                session.add(
                    ImportSighting(contact_id=contact_id, import_id=import_id, list_id=member.list_id)
                )
                new.append([member.list_id, import_id])
        if twin["import_id"] is None and member.import_id is not None:
            by_hand.append([member.list_id, member.import_id, member.row])
            member.import_id = member.row = None
        if member.stated is not None:
            stated.append([member.list_id, member.stated])
            member.stated = join_stated(member.stated, twin["stated"])
    session.flush()
    return {"seen": sorted(new), "by_hand": by_hand, "stated_before": stated}


def read_sightings(session: Session, people: Collection[int]) -> set[tuple[int, int, int]]:
    """Return which imports contained contacts in which lists: contact, list, import."""
    sources = (
        (Membership, Membership.import_id),
        (Membership, Membership.last_import_id),
        (ImportSighting, ImportSighting.import_id),
    )
    of_people = values_subquery(session, people)
    return {
        (contact_id, list_id, import_id)
        for table, of_import in sources
        for contact_id, list_id, import_id in session.execute(
            select(table.contact_id, table.list_id, of_import).where(table.contact_id.in_(of_people))
        )
        if import_id is not None
    }


def contained_by(list_import: ListImport) -> ColumnElement[bool]:
    """Return the condition that an import contained the person of a membership."""
    its = (Membership.import_id == list_import.id, Membership.last_import_id == list_import.id)
    return or_(*its, _is_sighted(Membership, list_import.id))


def _is_sighted(member: Any, import_id: Any) -> ColumnElement[bool]:
    return exists().where(
        ImportSighting.contact_id == member.contact_id,
        ImportSighting.import_id == import_id,
        ImportSighting.list_id == member.list_id,
    )


def reassign_contacts(
    session: Session, which: ColumnElement[bool], *, list_import: ListImport, lists: Collection[int]
) -> None:
    """Reassign memberships that this import made to the next import that contained the person in the list, if any.

    Their row and unit are cleared, as the later import did not record them.
    """
    between = (
        select(func.min(ImportSighting.import_id))
        .where(
            ImportSighting.contact_id == Membership.contact_id,
            ImportSighting.list_id == Membership.list_id,
            ImportSighting.import_id != list_import.id,
        )
        .scalar_subquery()
    )
    last = Membership.last_import_id
    following = case((last < func.coalesce(between, last + 1), last), else_=between)
    made = (Membership.list_id.in_(lists), Membership.import_id == list_import.id, which)
    last_then = case((last == following, None), else_=last)
    is_followed = func.coalesce(last, between).is_not(None)
    new = {"import_id": following, "last_import_id": last_then, "row": None, "unit": ""}
    set_columns(session, Membership, *made, is_followed, **new)


def remove_sightings(
    session: Session, *, list_import: ListImport, of: int | None = None, but: Collection[int] = ()
) -> None:
    """Remove this import from the sightings; memberships that have it as the last get the one before it.

    `of`: only of one contact. `but`: not in these lists.
    """
    before = (
        select(func.max(ImportSighting.import_id))
        .where(
            ImportSighting.list_id == Membership.list_id,
            ImportSighting.contact_id == Membership.contact_id,
            ImportSighting.import_id.not_in((list_import.id, func.coalesce(Membership.import_id, 0))),
        )
        .scalar_subquery()
    )
    is_last = (
        Membership.list_id.in_(lists_with(session, list_import)),
        Membership.last_import_id == list_import.id,
        Membership.list_id.not_in(but),
        true() if of is None else Membership.contact_id == of,
    )
    set_columns(session, Membership, *is_last, last_import_id=before)
    is_its = (
        ImportSighting.import_id == list_import.id,
        ImportSighting.list_id.not_in(but),
        true() if of is None else ImportSighting.contact_id == of,
    )
    change_rows(session, delete(ImportSighting).where(*is_its))


def join_stated(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what two memberships of an organisation say of a person whom it only names; None where one of them records them."""
    if one is None or other is None:
        return None
    ids = {name: [*dict.fromkeys((*one.get(name, ()), *other.get(name, ())))] for name in ("phones", "added")}
    return {"facts": {**other["facts"], **one["facts"]}, **ids}


def meet_stated(before: dict[str, Any], now: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a membership stated before it was joined with another, without what was withdrawn since."""
    if now is None:
        return before
    facts = {name: now["facts"][name] for name in before["facts"] if name in now["facts"]}
    return {**before, "facts": facts, "phones": [each for each in before["phones"] if each in now["phones"]]}


def add_people(session: Session, source: ContactList, target: ContactList, which: ColumnElement[bool]) -> int:
    """Add members of one list to another, each with the imports that contained them. Returns how many are new there."""
    of_source = (Membership.list_id == source.id, which)
    there = select(Membership.contact_id).where(Membership.list_id == target.id)
    names = ("contact_id", "import_id", "last_import_id", "row", "unit", "stated")
    new = select(literal(target.id), *(getattr(Membership, name) for name in names))
    added = change_rows(
        session,
        insert(Membership).from_select(
            ["list_id", *names], new.where(*of_source, Membership.contact_id.not_in(there))
        ),
    )
    people = select(Membership.contact_id).where(*of_source)
    named, other = aliased(Membership), aliased(Membership)
    same = (other.contact_id == named.contact_id, other.list_id == source.id)
    is_named = (named.list_id == target.id, named.stated.is_not(None), named.contact_id.in_(people))
    for member, stated in session.execute(
        select(named, other.stated).join(other, and_(*same)).where(*is_named)
    ):
        member.stated = join_stated(member.stated, stated)
    seen = union(
        select(Membership.contact_id, Membership.import_id).where(*of_source),
        select(Membership.contact_id, Membership.last_import_id).where(*of_source),
        select(ImportSighting.contact_id, ImportSighting.import_id).where(
            ImportSighting.list_id == source.id, ImportSighting.contact_id.in_(people)
        ),
    ).subquery()
    member = aliased(Membership)
    more = (
        select(seen.c.contact_id, seen.c.import_id, member.list_id)
        .join(member, (member.contact_id == seen.c.contact_id) & (member.list_id == target.id))
        .where(
            seen.c.import_id.is_not(None),
            member.import_id.is_distinct_from(seen.c.import_id),
            member.last_import_id.is_distinct_from(seen.c.import_id),
            ~_is_sighted(member, seen.c.import_id),
        )
    )
    session.execute(insert(ImportSighting).from_select(["contact_id", "import_id", "list_id"], more))
    # Who was put into the one by hand stays in the other, too, whatever is undone.
    by_hand = people.where(Membership.import_id.is_(None))
    stays = (Membership.list_id == target.id, Membership.contact_id.in_(by_hand))
    set_columns(session, Membership, *stays, import_id=None, row=None)
    target.sources = sorted({*target.sources, source.id})
    return added.rowcount
