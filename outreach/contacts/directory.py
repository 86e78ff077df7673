"""Directory of all contacts that a user may see: search by name or number, filters, pages.

Fast with a million contacts because a page is a range of one index: it begins behind the last contact shown
(never OFFSET), and at most `MOST_COUNTED` are counted.

A search by number takes no more digits than a masked number shows, or all of them for users who may see
numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role, visible_to, within_area
from outreach.contacts.wishes import LEFT_ALONE, read_left_alone, standing
from outreach.core.db import count_rows, is_set
from outreach.models.accounts import Area, ContactMove, Organisation, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    Membership,
    Phone,
    Suppression,
    Wish,
    WishNumber,
    WishPerson,
)
from outreach.places.areas import UnitHistory, UnitsOfOneDay, descendants, read_unit_history
from outreach.rules.errors import NotAllowed
from outreach.rules.identity import mask_number, order_ranges, words_of
from outreach.rules.phone_numbers import read_phone_cell
from outreach.rules.wishes import EVERYTHING
from outreach.use_cases import use_case

ON_A_PAGE = 20
_MARKS = "ghijklmopqrstuvw"  # of the ranges of given names, in a cursor
MOST_COUNTED = 1_000
_MANY_CLOSED = 50_000


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Search text and filters.

    `text` is words of a name, the last three digits of a number, or all digits if the user may see numbers.
    """

    text: str = ""
    list_id: int | None = None
    organisation_id: int | None = None
    area_code: str = ""  # of a unit of any day
    # Those who may live there, as their unit was split, in place of those who surely do.
    perhaps: bool = False
    smartphone: str = ""  # yes, no, unknown
    suppressed: bool = False
    at_the_door: bool = False
    history: UnitHistory | None = None  # where the caller has read it already


@dataclass(frozen=True, slots=True)
class ContactRow:
    """Contact in the directory. `phones` are masked numbers, each with whether it is suppressed."""

    id: int
    name: str
    birth_year: int | None
    place: str
    village: str
    has_smartphone: bool | None
    at_the_door: bool = False
    phones: list[tuple[str, bool]] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Page of the directory. `after` is the cursor of the next page, "" on the last one.

    `count` stops at `MOST_COUNTED`; it is None after the first page, as it would be the same there.
    """

    lines: list[ContactRow]
    after: str
    count: int | None
    is_more: bool


@dataclass(frozen=True, slots=True)
class _IndexRange:
    """Range of contacts in the order of one index. `mark` names it in a cursor."""

    mark: str
    key: InstrumentedAttribute[str]
    where: ColumnElement[bool] = field(default_factory=true)


def read_page(
    session: Session,
    user: User,
    filters: ContactFilter,
    *,
    after: str = "",
    also: Sequence[ColumnElement[bool]] = (),
) -> ContactPage:
    """Return a visible page, the first where `after` is none of its contacts; `also`: further conditions."""
    conditions = [*_filters(session, user, filters), *also]
    ranges = _index_ranges(filters.text, user)
    cursor = _find_cursor(session, ranges, conditions, after=after)
    ids = _ids(session, ranges, conditions, mark=after[:1], cursor=cursor)
    more = len(ids) > ON_A_PAGE
    shown = ids[:ON_A_PAGE]
    count = 0
    for index_range in [] if cursor else ranges:
        count += _count(session, index_range, conditions, limit=MOST_COUNTED + 1 - count)
    return ContactPage(
        lines=_lines(session, user, [contact_id for _, contact_id in shown]),
        after=f"{shown[-1][0]}{shown[-1][1]}" if more else "",
        count=None if cursor else min(count, MOST_COUNTED),
        is_more=count > MOST_COUNTED,
    )


@use_case
def record_search(session: Session, text: str, *, user: User, now: datetime) -> None:
    """Record a search for a whole number in the audit log; others are not. Raises NotAllowed."""
    numbers = whole_numbers(text)
    if not numbers:
        return
    require_role(user, *SEE_NUMBERS)
    owners = select(Contact.id).where(
        *_filters(session, user, ContactFilter()), has_phone(Phone.e164.in_(numbers))
    )
    contact_ids = [*map(str, session.scalars(owners))]
    for contact_id in contact_ids or ["all"]:
        audit.record(
            session, "contact.search_number", f"contacts:{contact_id}", user, now, found=len(contact_ids)
        )


def visible_lists(session: Session, user: User) -> set[int] | None:
    """Return the lists whose contacts a user may see; None means all contacts, in a list or not."""
    organisations = organisations_of(session, user)
    if organisations is None:
        return None
    return set(session.scalars(select(ContactList.id).where(ContactList.organisation_id.in_(organisations))))


def is_in(lists: set[int]) -> ColumnElement[bool]:
    """Return the condition that a contact is in one of these lists."""
    return exists().where(Membership.contact_id == Contact.id, Membership.list_id.in_(lists))


def is_recorded_in(lists: set[int]) -> ColumnElement[bool]:
    """Return the condition that a contact is in one of these lists, and not only because its file named them."""
    recorded = aliased(Membership)  # the query around it may have its own
    return exists().where(
        recorded.contact_id == Contact.id, recorded.list_id.in_(lists), recorded.stated.is_(null())
    )


def people_recorded_for(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition on Contact for those of whom the user may see all that is recorded.

    It is used together with `people_visible_to`, for what tells more of a person than the user's own lists say.
    """
    lists = visible_lists(session, user)
    return true() if lists is None else is_recorded_in(lists)


def numbers_known_to(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition on ContactPhone for the full numbers that the user may see of people who are recorded for them."""
    return true() if visible_lists(session, user) is None else ~is_set(ContactPhone.is_named)


@dataclass(frozen=True, slots=True)
class Stated:
    """What the user's lists say of a person whom they see only because those lists name them."""

    facts: dict[str, Any]
    phones: set[int]


def read_stated(session: Session, ids: Sequence[int], *, user: User) -> dict[int, Stated]:
    """Return what the user may see of those contacts whom another organisation recorded. The others have no entry."""
    lists = visible_lists(session, user)
    if lists is None:
        return {}
    stated: dict[int, Stated] = {}
    recorded: set[int] = set()
    rows = session.execute(
        select(Membership.contact_id, Membership.stated)
        .where(Membership.contact_id.in_(ids), Membership.list_id.in_(lists))
        .order_by(Membership.list_id)
    )
    for contact_id, said in rows:
        if said is None:
            recorded.add(contact_id)
            continue
        known = stated.setdefault(contact_id, Stated({}, set()))
        known.facts.update(said["facts"])
        known.phones.update(said["phones"])
    return {contact_id: known for contact_id, known in stated.items() if contact_id not in recorded}


def people_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """Return the scope condition on Contact: in a list that the user may see, and within their area."""
    lists = visible_lists(session, user)
    return and_(true() if lists is None else is_in(lists), within_area(session, user, Contact.area_code))


def has_hidden_people(session: Session, user: User, *among: ColumnElement[bool]) -> bool:
    """Return whether a user does not see all of these people of lists: what is done with all of them is not theirs to do.

    `among` are conditions on `Membership` and `Contact`.
    """
    is_seen = and_(
        visible_to(session, user, ContactList.organisation_id), within_area(session, user, Contact.area_code)
    )
    people = select(literal(1)).select_from(Membership)
    people = people.join(ContactList, ContactList.id == Membership.list_id)
    people = people.join(Contact, Contact.id == Membership.contact_id)
    return session.scalar(people.where(*among, not_(is_seen)).limit(1)) is not None


def require_all_people(session: Session, user: User, *among: ColumnElement[bool]) -> None:
    """Raise NotAllowed unless a user sees all of these people of lists; `among` as in `has_hidden_people`."""
    if has_hidden_people(session, user, *among):
        raise NotAllowed("people_beyond_scope")


def _index_ranges(text: str, user: User) -> list[_IndexRange]:
    """Return the index ranges to search: for a name first full names that begin with it, then given names."""
    if is_number_text(text):
        return [_IndexRange("g", Contact.given_key, has_number(text, user))]
    words = words_of(text)
    if not words:
        return [_IndexRange("g", Contact.given_key)]
    name_begins = begins(Contact.name_key, "".join(words))
    *first_words, last = words
    has_words = and_(
        not_(name_begins),
        Contact.given_key.contains(f"\t{last}", autoescape=True),
        *(Contact.given_key.contains(f" {word}", autoescape=True) for word in first_words),
    )
    ranges = order_ranges(last, most=len(_MARKS))
    return [
        _IndexRange("n", Contact.name_key, name_begins),
        *(
            _IndexRange(mark, Contact.given_key, and_(begins(Contact.given_key, start), has_words))
            for mark, start in zip(_MARKS, ranges, strict=False)
        ),
    ]


def _filters(session: Session, user: User, filters: ContactFilter) -> list[ColumnElement[bool]]:
    conditions = [within_area(session, user, Contact.area_code)]
    lists = visible = visible_lists(session, user)
    if filters.organisation_id is not None:
        below = descendants(
            session.execute(select(Organisation.id, Organisation.parent_id)), [filters.organisation_id]
        )
        theirs = set(session.scalars(select(ContactList.id).where(ContactList.organisation_id.in_(below))))
        lists = theirs if lists is None else lists & theirs
    if filters.list_id is not None:
        lists = {filters.list_id} if lists is None else lists & {filters.list_id}
    if lists is not None:
        # Who asks for a quality of a person learns it: only of those whom these lists recorded.
        asked = (filters.area_code, filters.smartphone, filters.suppressed, filters.at_the_door)
        tells = any(asked) or is_number_text(filters.text)
        conditions.append(is_recorded_in(lists) if tells and visible is not None else is_in(lists))
    if filters.area_code:
        history = filters.history or read_unit_history(session)
        conditions += lives_in_unit(history, filters.area_code, perhaps=filters.perhaps)
    if filters.smartphone in ("yes", "no", "unknown"):
        conditions.append(Contact.has_smartphone.is_({"yes": True, "no": False}.get(filters.smartphone)))
    if filters.at_the_door:
        conditions.append(is_set(Contact.at_the_door))
    if filters.suppressed:
        conditions.append(_is_closed(session))
    return conditions


def _is_closed(session: Session) -> ColumnElement[bool]:
    """Return the condition that a contact has a suppressed number or wishes to be left alone.

    Few such people are found first and then put in order; of many a page is found sooner by asking each contact in
    order, which PostgreSQL does only where the answer is a figure (five million people, 170,000 of them: 0.1 s, not 41).
    """
    people = union_all(
        select(ContactPhone.contact_id)
        .join(Suppression, Suppression.phone_id == ContactPhone.phone_id)
        .where(Suppression.lifted_at.is_(None)),
        # Not by the view, of which PostgreSQL would read all numbers for each contact.
        select(ContactPhone.contact_id)
        .join(WishNumber, WishNumber.phone_id == ContactPhone.phone_id)
        .join(Wish, Wish.id == WishNumber.wish_id)
        .where(Wish.scope == EVERYTHING, standing()),
        select(LEFT_ALONE.c.contact_id).where(LEFT_ALONE.c.scope == EVERYTHING),
    ).subquery()
    known = union_all(
        select(Suppression.phone_id).where(Suppression.phone_id.is_not(None)),
        select(WishNumber.phone_id).where(WishNumber.phone_id.is_not(None)),
        select(WishPerson.contact_id),
    ).subquery()
    if count_rows(session, select(literal(1)).select_from(known).limit(_MANY_CLOSED)) < _MANY_CLOSED:
        return Contact.id.in_(select(people.c.contact_id))
    of_contact = select(func.count()).select_from(people).where(people.c.contact_id == Contact.id)
    return of_contact.correlate(Contact).scalar_subquery() > 0


def read_places_on_day(
    session: Session, people: Sequence[int], units: UnitsOfOneDay, *, user: User
) -> dict[int, list[str]]:
    """Return the communes of a day in which people live, by their ids; several where it is one of them.

    People of whom the user sees only what their own lists say have no entry.
    """
    people = list({*people} - read_stated(session, people, user=user).keys())
    recorded = session.execute(select(Contact.id, Contact.area_code).where(Contact.id.in_(people))).all()
    before: dict[int, list[str]] = {}
    for person, code in session.execute(
        select(ContactMove.contact_id, ContactMove.from_code)
        .where(ContactMove.contact_id.in_(people))
        .order_by(ContactMove.id)
    ):
        before.setdefault(person, []).append(code)
    places = {}
    for person, home in recorded:
        found = units.communes_of(home) if home else frozenset()
        known = [ground for each in before.get(person, ()) if len(ground := units.communes_of(each)) == 1]
        if len(found) > 1 and known and known[0] <= found:
            found = known[0]
        places[person] = sorted(units.areas[each].full_name for each in found)
    return places


def count_perhaps(session: Session, user: User, filters: ContactFilter) -> int:
    """Return how many people may live in the unit that is filtered by, beside those who surely do."""
    if not filters.area_code or filters.perhaps:
        return 0
    conditions = _filters(session, user, replace(filters, perhaps=True))
    return count_rows(session, Contact, *conditions)


def _ids(
    session: Session,
    ranges: list[_IndexRange],
    conditions: list[ColumnElement[bool]],
    *,
    mark: str,
    cursor: Contact | None,
) -> list[tuple[str, int]]:
    """Return the range's mark and the id of each contact; one more than a page if there are more."""
    ids: list[tuple[str, int]] = []
    for index_range in ranges:
        if cursor is not None and mark != index_range.mark and not ids:
            continue  # shown on an earlier page
        query = select(Contact.id).where(*conditions, index_range.where)
        if cursor is not None and mark == index_range.mark:
            key, last = getattr(cursor, index_range.key.key), cursor.id
            query = query.where(or_(index_range.key > key, and_(index_range.key == key, Contact.id > last)))
            query = query.where(index_range.key >= key)  # lets the index scan start here
            cursor = None
        query = query.order_by(index_range.key, Contact.id).limit(ON_A_PAGE + 1 - len(ids))
        ids += [(index_range.mark, contact_id) for contact_id in session.scalars(query)]
        if len(ids) > ON_A_PAGE:
            break
    return ids


def _find_cursor(
    session: Session, ranges: list[_IndexRange], conditions: list[ColumnElement[bool]], *, after: str
) -> Contact | None:
    """Return the last contact of the page before, or None.

    Only if it matches the conditions: the position of any other contact would reveal where its name is in the
    order.
    """
    number = after[1:]
    index_range = next((candidate for candidate in ranges if candidate.mark == after[:1]), None)
    if index_range is None or not (number.isascii() and number.isdigit()):
        return None
    return session.scalar(select(Contact).where(Contact.id == int(number), *conditions, index_range.where))


def _count(
    session: Session, index_range: _IndexRange, conditions: list[ColumnElement[bool]], *, limit: int
) -> int:
    if limit <= 0:
        return 0
    query = select(literal(1)).select_from(Contact).where(*conditions, index_range.where)
    return count_rows(session, query.limit(limit))


def _lines(session: Session, user: User, ids: list[int]) -> list[ContactRow]:
    stated = read_stated(session, ids, user=user)
    communes = {each.facts.get("area_code") for each in stated.values()}
    places = {
        code: f"{kind} {name}"
        for code, kind, name in session.execute(
            select(Area.code, Area.kind, Area.name).where(Area.code.in_(communes))
        )
    }
    lines = {
        contact.id: ContactRow(
            contact.id,
            contact.name,
            contact.birth_year,
            f"{kind} {name}" if name else "",
            contact.village,
            contact.has_smartphone,
            contact.at_the_door,
        )
        for contact, kind, name in session.execute(
            select(Contact, Area.kind, Area.name)
            .outerjoin(Area, Area.code == Contact.area_code)
            .where(Contact.id.in_(ids))
        )
    }
    suppressed = exists().where(Suppression.phone_id == Phone.id, Suppression.lifted_at.is_(None))
    phones: Any = session.execute(
        select(ContactPhone.contact_id, Phone.id, Phone.e164, suppressed)
        .join(Phone, Phone.id == ContactPhone.phone_id)
        .where(ContactPhone.contact_id.in_(ids))
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    )
    phones = phones.all()
    left_alone = read_left_alone(session, people=ids, numbers={phone.id for phone in phones})
    for contact_id, phone_id, e164, is_suppressed in phones:
        if contact_id not in stated or phone_id in stated[contact_id].phones:
            is_closed = is_suppressed or left_alone.stops(contact_id, phone_id)
            lines[contact_id].phones.append((mask_number(e164), is_closed))
    for contact_id, each in stated.items():
        lines[contact_id] = replace(
            lines[contact_id],
            birth_year=each.facts.get("birth_year"),
            place=places.get(each.facts.get("area_code") or "", ""),
            village=each.facts.get("village", ""),
            has_smartphone=each.facts.get("has_smartphone"),
            at_the_door=False,
        )
    visible = visible_lists(session, user)
    for contact_id, name in session.execute(
        select(Membership.contact_id, ContactList.name)
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(Membership.contact_id.in_(ids), true() if visible is None else ContactList.id.in_(visible))
        .order_by(ContactList.name)
    ):
        lines[contact_id].lists.append(name)
    return [lines[contact_id] for contact_id in ids]


SEE_NUMBERS = (Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER)
LAST_DIGITS = 3
_LAST_CHARACTER = "\U0010ffff"


def has_number(text: str, user: User) -> ColumnElement[bool]:
    """Return the condition that a contact has this number: its last three digits, or all of them."""
    digits = "".join(letter for letter in text if letter.isdecimal())
    if len(digits) == LAST_DIGITS:
        return has_phone(begins(Phone.reversed, digits[::-1]))
    numbers = whole_numbers(text)
    if numbers and user.role in SEE_NUMBERS:
        return has_phone(Phone.e164.in_(numbers))
    return false()


def is_number_text(text: str) -> bool:
    """Return whether a text has digits and no letters."""
    return any(map(str.isdecimal, text)) and not any(map(str.isalpha, text))


def whole_numbers(text: str) -> tuple[str, ...]:
    """Return the numbers, E.164, that a text contains in full."""
    return read_phone_cell(text).numbers if is_number_text(text) else ()


def has_phone(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a contact has a phone that meets a condition."""
    return Contact.id.in_(
        select(ContactPhone.contact_id).join(Phone, Phone.id == ContactPhone.phone_id).where(condition)
    )


def begins(column: InstrumentedAttribute[str], start: str) -> ColumnElement[bool]:
    """Return the condition that a column's text begins with `start`."""
    # A range, not LIKE: every database can use the index for it.
    return and_(column >= start, column < start + _LAST_CHARACTER)


def lives_in_unit(history: UnitHistory, code: str, *, perhaps: bool) -> list[ColumnElement[bool]]:
    """Return the conditions that a person lives in a unit of any day, or perhaps does as their own unit was split.

    Of who was moved by a reform it is known where they were before.
    """
    sure, possible = history.on(history.day_of(code)).units_on(code)
    moved = select(literal(1)).where(ContactMove.contact_id == Contact.id)
    if perhaps:
        is_known = exists(moved.where(ContactMove.from_code.not_in(possible)))
        return [Contact.area_code.in_(possible), not_(is_known)]
    if code in history.areas and sure >= history.areas.keys():
        return []
    if not possible:
        return [Contact.area_code.in_(sure)]
    came_from = exists(moved.where(ContactMove.from_code.in_(sure)))
    return [or_(Contact.area_code.in_(sure), and_(Contact.area_code.in_(possible), came_from))]
