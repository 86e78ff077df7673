"""People merged after they were stored, and taken apart again.

All that refers to the merged contact then refers to the one that is kept, and the merged one is removed; a `PersonMerge`
keeps what it was and where each part went. Of two recipients of one campaign the one who answered last, or else was
written to, goes on; the other gets no further text and is not counted, and what came from its number is the first one's
until they are taken apart (campaigns/replies/record_answer.py). Wishes to be left alone of either are
the person's, as all rows that refer to them. Which tables refer to contacts is asked of the models, as `is_referenced` does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from campaigns.answer_totals import add_recipient
from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, Case
from campaigns.replies.record_answer import is_written_to, move_answers, move_cases
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.contact import find_recorded_contact
from outreach.contacts.directory import visible_lists
from outreach.contacts.phones import note_at_the_door
from outreach.contacts.place_questions import follow_answer
from outreach.contacts.references import lock_removal
from outreach.contacts.suppressions import lock_phones
from outreach.contacts.wishes import share_wishes_since
from outreach.core.db import change_rows, set_columns, values_subquery
from outreach.imports.merge_contacts import FACTS, note_stated
from outreach.imports.merged_rows import (
    References,
    as_value,
    from_value,
    give_rows_back,
    move_rows,
    part_lists,
    part_since,
    references_to_people,
)
from outreach.imports.sightings import contained_by, record_twins
from outreach.imports.store_rows import lock_imports
from outreach.imports.undo_import import remove_people, restore_place, undo_changes
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ListImport,
    Membership,
    PersonMerge,
    RemovedPhone,
)
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState
from outreach.rules.identity import name_order
from outreach.use_cases import use_case


class MergedRow(NamedTuple):
    """Recipient of one of two people in a campaign; `merge_id` is the merge that left it out, 0 for one that counts."""

    id: int
    person: int
    merge_id: int


def find_restored(rows: Sequence[MergedRow], merge_id: int) -> MergedRow | None:
    """Return the recipient that counts again for the one of both people who has none, where a merge is taken apart.

    The one that the merge left out, if it is theirs: who counts may have changed since, so that a row's merge may be
    another one. None where each of both has one.
    """
    counted = {row.person for row in rows if not row.merge_id}
    without = [row for row in rows if row.person not in counted]
    return next((row for row in without if row.merge_id == merge_id), without[0] if without else None)


_KEPT = ("name", "name_key", "given_key", *FACTS, "at_the_door", "created_at")


@use_case
def merge_people(
    session: Session, contact_id: int, other_id: int, *, user: User, now: datetime
) -> PersonMerge:
    """Merge another contact into this one, which keeps its name and what is known of it.

    Raises NotFound, also if an officer has merged them already, NotAllowed unless the user sees all lists of both, BadInput
    for the same contact.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    if contact_id == other_id:
        raise BadInput("people_merge_unfit")
    lock_imports(session)
    lock_removal(session)
    people = [contact_id, other_id]
    done = select(PersonMerge).where(
        PersonMerge.kept_id.in_(people),
        PersonMerge.merged_id.in_(people),
        PersonMerge.merged_id.not_in(select(Contact.id)),  # SQLite gives the last id again
    )
    if merge := session.scalar(done):
        find_recorded_contact(session, merge.kept_id, user=user)
        return merge
    phones = _lock(session, people)
    kept, other = (find_recorded_contact(session, each, user=user) for each in people)
    _require_all_lists(session, people, user)
    note_stated(session, people, now=now)
    merge = PersonMerge(
        kept_id=kept.id,
        merged_id=other.id,
        name_key=other.name_key,
        data={},
        merged_by=user.id,
        merged_at=now,
    )
    session.add(merge)
    session.flush()
    own = [phone_id for phone_id, _position in phones[kept.id]]
    theirs = [phone_id for phone_id, _position in phones[other.id]]
    added = [phone_id for phone_id in theirs if phone_id not in own]
    is_others = ContactPhone.contact_id == other.id
    data: dict[str, Any] = {
        "facts": {name: as_value(getattr(other, name)) for name in _KEPT},
        "phones": phones[other.id],
        "own_phones": own,
        "named": session.scalars(select(ContactPhone.phone_id).where(is_others, ContactPhone.is_named)).all(),
    }
    known, known_of_other = _find_unstated(session, kept, own), _find_unstated(session, other, theirs)
    data["filled"] = _fill_facts(kept, other)
    filled = {name: said for name, said in known_of_other["fields"].items() if name in data["filled"]}
    data["unstated"] = {
        "fields": known["fields"] | filled,
        "phones": known["phones"] + known_of_other["phones"],
    }
    data["unstated_of_merged"] = sorted(known_of_other["fields"])
    data["stated"] = _state_for_others(session, kept, other, theirs)
    data["recipients"] = merge_recipients(session, merge, now=now)
    data["moved"], data["dropped"] = move_rows(session, _references(), other.id, kept.id, but=merge.id)
    # A list that had both has the person as long as one of the files stands.
    twins = data["dropped"].get(Membership.__tablename__, ())
    data |= record_twins(session, kept.id, twins)
    both = data["dropped"].get("import_changes", ())
    data["joined"] = _join_changes(session, kept.id, both)
    last = max((position for _phone, position in phones[kept.id]), default=0)
    session.execute(delete(ContactPhone).where(is_others))
    recorded = ContactPhone.phone_id.in_([phone_id for phone_id in theirs if phone_id not in data["named"]])
    set_columns(session, ContactPhone, ContactPhone.contact_id == kept.id, recorded, is_named=False)
    for position, phone_id in enumerate(added, last + 1):
        is_named = phone_id in data["named"]
        session.add(ContactPhone(contact_id=kept.id, phone_id=phone_id, position=position, is_named=is_named))
    session.flush()
    merge.data, kept.updated_at = data, now
    session.flush()
    session.expunge(other)
    session.execute(delete(Contact).where(Contact.id == other_id))
    note_at_the_door(session, [kept.id])
    _record(session, "contact.merge", kept.id, other_id, user=user, now=now)
    return merge


def _record(session: Session, action: str, kept_id: int, other_id: int, *, user: User, now: datetime) -> None:
    """Record an action that is about two people with both."""
    for each in (kept_id, other_id):
        people = {"kept_person": kept_id, "merged_person": other_id}
        audit.record(session, action, f"contacts:{each}", user, now, **people)


@use_case
def unmerge_people(session: Session, merge_id: int, *, user: User, now: datetime) -> int:
    """Take a merge apart: what came from the merged contact, or from rows of later files with their name, is theirs again. Returns their id.

    Who of both is in no list any more is removed, and then the other one's is returned. What officers corrected since stays with the kept one, and messages that were not sent meanwhile stay unsent. Who opted out
    since has done so for both. Raises NotFound, NotAllowed, WrongState where a later merge has to be taken apart first.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    lock_imports(session)
    lock_removal(session)
    merge = session.get(PersonMerge, merge_id, with_for_update=True)
    if merge is None:
        raise NotFound("people_merge_unknown")
    _lock(session, [merge.kept_id])
    kept = find_recorded_contact(session, merge.kept_id, user=user)
    _require_all_lists(session, [kept.id], user)
    if _is_in_the_way(session, merge):
        raise WrongState("people_merge_later")
    data = merge.data
    _part_changes(session, merge)
    other_id = _bring_back(session, merge, now=now)
    part_lists(session, merge.data, merge.kept_id)
    share_wishes_since(session, [kept.id, other_id], since=merge.merged_at)
    _forget_merged(session, merge, kept, other_id)
    for person in (kept, session.get_one(Contact, other_id)):
        follow_answer(session, person)
    kept.updated_at = now
    if data.get("import"):  # of an earlier release, which noted one import alone
        added = (ImportChange.import_id == data["import"], ImportChange.contact_id == kept.id)
        session.execute(delete(ImportChange).where(*added))
    change_rows(
        session,
        update(Membership)
        .where(Membership.contact_id == other_id, Membership.list_id.in_(data["stated"]))
        .values(stated=None),
    )
    session.delete(merge)
    session.flush()
    _undo_left(session, [kept.id, other_id], now=now)
    note_at_the_door(session, [kept.id, other_id])
    _record(session, "contact.unmerge", kept.id, other_id, user=user, now=now)
    kept_id = kept.id
    session.expunge_all()
    remove_people(session, [kept_id, other_id], now=now)
    return other_id if session.get(Contact, other_id) else kept_id


def _require_all_lists(session: Session, people: Sequence[int], user: User) -> None:
    """Raise NotAllowed unless the user sees all lists of these contacts: a merge shows one list's facts to the others."""
    lists = visible_lists(session, user)
    if lists is None:
        return
    outside = select(Membership.list_id).where(
        Membership.contact_id.in_(people), Membership.list_id.not_in(lists)
    )
    if session.execute(outside.limit(1)).first():
        raise NotAllowed("people_in_other_lists")


def _lock(session: Session, people: Sequence[int]) -> dict[int, list[list[int]]]:
    """Lock contacts with the phones by which they are reached, in the order of an answer. Returns their phones."""
    used = select(Recipient.phone_id).where(Recipient.contact_id.in_(people), Recipient.phone_id.is_not(None))
    locked = {phone_id for phone_id in session.scalars(used) if phone_id}
    locked |= {phone_id for links in _phones_of(session, people).values() for phone_id, _position in links}
    lock_phones(session, locked)
    session.execute(select(Contact.id).where(Contact.id.in_(people)).order_by(Contact.id).with_for_update())
    phones = _phones_of(session, people)
    lock_phones(session, {phone_id for links in phones.values() for phone_id, _position in links} - locked)
    return phones


def _phones_of(session: Session, people: Sequence[int]) -> dict[int, list[list[int]]]:
    phones: dict[int, list[list[int]]] = {contact_id: [] for contact_id in people}
    for contact_id, phone_id, position in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id, ContactPhone.position)
        .where(ContactPhone.contact_id.in_(people))
        .order_by(ContactPhone.position)
    ):
        phones[contact_id].append([phone_id, position])
    return phones


def _fill_facts(kept: Contact, other: Contact) -> dict[str, list[Any]]:
    """Fill what is not known of a contact from the other. Returns it by name, before and after."""
    filled = {}
    for name in FACTS:
        before, value = getattr(kept, name), getattr(other, name)
        if name == "place_question_id" and kept.area_code:
            continue  # there is nothing to ask
        if before in (None, "") and value not in (None, ""):
            setattr(kept, name, value)
            filled[name] = [as_value(before), as_value(value)]
    return filled


def _state_for_others(session: Session, kept: Contact, other: Contact, phones: list[int]) -> list[int]:
    """Let lists of organisations that recorded only the merged contact show no more of the person than they did before.

    Returns these lists.
    """
    owners = select(ContactList.organisation_id).join(Membership, Membership.list_id == ContactList.id)
    lists = session.scalars(
        select(Membership.list_id)
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(
            Membership.contact_id == other.id,
            Membership.stated.is_(None),
            ContactList.organisation_id.not_in(
                owners.where(Membership.contact_id == kept.id, Membership.stated.is_(None))
            ),
        )
    ).all()
    facts = {name: value for name in [*FACTS][:5] if (value := getattr(other, name)) not in (None, "")}
    change_rows(
        session,
        update(Membership)
        .where(Membership.contact_id == other.id, Membership.list_id.in_(lists))
        .values(stated={"facts": facts, "phones": phones}),
    )
    return list(lists)


def _references() -> References:
    recipients: Any = Recipient.__table__
    return references_to_people(recipients.c.contact_id)


def _find_unstated(session: Session, person: Contact, phones: Sequence[int]) -> dict[str, Any]:
    """Return what is known of a contact by no import, as an import would have stated it: no undo takes it from who is merged."""
    changes = session.scalars(select(ImportChange).where(ImportChange.contact_id == person.id)).all()
    stated = {(name, value) for change in changes for name, (_before, value) in change.fields.items()}
    known = {name: getattr(person, name) for name in FACTS}
    given = {phone_id for change in changes for phone_id in change.phones}
    return {
        "fields": {
            name: [None, value]
            for name, value in known.items()
            if value not in (None, "") and (name, value) not in stated
        },
        "phones": [phone_id for phone_id in phones if phone_id not in given],
    }


def _join_changes(session: Session, kept_id: int, dropped: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Let what imports said of the merged contact be said of the kept one, of whom they said something as well.

    Returns the imports, each with the facts and numbers that it said of the merged one alone.
    """
    joined = []
    for row in dropped:
        change = session.get_one(ImportChange, (row["import_id"], kept_id))
        fields = {name: said for name, said in row["fields"].items() if name not in change.fields}
        phones = [each for each in row["phones"] if each not in change.phones]
        change.fields, change.phones = {**change.fields, **fields}, [*change.phones, *phones]
        joined.append([row["import_id"], [*fields], phones])
    session.flush()
    return joined


def _part_changes(session: Session, merge: PersonMerge) -> None:
    for import_id, names, phones in merge.data.get("joined", ()):
        if change := session.get(ImportChange, (import_id, merge.kept_id)):
            change.fields = {name: said for name, said in change.fields.items() if name not in names}
            change.phones = [each for each in change.phones if each not in phones]
    session.flush()


def _is_in_the_way(session: Session, merge: PersonMerge) -> bool:
    """Return whether something that both had in a later merge was there once alone because of this one."""
    tables = _references()
    brought = {phone_id for phone_id, _position in merge.data["phones"]} - {*merge.data["own_phones"]}
    later = select(PersonMerge).where(PersonMerge.kept_id == merge.kept_id, PersonMerge.id > merge.id)
    for each in session.scalars(later):
        if brought & {phone_id for phone_id, _position in each.data["phones"]} & {*each.data["own_phones"]}:
            return True
        for name, rows in each.data["dropped"].items():
            moved = {tuple(key) for key in merge.data["moved"].get(name, ())}
            if not moved.isdisjoint(tuple(row[key.name] for key in tables[name][2]) for row in rows):
                return True
    return False


def _bring_back(session: Session, merge: PersonMerge, *, now: datetime) -> int:
    """Make the merged contact again, with its rows and numbers as far as the kept one still has them. Returns its id."""
    facts = {name: from_value(name, value) for name, value in merge.data["facts"].items()}
    facts["given_key"] = name_order(facts["name"])  # kept in another form before 0107
    facts.pop("opted_out_at", None)  # kept before wishes were rows of their own
    person = Contact(**facts, updated_at=now)
    if session.get(Contact, merge.merged_id) is None:  # SQLite gives the last id again
        person.id = merge.merged_id
    session.add(person)
    session.flush()
    give_rows_back(session, _references(), merge.data, merge.kept_id, person.id)
    since = part_since(session, merge.data, merge.kept_id, person.id)
    _forget_undone(session, merge, person)
    _learn_since(person, since)
    restore_recipients(session, merge, person.id, now=now)
    theirs = _give_numbers_back(session, merge, person.id, since)
    _give_removals_back(session, merge, person.id)
    later = select(PersonMerge).where(PersonMerge.kept_id == merge.kept_id, PersonMerge.id > merge.id)
    for each in session.scalars(later):
        # What leaves now is not to be given back by it, should they be merged again.
        phones = [pair for pair in each.data["phones"] if pair[0] not in theirs]
        moved = {
            name: [key for key in keys if key not in merge.data["moved"].get(name, ())]
            for name, keys in each.data["moved"].items()
        }
        each.data = {**each.data, "phones": phones, "moved": moved}
    session.flush()
    return person.id


def _forget_undone(session: Session, merge: PersonMerge, person: Contact) -> None:
    """Forget of who was merged what only files said that were undone since: then what the first of the others says is known."""
    said = _said_of(session, person.id)
    for name in FACTS.keys() - merge.data.get("unstated_of_merged", FACTS):  # an earlier release kept none
        if getattr(person, name) not in (None, "", *said[name]):
            setattr(person, name, next(iter(said[name]), FACTS[name]))


def _learn_since(person: Contact, since: Sequence[ImportChange]) -> None:
    """Let what files said since of who was merged be known of them, where nothing else is; of the smartphone the last one knows."""
    for name in ("birth_year", "sex", "area_code", "has_smartphone"):
        said = [each.fields[name][1] for each in since if name in each.fields]
        if said and (name == "has_smartphone" or getattr(person, name) is None):
            setattr(person, name, said[-(name == "has_smartphone")])
    restore_place(person, since)


def _forget_merged(session: Session, merge: PersonMerge, kept: Contact, other_id: int) -> None:
    """Forget of who was kept what is known of the other alone: what the merge filled in, and what their files said since.

    What a file says of the kept one stays known, whatever was filled in before.
    """
    own, theirs, filled = _said_of(session, kept.id), _said_of(session, other_id), merge.data["filled"]
    unstated = merge.data.get("unstated", {"fields": FACTS})["fields"].keys() - filled.keys()
    for name in FACTS:
        value = getattr(kept, name)
        is_filled = name in filled and as_value(value) == filled[name][1]
        if value not in (None, "", *own[name]) and (
            is_filled or (value in theirs[name] and name not in unstated)
        ):
            setattr(kept, name, next(iter(own[name]), FACTS[name]))


def _said_of(session: Session, contact_id: int) -> dict[str, list[Any]]:
    """Return by fact what imports say of a contact, in their order."""
    of_contact = select(ImportChange).where(ImportChange.contact_id == contact_id)
    changes = session.scalars(of_contact.order_by(ImportChange.import_id)).all()
    return {name: [each.fields[name][1] for each in changes if name in each.fields] for name in FACTS}


def _undo_left(session: Session, people: Sequence[int], *, now: datetime) -> None:
    """Take back what imports said of people who are in no list by them, as a list was removed or split meanwhile."""
    of_people = ImportChange.contact_id.in_(people)
    stating = select(ImportChange.import_id).where(of_people)
    for its in session.scalars(select(ListImport).where(ListImport.id.in_(stating)).order_by(ListImport.id)):
        having = select(Membership.contact_id).where(contained_by(its))
        left = (of_people, ImportChange.contact_id.not_in(having))
        undo_changes(session, its, len(people), *left, now=now)


def _give_numbers_back(
    session: Session, merge: PersonMerge, person_id: int, since: Sequence[ImportChange]
) -> list[int]:
    """Give the merged contact those of their numbers that are still there, also what files said since.

    Returns those that the kept one has no more: all but what they had before, or what files say of them.
    """
    present = {phone_id for phone_id, _position in _phones_of(session, [merge.kept_id])[merge.kept_id]}
    own = {phone_id for phone_id, _position in merge.data["phones"]}
    more = [*dict.fromkeys(phone_id for each in since for phone_id in each.phones if phone_id not in own)]
    last = max((position for _phone, position in merge.data["phones"]), default=0)
    theirs_then = [*merge.data["phones"], *([each, n] for n, each in enumerate(more, last + 1))]
    given_back = [(phone_id, position) for phone_id, position in theirs_then if phone_id in present]
    named = [int(key) for key, whom in merge.data.get("since", {}).items() if "kept" in whom]
    of_kept = (ImportChange.contact_id == merge.kept_id, ImportChange.import_id.in_(named))
    said = {
        each for phones in session.scalars(select(ImportChange.phones).where(*of_kept)) for each in phones
    }
    named = merge.data.get("named", ())
    for phone_id, position in given_back:
        is_named = phone_id in named
        session.add(
            ContactPhone(contact_id=person_id, phone_id=phone_id, position=position, is_named=is_named)
        )
    kept = said.union(merge.data["own_phones"])
    theirs = [phone_id for phone_id, _position in given_back if phone_id not in kept]
    change_rows(
        session,
        delete(ContactPhone).where(
            ContactPhone.contact_id == merge.kept_id,
            ContactPhone.phone_id.in_(values_subquery(session, theirs)),
        ),
    )
    return theirs


def _give_removals_back(session: Session, merge: PersonMerge, person_id: int) -> None:
    """Let the merged contact's numbers that were removed since be removed from them, and from both where both had them."""
    theirs, own = {phone_id for phone_id, _position in merge.data["phones"]}, merge.data["own_phones"]
    of_merged = (RemovedPhone.contact_id == merge.kept_id, RemovedPhone.phone_id.in_(theirs))
    since = (RemovedPhone.removed_at >= merge.merged_at, RemovedPhone.restored_at.is_(None))
    names = [each.name for each in RemovedPhone.__table__.columns if each.name not in ("id", "contact_id")]
    for row in session.scalars(select(RemovedPhone).where(*of_merged, *since)).all():
        if row.phone_id in own:
            values = {name: getattr(row, name) for name in names}
            session.add(RemovedPhone(**values, contact_id=person_id))
        else:
            row.contact_id = person_id


# How likely a number is reached, by what became of a message to it: 0 hardly, 1 nothing is known, 2 otherwise.
_REACH = {
    **dict.fromkeys((MessageState.QUEUED, MessageState.CANCELLED), 1),
    **dict.fromkeys((MessageState.SKIPPED, MessageState.FAILED, MessageState.UNDELIVERED), 0),
}


def merge_recipients(session: Session, merge: PersonMerge, *, now: datetime) -> list[dict[str, Any]]:
    """Leave out one of both in each campaign that has both as recipients. The rows of the merged one are moved later."""
    rows: dict[int, dict[int, Recipient]] = {}
    people = (merge.kept_id, merge.merged_id)
    for row in session.scalars(
        select(Recipient)
        .where(Recipient.contact_id.in_(people), Recipient.merge_id == 0)
        .order_by(Recipient.id)
        .with_for_update()
    ):
        rows.setdefault(row.campaign_id, {})[row.contact_id or 0] = row
    merged = []
    for both in rows.values():
        if len(both) < 2:
            continue
        left_out, counted = sorted(both.values(), key=lambda row: _claim_to_stay(session, row, merge.kept_id))
        before = left_out.exclusion
        for row in both.values():
            if row.exclusion is None:
                add_recipient(session, row.id, sign=-1)
        left_out.exclusion, left_out.merge_id = Exclusion.SAME_PERSON, merge.id
        move_answers(session, left_out, counted, Answer.label != Label.WRONG_NUMBER, now=now)
        move_cases(session, left_out, counted)
        if counted.exclusion is None:
            add_recipient(session, counted.id, sign=1)
        merged.append({"row": both[merge.merged_id].id, "before": before and before.value})
    session.flush()
    return merged


def _claim_to_stay(session: Session, row: Recipient, kept_id: int) -> tuple[bool, int, str, bool]:
    """Return what decides, in its order, which of two recipients goes on: whose number works, who answered, who is kept."""
    states = session.scalars(
        select(Message.state).where(Message.recipient_id == row.id, Message.step_id.is_not(None))
    ).all()
    may_reach = max((_REACH.get(state, 2) for state in states), default=1)
    if row.answer is not None:
        may_reach = 0 if row.answer is Label.WRONG_NUMBER else 2
    return (
        row.exclusion is None,
        may_reach,
        row.answered_at.isoformat() if row.answered_at else "",
        row.contact_id == kept_id,
    )


def restore_recipients(session: Session, merge: PersonMerge, other_id: int, *, now: datetime) -> None:
    """Let each of both be counted again in each campaign, and have what came from their numbers."""
    by_campaign: dict[int, list[Recipient]] = {}
    of_both = select(Recipient).where(Recipient.contact_id.in_((merge.kept_id, other_id)))
    for row in session.scalars(of_both.order_by(Recipient.id).with_for_update()):
        by_campaign.setdefault(row.campaign_id, []).append(row)
    for rows in by_campaign.values():
        found = find_restored(
            [MergedRow(row.id, row.contact_id or 0, row.merge_id) for row in rows], merge.id
        )
        if found:
            _count(session, rows, sign=-1)
            _restore(session, merge, rows, session.get_one(Recipient, found.id))
            _give_answers_back(session, rows, now=now)
            _count(session, rows, sign=1)


def _count(session: Session, rows: Sequence[Recipient], *, sign: int) -> None:
    for row in rows:
        if row.exclusion is None:
            add_recipient(session, row.id, sign=sign)


def _restore(session: Session, merge: PersonMerge, rows: Sequence[Recipient], restored: Recipient) -> None:
    """Let a recipient count again, or be excluded for what excluded it before; its merge goes to the one that this merge left out."""
    left_out = next((row for row in rows if row.merge_id == merge.id), None)
    excluded = (
        {each["row"]: each["before"] for each in merge.data["recipients"]} if restored is left_out else {}
    )
    before = next((excluded[row.id] for row in rows if row.id in excluded), None)
    if before is None and is_written_to(session, restored):
        before = Exclusion.SHARED_PHONE
    other_merge, restored.merge_id = restored.merge_id, 0
    restored.exclusion = Exclusion(before) if before else None
    session.flush()
    if left_out and left_out is not restored:
        left_out.merge_id = other_merge


def _give_answers_back(session: Session, rows: Sequence[Recipient], *, now: datetime) -> None:
    """Let what came from each number be the answers and cases of the one who counts for the person who has it."""
    counts = {row.contact_id: row for row in rows if not row.merge_id}
    for row in rows:
        to = counts[row.contact_id]
        for former in rows:
            if former is not to and former.phone_id != row.phone_id:
                move_answers(session, former, to, Answer.phone_id == row.phone_id, now=now)
                move_cases(session, former, to, Case.phone_id == row.phone_id)
