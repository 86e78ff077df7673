"""Search and pages of the directory.

The directory of everybody a user may see: searched by name or number, filtered, a page at a time.

Quick at a million people because a page is a stretch of one index: it begins behind the last person shown
(never OFFSET), and what is counted is counted only up to `MOST_COUNTED`.

People looked for by a number: no digit more of it than a masked one shows, or all of it by those who may see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, not_, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role, within_area
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Contact, ContactList, ContactPhone, Membership, Phone, Suppression
from outreach.models.places import Area
from outreach.places.areas import areas_within, descendants
from outreach.rules.identity import mask_number, words_of
from outreach.rules.phone_cells import read_phone_cell

ON_A_PAGE = 50
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """What to look for. `text` is a name's words, a number's last three digits, or all of them where the user may see
    numbers; everything else narrows it down.
    """

    text: str = ""
    list_id: int | None = None
    organisation_id: int | None = None
    area_code: str = ""
    smartphone: str = ""  # yes, no, unknown
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A person in the directory. `phones` are masked, each with whether it is suppressed."""

    id: int
    name: str
    birth_year: int | None
    place: str
    village: str
    has_smartphone: bool | None
    phones: list[tuple[str, bool]] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContactPage:
    """`after` leads to the next page, "" where this is the last.

    `count` stops at `MOST_COUNTED`; None behind the first page, where it would only be the same again.
    """

    lines: list[ContactRow]
    after: str
    count: int | None
    is_more: bool


@dataclass(frozen=True, slots=True)
class _IndexRange:
    """People in the order of one index."""

    mark: str
    key: InstrumentedAttribute[str]
    where: ColumnElement[bool] | None = None


def read_page(
    session: Session,
    user: User,
    wanted: ContactFilter,
    *,
    after: str = "",
    also: Sequence[ColumnElement[bool]] = (),
) -> ContactPage:
    """One page of the people that a user may see, the first where `after` is nobody of them. `also` are conditions on
    `Contact` from the floor above.
    """
    conditions = [*_filters(session, user, wanted), *also]
    stretches = _stretches(wanted.text, user)
    behind = _behind(session, stretches, conditions, after=after)
    ids = _ids(session, stretches, conditions, mark=after[:1], behind=behind)
    more = len(ids) > ON_A_PAGE
    shown = ids[:ON_A_PAGE]
    count = 0
    for stretch in [] if behind else stretches:
        count += _count(session, stretch, conditions, most=MOST_COUNTED + 1 - count)
    return ContactPage(
        lines=_lines(session, user, [contact_id for _, contact_id in shown]),
        after=f"{shown[-1][0]}{shown[-1][1]}" if more else "",
        count=None if behind else min(count, MOST_COUNTED),
        is_more=count > MOST_COUNTED,
    )


def record_search(session: Session, text: str, *, user: User, now: datetime) -> None:
    """Whom a whole number belongs to is on record for whoever looks for it, as a look at the number is.

    Raises NotAllowed where the user may not see numbers. Other texts are nobody's number.
    """
    numbers = whole_numbers(text)
    if not numbers:
        return
    require_role(user, *SEE_NUMBERS)
    theirs = select(Contact.id).where(
        *_filters(session, user, ContactFilter()), has_phone(Phone.e164.in_(numbers))
    )
    found = [*map(str, session.scalars(theirs))]
    for who in found or ["all"]:
        audit.record(
            session,
            actor_id=user.id,
            action="contact.search_number",
            subject=f"contacts:{who}",
            now=now,
            found=len(found),
        )


def visible_lists(session: Session, user: User) -> set[int] | None:
    """The lists whose people a user may see; None means everybody, in a list or not."""
    seen = organisations_of(session, user)
    if seen is None:
        return None
    return set(session.scalars(select(ContactList.id).where(ContactList.organisation_id.in_(seen))))


def is_in(lists: set[int]) -> ColumnElement[bool]:
    """The condition that a contact stands in one of these lists."""
    return exists(
        select(literal(1)).where(Membership.contact_id == Contact.id, Membership.list_id.in_(lists))
    )


def people_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """The condition on Contact under every read of a person: in a list that the user may see, and within their area."""
    lists = visible_lists(session, user)
    return and_(true() if lists is None else is_in(lists), within_area(session, user, Contact.area_code))


def _stretches(text: str, user: User) -> list[_IndexRange]:
    """A number's digits, or a name: first the names that begin so, then those whose given name does."""
    if is_of_a_number(text):
        return [_IndexRange("g", Contact.given_key, has_number(text, user))]
    words = words_of(text)
    if not words:
        return [_IndexRange("g", Contact.given_key)]
    begins_so = begins(Contact.name_key, "".join(words))
    *before, last = words
    given = and_(
        not_(begins_so),
        begins(Contact.given_key, last),
        *(Contact.given_key.contains(f" {word}", autoescape=True) for word in before),
    )
    return [_IndexRange("n", Contact.name_key, begins_so), _IndexRange("g", Contact.given_key, given)]


def _filters(session: Session, user: User, wanted: ContactFilter) -> list[ColumnElement[bool]]:
    conditions = [within_area(session, user, Contact.area_code)]
    lists = visible_lists(session, user)
    if wanted.organisation_id is not None:
        below = descendants(
            session.execute(select(Organisation.id, Organisation.parent_id)), [wanted.organisation_id]
        )
        of_it = set(session.scalars(select(ContactList.id).where(ContactList.organisation_id.in_(below))))
        lists = of_it if lists is None else lists & of_it
    if wanted.list_id is not None:
        lists = {wanted.list_id} if lists is None else lists & {wanted.list_id}
    if lists is not None:
        conditions.append(is_in(lists))
    if wanted.area_code:
        within = areas_within(session, [wanted.area_code])
        if not _is_everywhere(session, within):
            conditions.append(Contact.area_code.in_(within))
    if wanted.smartphone in ("yes", "no"):
        conditions.append(Contact.has_smartphone.is_(wanted.smartphone == "yes"))
    elif wanted.smartphone == "unknown":
        conditions.append(Contact.has_smartphone.is_(None))
    if wanted.suppressed:
        conditions.append(
            Contact.id.in_(
                select(ContactPhone.contact_id)
                .join(Suppression, Suppression.phone_id == ContactPhone.phone_id)
                .where(Suppression.lifted_at.is_(None))
            )
        )
    return conditions


def _is_everywhere(session: Session, within: set[str]) -> bool:
    return session.scalar(select(func.count()).select_from(Area)) == len(within)


def _ids(
    session: Session,
    stretches: list[_IndexRange],
    conditions: list[ColumnElement[bool]],
    *,
    mark: str,
    behind: Contact | None,
) -> list[tuple[str, int]]:
    """Where each person stands: the stretch's mark and the id; one more than a page where there are more."""
    found: list[tuple[str, int]] = []
    for stretch in stretches:
        if behind is not None and mark != stretch.mark and not found:
            continue  # shown already
        query = select(Contact.id).where(*conditions)
        if stretch.where is not None:
            query = query.where(stretch.where)
        if behind is not None and mark == stretch.mark:
            key, last = getattr(behind, stretch.key.key), behind.id
            query = query.where(or_(stretch.key > key, and_(stretch.key == key, Contact.id > last)))
            query = query.where(stretch.key >= key)  # what an index can begin at
            behind = None
        query = query.order_by(stretch.key, Contact.id).limit(ON_A_PAGE + 1 - len(found))
        found += [(stretch.mark, contact_id) for contact_id in session.scalars(query)]
        if len(found) > ON_A_PAGE:
            break
    return found


def _behind(
    session: Session, stretches: list[_IndexRange], conditions: list[ColumnElement[bool]], *, after: str
) -> Contact | None:
    """The last person of the page before. Anybody else's place would tell where in the order of names they stand."""
    number = after[1:]
    stretch = next((each for each in stretches if each.mark == after[:1]), None)
    if stretch is None or not (number.isascii() and number.isdigit()):
        return None
    query = select(Contact).where(Contact.id == int(number), *conditions)
    return session.scalar(query if stretch.where is None else query.where(stretch.where))


def _count(
    session: Session, stretch: _IndexRange, conditions: list[ColumnElement[bool]], *, most: int
) -> int:
    if most <= 0:
        return 0
    query = select(literal(1)).select_from(Contact).where(*conditions)
    if stretch.where is not None:
        query = query.where(stretch.where)
    return session.scalar(select(func.count()).select_from(query.limit(most).subquery())) or 0


def _lines(session: Session, user: User, ids: list[int]) -> list[ContactRow]:
    lines = {
        contact.id: ContactRow(
            contact.id,
            contact.name,
            contact.birth_year,
            f"{kind} {name}" if name else "",
            contact.village,
            contact.has_smartphone,
        )
        for contact, kind, name in session.execute(
            select(Contact, Area.kind, Area.name)
            .outerjoin(Area, Area.code == Contact.area_code)
            .where(Contact.id.in_(ids))
        )
    }
    suppressed = exists(
        select(literal(1)).where(Suppression.phone_id == Phone.id, Suppression.lifted_at.is_(None))
    )
    phones: Any = session.execute(
        select(ContactPhone.contact_id, Phone.e164, suppressed)
        .join(Phone, Phone.id == ContactPhone.phone_id)
        .where(ContactPhone.contact_id.in_(ids))
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    )
    for contact_id, e164, is_suppressed in phones:
        lines[contact_id].phones.append((mask_number(e164), is_suppressed))
    seen = visible_lists(session, user)
    for contact_id, list_id, name in session.execute(
        select(Membership.contact_id, ContactList.id, ContactList.name)
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(Membership.contact_id.in_(ids))
        .order_by(ContactList.name)
    ):
        if seen is None or list_id in seen:
            lines[contact_id].lists.append(name)
    return [lines[contact_id] for contact_id in ids]


SEE_NUMBERS = (Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER)
LAST_DIGITS = 3
_LAST = "\U0010ffff"


def has_number(text: str, user: User) -> ColumnElement[bool]:
    """The condition that a contact has the number that was typed: its last three digits, or all of them."""
    digits = "".join(letter for letter in text if letter.isdecimal())
    if len(digits) == LAST_DIGITS:
        return has_phone(begins(Phone.reversed, digits[::-1]))
    whole = whole_numbers(text)
    if whole and user.role in SEE_NUMBERS:
        return has_phone(Phone.e164.in_(whole))
    return false()


def is_of_a_number(text: str) -> bool:
    """Are these a number's digits and no name?"""
    return any(map(str.isdecimal, text)) and not any(map(str.isalpha, text))


def whole_numbers(text: str) -> tuple[str, ...]:
    """The numbers, E.164, that were typed in full."""
    return read_phone_cell(text).numbers if is_of_a_number(text) else ()


def has_phone(found: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that a contact is on a phone of which `found` is true."""
    return Contact.id.in_(
        select(ContactPhone.contact_id).join(Phone, Phone.id == ContactPhone.phone_id).where(found)
    )


def begins(column: InstrumentedAttribute[str], start: str) -> ColumnElement[bool]:
    """The condition that a column's text begins so."""
    # A range, as every database answers it from the index.
    return and_(column >= start, column < start + _LAST)
