"""Undo of an import: contacts it alone contained are removed, and what it added to others.

All other contacts stay. A contact to whom a campaign refers stays in the directory without this list, as what
was sent to them must stay known. The same code serves imports from the admin site and from the command line.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, literal, select, union
from sqlalchemy.orm import Session

from outreach.contacts.languages import forget_languages, remove_unused_spellings
from outreach.contacts.phones import note_at_the_door
from outreach.contacts.place_questions import follow_answer
from outreach.contacts.references import give_references_back, lock_removal
from outreach.contacts.suppressions import lock_phones
from outreach.contacts.wishes import keep_holders
from outreach.core.db import is_referenced, set_columns, values_subquery
from outreach.imports.decide_issue import give_name_back
from outreach.imports.erasures import keep_wishes_of
from outreach.imports.issues import OTHER_COMMUNE, Decision, about_now, remove_issues
from outreach.imports.kept_values import remove_values
from outreach.imports.merge_contacts import FACTS
from outreach.imports.sightings import lists_with, reassign_contacts, remove_sightings
from outreach.imports.store_rows import lock_imports
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    PersonMerge,
    Phone,
    RemovedPhone,
)

# Tables whose rows are removed with a contact, or stay without it.
_CONTACT_TABLES = {
    "contact_moves",
    "contact_references",
    "memberships",
    "person_merges",
    "contact_phones",
    "kept_values",
    "different_people",
    "import_changes",
    "import_issues",
    "removed_phones",
    "sightings",
    "wish_people",
}
_PHONE_TABLES = {"suppressions", "phone_languages", "wish_numbers"}  # the same of numbers


def undo_import_rows(session: Session, list_import: ListImport, *, limit: int, now: datetime) -> int:
    """Undo up to `limit` of an import's memberships or changes. Returns how many, 0 once all is undone.

    In the caller's transaction, with `lock_imports`.
    """
    lock_imports(session)
    lock_removal(session)
    owner = session.get_one(ContactList, list_import.list_id).organisation_id
    give_references_back(session, owner, list_import.id)  # before who has them goes
    done = _undo_memberships(session, list_import, limit, now=now)
    done = done or undo_changes(session, list_import, limit, now=now)
    done = done or forget_languages(session, list_import, limit)
    if not done:
        remove_sightings(session, list_import=list_import)
        remove_values(session, KeptValue.import_id == list_import.id, organisation_id=owner)
        undo_issues(session, list_import, now=now)
        remove_unused_spellings(session)
        list_import.undone_at = now
    return done


def undo_issues(session: Session, list_import: ListImport, *, now: datetime) -> None:
    """Remove the issues of an import, and the names that people have by decisions on them."""
    renamed = (ImportIssue.import_id == list_import.id, ImportIssue.decision == Decision.RENAMED)
    for issue in session.scalars(select(ImportIssue).where(*renamed).order_by(ImportIssue.id.desc())).all():
        undo = about_now(session, issue.undo or {}, by=list_import.id, decided_at=issue.decided_at)
        give_name_back(session, issue, undo, user=None, now=now)
        issue.undo = None
    remove_issues(session, list_import)


def _undo_memberships(session: Session, list_import: ListImport, limit: int, *, now: datetime) -> int:
    lists = lists_with(session, list_import)
    added = (Membership.list_id.in_(lists), Membership.import_id == list_import.id)
    added_people = select(Membership.contact_id).where(*added).distinct().order_by(Membership.contact_id)
    people = session.scalars(added_people.limit(limit)).all()
    if not people:
        return 0
    # These are all that it added among these ids. By ids one by one a database without statistics reads everybody for each.
    of_people = Membership.contact_id.between(people[0], people[-1])
    reassign_contacts(session, of_people, list_import=list_import, lists=lists)
    removed = session.scalars(added_people.where(of_people)).all()
    session.execute(delete(Membership).where(*added, of_people))
    remove_people(session, removed, now=now)
    return len(people)


def remove_people(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    """Remove those contacts that are in no list and not referenced, with numbers that only they have or had.

    Their wishes to be left alone stay by the hashes of all their numbers.
    """
    lock_removal(session)
    table: Any = Contact.__table__
    elsewhere = exists(select(literal(1)).where(Membership.contact_id == table.c.id))
    removable = session.scalars(
        select(table.c.id).where(
            table.c.id.in_(values_subquery(session, ids)),
            ~elsewhere,
            ~is_referenced(table, but=_CONTACT_TABLES),
        )
    ).all()
    gone = values_subquery(session, removable)
    links = (ContactPhone, RemovedPhone)
    phones = union(*(select(each.phone_id).where(each.contact_id.in_(gone)) for each in links))
    theirs = set(session.scalars(phones))
    lock_phones(session, theirs)
    keep_wishes_of(session, removable, now=now)
    session.execute(delete(Contact).where(Contact.id.in_(gone)))
    remove_phones(session, theirs)


def remove_links(session: Session, links: Collection[tuple[int, int]]) -> None:
    """Remove numbers from contacts: `links` are (contact id, phone id).

    A wish to be left alone that was said from one of them holds for the contact's other numbers.
    """
    if not links:
        return
    keep_holders(session, links)
    phones: dict[int, list[int]] = {}
    for contact_id, phone_id in links:
        phones.setdefault(contact_id, []).append(phone_id)
    for contact_id, phone_ids in phones.items():
        link = (ContactPhone.contact_id == contact_id, ContactPhone.phone_id.in_(phone_ids))
        session.execute(delete(ContactPhone).where(*link))
    session.flush()
    note_at_the_door(session, phones)
    remove_phones(session, {phone_id for _person, phone_id in links})


def withdraw_phones(
    session: Session, phones: Mapping[int, Collection[int]], others: Mapping[int, Sequence[ImportChange]]
) -> None:
    """Remove from contacts the phones that an import gave, except those that other imports give.

    What only imports of lists that name the contact still give is a named number again.
    """
    giving = {
        (contact_id, phone_id): {
            change.import_id for change in others[contact_id] if phone_id in change.phones
        }
        for contact_id, of_contact in phones.items()
        for phone_id in of_contact
    }
    naming_imports = (
        select(Membership.contact_id, ListImport.id)
        .join(ListImport, ListImport.list_id == Membership.list_id)
        .where(Membership.stated.is_not(None), ListImport.id.in_(set().union(*giving.values())))
        .where(Membership.contact_id.in_(values_subquery(session, phones)))
    )
    naming = {tuple(each) for each in session.execute(naming_imports)}
    for (contact_id, phone_id), imports in giving.items():
        if imports and naming.issuperset((contact_id, import_id) for import_id in imports):
            link = (ContactPhone.contact_id == contact_id, ContactPhone.phone_id == phone_id)
            set_columns(session, ContactPhone, *link, is_named=True)
    remove_links(session, [link for link, imports in giving.items() if not imports])


def remove_phones(session: Session, ids: Collection[int]) -> None:
    """Remove numbers that no contact has any more. Suppressions and wishes keep the hash of their number."""
    table: Any = Phone.__table__
    lock_removal(session)
    # A message being written to one of them locks the phone: the next statement then sees that message.
    these = table.c.id.in_(values_subquery(session, ids))
    session.execute(select(table.c.id).where(these).order_by(table.c.id).with_for_update())
    session.execute(delete(Phone).where(these, ~is_referenced(table, but=_PHONE_TABLES)))


def restore_values(
    person: Contact, values: Mapping[str, Sequence[Any]], others: Sequence[ImportChange]
) -> None:
    """Restore a contact's values from before an import.

    `values`: name to (value before, value of the import). A value is restored only if it is still the
    import's, and one that another import states as well only where none was before: then what the first of the others states is
    known. Of the smartphone the last one knows.
    """
    for name, (before, value) in values.items():
        stating = [other for other in others if name in other.fields]
        is_stated = any(other.fields[name][1] == value for other in stating)
        is_first = before in (None, "")
        if getattr(person, name) == value:
            if stating and (is_first or name == "has_smartphone"):
                setattr(person, name, stating[-(name == "has_smartphone")].fields[name][1])
            elif not is_stated:
                setattr(person, name, before)
        if not is_stated:
            _hand_down(name, before, value, stating)
    if "area_code" in values:
        restore_place(person, others)


def _hand_down(name: str, before: Any, value: Any, stating: Sequence[ImportChange]) -> None:
    """Let those who have replaced a value that is restored have replaced what was known before it."""
    for other in stating:
        known, said = other.fields[name]
        if known == value:
            other.fields = {**other.fields, name: [FACTS.get(name) if before == said else before, said]}


def restore_place(person: Contact, others: Sequence[ImportChange]) -> None:
    """Restore what goes with a contact's commune: the village in it or, where none is known, the question which it is."""
    said = [{name: value for name, (_before, value) in other.fields.items()} for other in others]
    villages = (
        each["village"] for each in said if each.get("village") and each.get("area_code") == person.area_code
    )
    person.village = person.village or next(villages, "")
    if not person.area_code:
        asked = (each["place_question_id"] for each in said if each.get("place_question_id"))
        person.place_question_id = person.place_question_id or next(asked, None)


def changes_of_other_imports(
    session: Session, list_import: ListImport, people: Collection[int]
) -> dict[int, list[ImportChange]]:
    """Return the changes that other imports made, by contact id, and what was known by none when people were merged."""
    changes: dict[int, list[ImportChange]] = {contact_id: [] for contact_id in people}
    for change in session.scalars(
        select(ImportChange)
        .where(
            ImportChange.contact_id.in_(values_subquery(session, people)),
            ImportChange.import_id != list_import.id,
        )
        .order_by(ImportChange.import_id)
    ):
        changes[change.contact_id].append(change)
    merges = select(PersonMerge).where(PersonMerge.kept_id.in_(values_subquery(session, people)))
    for merge in session.scalars(merges):
        if unstated := merge.data.get("unstated"):  # by no import, which counts as one that stands
            changes[merge.kept_id].insert(0, ImportChange(import_id=0, contact_id=merge.kept_id, **unstated))
    return changes


def undo_changes(
    session: Session, list_import: ListImport, limit: int, *which: ColumnElement[bool], now: datetime
) -> int:
    """Take back what an import added to up to `limit` people who stay. Returns how many, 0 once all is taken back."""
    changes = session.scalars(
        select(ImportChange)
        .where(ImportChange.import_id == list_import.id, *which)
        .order_by(ImportChange.contact_id)
        .limit(limit)
    ).all()
    people = [change.contact_id for change in changes]
    lock_people(session, people, {phone_id for change in changes for phone_id in change.phones})
    others = changes_of_other_imports(session, list_import, people)
    said = {change.contact_id: (change.fields, change.phones) for change in changes}
    withdraw_stated(session, list_import, said, others)
    for change in changes:
        person, other_changes = session.get_one(Contact, change.contact_id), others[change.contact_id]
        restore_values(person, change.fields, other_changes)
        follow_answer(session, person)
        person.updated_at = now
        session.delete(change)
    session.flush()
    remove_answered(session, people)
    withdraw_phones(session, {change.contact_id: change.phones for change in changes}, others)
    return len(changes)


def withdraw_stated(
    session: Session,
    list_import: ListImport,
    said: Mapping[int, tuple[Mapping[str, Sequence[Any]], Collection[int]]],
    others: Mapping[int, Sequence[ImportChange]],
) -> None:
    """Let lists that only name people show no more of them by what an import said, but what others of the organisation say.

    `said`: by contact, values as in `restore_values`, and phones.
    """
    owner = select(ContactList.organisation_id).where(ContactList.id == list_import.list_id)
    lists = select(ContactList.id).where(ContactList.organisation_id == owner.scalar_subquery())
    its = set(session.scalars(select(ListImport.id).where(ListImport.list_id.in_(lists))))
    is_named = (Membership.list_id.in_(lists), Membership.stated.is_not(None))
    people = Membership.contact_id.in_(values_subquery(session, said))
    for member in session.scalars(select(Membership).where(people, *is_named)):
        stating = [each for each in others[member.contact_id] if each.import_id in its]
        member.stated = _stated_without(member.stated or {}, *said[member.contact_id], stating)


def _stated_without(
    stated: Mapping[str, Any],
    values: Mapping[str, Sequence[Any]],
    phones: Collection[int],
    stating: Sequence[ImportChange],
) -> dict[str, Any]:
    known = {name: field[1] for each in stating for name, field in each.fields.items()}
    facts = {
        name: known.get(name) if name in values and values[name][1] == value else value
        for name, value in stated["facts"].items()
    }
    kept = {*stated.get("added", ()), *(phone_id for each in stating for phone_id in each.phones)}
    return {
        **stated,
        "facts": {name: value for name, value in facts.items() if value is not None},
        "phones": [each for each in stated["phones"] if each in kept or each not in phones],
    }


def lock_people(session: Session, people: Collection[int], phones: Collection[int]) -> None:
    """Lock people, and before them numbers that they may lose; they are read as others left them who wrote meanwhile."""
    theirs = select(Phone.id).where(Phone.id.in_(values_subquery(session, phones)))
    session.execute(theirs.order_by(Phone.id).with_for_update())
    these = select(Contact).where(Contact.id.in_(values_subquery(session, people))).order_by(Contact.id)
    session.scalars(these.with_for_update().execution_options(populate_existing=True)).all()


def remove_answered(session: Session, people: Collection[int]) -> None:
    """Remove the questions whether these people live in another commune which is the one that is known by now."""
    known = select(Contact.area_code).where(Contact.id == ImportIssue.contact_id).scalar_subquery()
    session.execute(
        delete(ImportIssue)
        .where(ImportIssue.contact_id.in_(values_subquery(session, people)))
        .where(ImportIssue.reason == OTHER_COMMUNE, ImportIssue.cells["area_code"].as_string() == known)
        .where(ImportIssue.decision.is_(None) | (ImportIssue.decision == Decision.SUPERSEDED))
        .execution_options(synchronize_session=False)
    )
