"""Single contact: read and correct it, reveal or suppress a number, and where it came from.

The origins of a contact are the lists that contain it, each with its file, its row and its legal basis.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.directory import people_visible_to, read_stated, visible_lists
from outreach.contacts.suppressions import lift_suppressions, lock_phone, suppress
from outreach.contacts.wishes import (
    WishLine,
    of_number,
    of_person,
    read_left_alone,
    read_wishes,
    record_wish,
    standing,
    take_back,
)
from outreach.core.db import change_rows, columns_of, is_set
from outreach.models.accounts import Area, AreaLevel, Organisation, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    KeptValue,
    ListImport,
    Membership,
    Phone,
    PhoneLanguage,
    Suppression,
    SuppressionReason,
    Wish,
    WishNumber,
)
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.identity import name_key, name_order
from outreach.rules.languages import NAMES
from outreach.rules.wishes import EVERYTHING, WishSource
from outreach.use_cases import use_case


class Closing(StrEnum):
    """Why an officer closes a number or opens it: what its owner wishes, or a reason of a suppression."""

    OPT_OUT = "opt_out"
    WRONG_NUMBER = SuppressionReason.WRONG_NUMBER.value
    DO_NOT_CALL = SuppressionReason.DO_NOT_CALL.value


MAY_LIFT = {
    Closing.OPT_OUT: (Role.APPROVER,),
    Closing.WRONG_NUMBER: (Role.STAFF, Role.APPROVER),
    Closing.DO_NOT_CALL: (),
}
_MAX_NOTE = 300
_MIN_BIRTH_YEAR = 1900


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """Phone of a contact. `sharers`: how many other contacts have it."""

    id: int
    e164: str
    language: str | None
    sharers: int
    suppressions: list[Suppression]
    wishes: list[WishLine] = field(default_factory=list)  # about this number

    @property
    def is_suppressed(self) -> bool:
        """Return whether no campaign may write to the number."""
        return self.is_opted_out or any(each.lifted_at is None for each in self.suppressions)

    @property
    def is_opted_out(self) -> bool:
        """Return whether its owner asked for no messages at all."""
        return any(each.ended_at is None and each.scope == EVERYTHING for each in self.wishes)


def find_contact(session: Session, contact_id: int, *, user: User) -> Contact:
    """Return a contact that the user may see. Raises NotFound."""
    query = select(Contact).where(Contact.id == contact_id, people_visible_to(session, user))
    return or_raise(session.scalar(query), NotFound("contact_not_found"))


def find_recorded_contact(session: Session, contact_id: int, *, user: User) -> Contact:
    """Return a contact of whom the user may see and change all that is recorded.

    Raises NotFound, and NotAllowed if the user's lists only name them, and another organisation recorded them.
    """
    contact = find_contact(session, contact_id, user=user)
    if read_stated(session, [contact_id], user=user):
        raise NotAllowed("contact_recorded_by_others")
    return contact


@dataclass(frozen=True, slots=True)
class ShownContact:
    """Contact as a user may see it. `is_partial`: only what the user's own lists say of them."""

    id: int
    name: str
    birth_year: int | None
    sex: str | None
    area_code: str | None
    village: str
    has_smartphone: bool | None
    updated_at: datetime | None
    place_question_id: int | None
    is_partial: bool
    at_the_door: bool
    # To be left alone, the latest first; none of who is shown in part.
    wishes: list[WishLine]

    @property
    def is_left_alone(self) -> bool:
        """Return whether no campaign may write to the person, on whichever number."""
        return any(each.scope == EVERYTHING and each.leaves_person_alone for each in self.wishes)


def read_contact(session: Session, contact_id: int, *, user: User) -> tuple[ShownContact, list[PhoneRow]]:
    """Return a contact and their phones, as far as the user may see them. Raises NotFound."""
    contact, phones = find_contact(session, contact_id, user=user), read_phones(session, contact_id)
    stated = read_stated(session, [contact_id], user=user).get(contact_id)
    facts: dict[str, Any] = {
        name: getattr(contact, name)
        for name in ("birth_year", "sex", "area_code", "village", "has_smartphone")
    }
    if stated is not None:
        facts = {**dict.fromkeys(facts), "village": "", **stated.facts}
        phones = [
            replace(
                phone,
                suppressions=[_without_note(each) for each in phone.suppressions],
                wishes=[_without_details(each) for each in phone.wishes],
            )
            for phone in phones
            if phone.id in stated.phones
        ]
    updated_at = None if stated else contact.updated_at
    own = select(ContactPhone.phone_id).where(
        ContactPhone.contact_id == contact_id, ~is_set(ContactPhone.is_named)
    )
    shown = ShownContact(
        contact.id,
        contact.name,
        **facts,
        updated_at=updated_at,
        place_question_id=None if stated else contact.place_question_id,
        is_partial=stated is not None,
        at_the_door=stated is None and contact.at_the_door,
        wishes=[] if stated else read_wishes(session, contact_id, session.scalars(own).all()),
    )
    return shown, phones


def _without_note(suppression: Suppression) -> Suppression:
    return Suppression(
        reason=suppression.reason,
        source=suppression.source,
        note="",
        created_at=suppression.created_at,
        lifted_at=suppression.lifted_at,
    )


def _without_details(wish: WishLine) -> WishLine:
    return replace(wish, source=None, note="", by="", ended_source="", ended_note="")


def read_phones(session: Session, contact_id: int) -> list[PhoneRow]:
    """Return a contact's phones in order. The caller must have found the contact for the user."""
    other = aliased(ContactPhone)
    others = (
        select(func.count())
        .select_from(other)
        .where(other.phone_id == Phone.id, other.contact_id != contact_id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Phone.id, Phone.e164, Phone.language, others)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .where(ContactPhone.contact_id == contact_id)
        .order_by(ContactPhone.position)
    ).all()
    history: dict[int | None, list[Suppression]] = {}
    for suppression in session.scalars(
        select(Suppression).where(Suppression.phone_id.in_([row.id for row in rows])).order_by(Suppression.id)
    ):
        history.setdefault(suppression.phone_id, []).append(suppression)
    wishes = read_wishes(session, contact_id, [row.id for row in rows])
    return [
        PhoneRow(
            id_,
            e164,
            language,
            sharers,
            history.get(id_, []),
            [each for each in wishes if id_ in each.phones],
        )
        for id_, e164, language, sharers in rows
    ]


def _read_year(typed: str, *, latest: int) -> int | None:
    """Return a year of birth as typed; None where none is. Raises BadInput."""
    if not typed:
        return None
    if typed.isascii() and typed.isdecimal() and _MIN_BIRTH_YEAR <= int(typed) <= latest:
        return int(typed)
    raise BadInput("birth_year_wrong", earliest=_MIN_BIRTH_YEAR, latest=latest)


@use_case
def correct_contact(
    session: Session,
    contact_id: int,
    *,
    name: str,
    birth_year: str,
    sex: str,
    village: str,
    area_code: str,
    has_smartphone: bool | None,
    user: User,
    now: datetime,
    language: str | None = None,
) -> Contact:
    """Correct a contact's data. Raises BadInput, NotFound, NotAllowed.

    `sex` is m, f or "". `language` is the code for all of the contact's phones: "" for none, None leaves it.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    person = find_recorded_contact(session, contact_id, user=user)
    name, village = " ".join(name.split())[:120], " ".join(village.split())[:120]
    if not name:
        raise BadInput("name_missing")
    level = select(Area.code).where(Area.code == area_code, Area.level == AreaLevel.COMMUNE)
    if area_code and not session.scalar(level):
        raise BadInput("commune_unknown")
    if language and language not in NAMES:
        raise BadInput("language_unknown")
    values: dict[str, Any] = {
        "name": name,
        "birth_year": _read_year(birth_year.strip(), latest=now.year),
        "sex": sex if sex in ("m", "f") else None,
        "village": village,
        "area_code": area_code or None,
        "has_smartphone": has_smartphone,
    }
    changes = audit.differences(person, values)
    if language is not None and (language_change := _set_language(session, contact_id, language or None)):
        changes["language"] = language_change
    if changes:
        for key, value in values.items():
            setattr(person, key, value)
        person.name_key, person.given_key, person.updated_at = name_key(name), name_order(name), now
        audit.record_change(
            session, "contact.correct", f"contacts:{contact_id}", user, now, changes, fields=list(changes)
        )
    return person


def _set_language(
    session: Session, contact_id: int, language: str | None
) -> tuple[str | None, str | None] | None:
    """Set the language of the contact's phones. Returns it before and after, or None if nothing changed."""
    phone_ids = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    differing = (Phone.id.in_(phone_ids), Phone.language.is_distinct_from(language))
    before = session.scalars(
        select(Phone.language).where(*differing).order_by(Phone.id).with_for_update()
    ).all()
    if not before:
        return None
    # Whatever file says otherwise: it stays when that is undone.
    of_phones = PhoneLanguage.phone_id.in_(select(Phone.id).where(*differing))
    change_rows(session, delete(PhoneLanguage).where(of_phones))
    change_rows(session, update(Phone).where(*differing).values(language=language))
    return ", ".join(dict.fromkeys(code for code in before if code)) or None, language


@use_case
def reveal_number(session: Session, contact_id: int, phone_id: int, *, user: User, now: datetime) -> str:
    """Return the full number, and record in the audit log that the officer saw it. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    if not knows_number(session, contact_id, phone_id, user=user):
        raise NotAllowed("number_of_others")
    audit.record(session, "contact.see_number", f"contacts:{contact_id}", user, now, phone=phone_id)
    return phone.e164


@use_case
def suppress_number(
    session: Session, contact_id: int, phone_id: int, *, reason: Closing, note: str, user: User, now: datetime
) -> None:
    """Close a number for all organisations: as the contact told an officer that they want no messages, or for a reason.

    For a reason not by who has the person only by naming them in a list: messages would go to the next number, which that list may have
    brought. Raises BadInput without a note, NotAllowed, WrongState if it is closed for this reason already, and of an opt-out both it
    and the person.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    phone = find_phone(session, contact_id, phone_id, user=user)
    if reason is not Closing.OPT_OUT:
        find_recorded_contact(session, contact_id, user=user)
    note = read_note(note)
    lock_phone(session, phone.id)
    if reason is Closing.OPT_OUT:
        found = read_left_alone(session, numbers=[phone_id], people=[contact_id])
        # On a phone of several each may ask: what one takes back leaves the others alone.
        if found.stops(None, phone_id) and found.stops(contact_id, None):
            raise WrongState("number_blocked_already")
        record_wish(
            session,
            WishSource.OFFICER,
            phones=[phone],
            people=[contact_id],
            said_at=now,
            now=now,
            note=note,
            recorded_by=user.id,
        )
    else:
        kind = SuppressionReason(reason)
        if not suppress(session, phone, reason=kind, source="officer", now=now):
            raise WrongState("number_blocked_already")
        session.flush()
        _active_suppression(session, phone_id, kind).note = note
    audit.record(
        session, "contact.suppress", f"contacts:{contact_id}", user, now, phone=phone_id, reason=reason.value
    )


@use_case
def lift_suppression(
    session: Session, contact_id: int, phone_id: int, *, reason: Closing, note: str, user: User, now: datetime
) -> None:
    """Open a number again, at the person's own wish.

    Of their wishes to be left alone those about this number and about none of theirs are taken back; with 0 the latter. What
    others who have the number are known to have said holds for them. An opt-out is lifted by an approver, one of the
    do-not-call register by an administrator, and none by somebody whose lists only name the
    person. Raises BadInput without a note, NotAllowed, WrongState.
    """
    require_role(user, *MAY_LIFT[reason])
    find_recorded_contact(session, contact_id, user=user)
    note = read_note(note)
    if phone_id or reason is not Closing.OPT_OUT:
        lock_phone(session, find_phone(session, contact_id, phone_id, user=user).id)
    if reason is Closing.OPT_OUT:
        others = select(ContactPhone.phone_id).where(
            ContactPhone.contact_id == contact_id, ContactPhone.phone_id != phone_id
        )
        said_elsewhere = Wish.id.in_(select(WishNumber.wish_id).where(WishNumber.phone_id.in_(others)))
        theirs = Wish.scope == EVERYTHING, or_(of_number(phone_id), of_person(contact_id) & ~said_elsewhere)
        ours = Wish.source != WishSource.EXCHANGE
        by: dict[str, Any] = {"recorded_by": user.id, "person": contact_id}
        if not take_back(
            session, *theirs, ours, source=WishSource.OFFICER, said_at=now, now=now, note=note, **by
        ):
            if session.scalar(select(Wish.id).where(standing(), *theirs).limit(1)):
                raise WrongState("number_blocked_elsewhere")
            raise WrongState("number_not_blocked")
    else:
        kind = SuppressionReason(reason)
        suppression = _active_suppression(session, phone_id, kind)
        suppression.note = "\n".join(filter(None, [suppression.note, note]))
        session.flush()
        lift_suppressions(session, phone_id, reason=kind, now=now)
    audit.record(
        session, "contact.lift", f"contacts:{contact_id}", user, now, phone=phone_id, reason=reason.value
    )


def find_phone(session: Session, contact_id: int, phone_id: int, *, user: User) -> Phone:
    """Return a number of a contact that the user may see. Raises NotFound."""
    find_contact(session, contact_id, user=user)
    phone = session.scalar(
        select(Phone)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .where(ContactPhone.contact_id == contact_id, Phone.id == phone_id)
    )
    stated = read_stated(session, [contact_id], user=user).get(contact_id)
    if phone is None or (stated is not None and phone_id not in stated.phones):
        raise NotFound("contact_without_number")
    return phone


def knows_number(session: Session, contact_id: int | None, phone_id: int, *, user: User) -> bool:
    """Return whether a list that the user sees gives a person's number, or an officer has added it.

    An office that recorded people first does not read the numbers that others' lists bring for them later.
    """
    lists = visible_lists(session, user)
    if lists is None:
        return True
    link = session.get(ContactPhone, (contact_id, phone_id))
    theirs = (Membership.contact_id == contact_id, Membership.list_id.in_(lists))
    return any(
        (link is not None and not link.is_named) if said is None else phone_id in said["phones"]
        for said in session.scalars(select(Membership.stated).where(*theirs))
    )


def _active_suppression(session: Session, phone_id: int, reason: SuppressionReason) -> Suppression:
    query = select(Suppression).where(
        Suppression.phone_id == phone_id, Suppression.reason == reason, Suppression.lifted_at.is_(None)
    )
    return or_raise(session.scalar(query), WrongState("number_not_blocked"))


def read_note(note: str) -> str:
    """Return the stated grounds for an action as one line. Raises BadInput if empty."""
    note = " ".join(note.split())[:_MAX_NOTE]
    if not note:
        raise BadInput("unblock_note_missing")
    return note


def read_origins(session: Session, contact_id: int, *, user: User) -> Sequence[Any]:
    """Return the lists that contain a contact, as far as the user may see them."""
    return origins_in(session, contact_id, lists=visible_lists(session, user))


def origins_in(session: Session, contact_id: int, *, lists: Collection[int] | None) -> Sequence[Any]:
    """Return which of these lists, with None of all, contain a contact, with the import and the row that added it."""
    query = (
        select(
            ContactList.id.label("list_id"),
            Organisation.name.label("organisation"),
            *columns_of(ContactList, "name basis basis_since"),
            *columns_of(Membership, "unit row"),
            *columns_of(ListImport, "file_name imported_at"),
        )
        .join(ContactList, ContactList.id == Membership.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(ListImport, ListImport.id == Membership.import_id)
        .where(Membership.contact_id == contact_id)
        .order_by(Organisation.name, ContactList.name)
    )
    if lists is not None:
        query = query.where(Membership.list_id.in_(lists))
    return session.execute(query).all()


def read_values(session: Session, contact_id: int) -> dict[int, dict[str, str]]:
    """Return the values that lists keep of a contact for texts, by list and the field's name."""
    kept = select(KeptValue.list_id, KeptValue.name, KeptValue.value).where(
        KeptValue.contact_id == contact_id
    )
    values: dict[int, dict[str, str]] = {}
    for list_id, name, value in session.execute(kept.order_by(KeptValue.import_id, KeptValue.name)):
        values.setdefault(list_id, {})[name] = value
    return values
