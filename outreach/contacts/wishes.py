"""Ledger of wishes to be left alone: said, taken back, and read for decisions. All functions work in the caller's transaction.

Rows are only added. Which wishes stop a message says `covers` of outreach/rules/wishes.py, and whose they are the view
`left_alone`. Merging, importing and erasing change who a row's person is, never the wish.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    any_,
    cast,
    column,
    exists,
    literal,
    or_,
    select,
    table,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from outreach.contacts.suppressions import lock_phones, newest_hasher
from outreach.core.db import (
    delete_rows,
    insert_new,
    is_postgresql,
    is_set,
    read_once,
    set_columns,
    values_subquery,
)
from outreach.models.accounts import User
from outreach.models.contacts import ContactPhone, Phone, RemovedPhone, Wish, WishNumber, WishPerson
from outreach.rules.identity import ERASED
from outreach.rules.wishes import EVERYTHING, NAMES_PERSON, WishSource, covers

LEFT_ALONE = table(
    "left_alone",
    column("wish_id", BigInteger),
    column("scope", String),
    column("is_firm", Integer),
    column("phone_id", BigInteger),
    column("contact_id", BigInteger),
)
_AGAIN = aliased(Wish)
_SAID = ("source", "scope", "evidence", "note", "said_at", "learned_at", "recorded_by")


def standing() -> ColumnElement[bool]:
    """Return the condition that a row of `Wish` is a wish that nobody has taken back."""
    return Wish.undoes_id.is_(None) & ~exists(select(literal(1)).where(_AGAIN.undoes_id == Wish.id))


def record_wish(
    session: Session,
    source: WishSource,
    *,
    said_at: datetime,
    now: datetime,
    phones: Collection[Phone] = (),
    people: Iterable[int | None] = (),
    scope: str = EVERYTHING,
    evidence: str = "",
    note: str = "",
    recorded_by: int | None = None,
) -> Wish:
    """Add a wish of these people, said from or about these numbers, whose rows must be locked.

    Erased numbers are left out. Who is only named for a number has
    not spoken from it.
    """
    speakers = {*people} - {None}
    if source not in NAMES_PERSON:
        speakers -= {person for person, _phone in _named_links(session, {phone.id for phone in phones})}
    wish = Wish(
        source=source,
        scope=scope,
        evidence=evidence,
        note=note,
        said_at=said_at,
        learned_at=now,
        recorded_by=recorded_by,
    )
    session.add(wish)
    session.flush()
    session.add_all(WishPerson(wish_id=wish.id, contact_id=each) for each in speakers)
    _add_numbers(session, [wish.id], phones)
    session.flush()
    return wish


def _named_links(session: Session, phones: Collection[int]) -> set[tuple[int, int]]:
    """Return who (contact id) is named for which of these numbers (phone id) by lists of other organisations alone."""
    if not phones:
        return set()
    named = select(ContactPhone.contact_id, ContactPhone.phone_id).where(is_set(ContactPhone.is_named))
    among_phones = ContactPhone.phone_id.in_(values_subquery(session, phones))
    return {(person, phone_id) for person, phone_id in session.execute(named.where(among_phones))}


def _add_numbers(session: Session, wishes: Collection[int], phones: Collection[Phone]) -> None:
    """Let these wishes be about these numbers as well."""
    if not phones:
        return
    hashed, key = newest_hasher(session)
    of_number = {hashed(each.e164): each.id for each in phones if not each.e164.startswith(ERASED)}
    # Also under a former key: of a wish and a phone there is one row.
    rows = select(WishNumber.wish_id, WishNumber.phone_id).where(WishNumber.wish_id.in_(wishes))
    present = set(session.execute(rows).all())
    session.add_all(
        WishNumber(wish_id=wish_id, number_hash=number, key_id=key, phone_id=phone_id)
        for wish_id in wishes
        for number, phone_id in of_number.items()
        if (wish_id, phone_id) not in present
    )


def take_back(
    session: Session,
    *conditions: ColumnElement[bool],
    source: WishSource,
    said_at: datetime,
    now: datetime,
    evidence: str = "",
    note: str = "",
    recorded_by: int | None = None,
    person: int | None = None,
) -> list[int]:
    """Take back the wishes in force that meet these conditions, each by a row that names it. Returns their ids.

    `person`: by whose word alone; what it says of others is kept as a wish of its own.
    """
    wishes = session.scalars(select(Wish).where(standing(), *conditions).order_by(Wish.id)).all()
    session.add_all(
        Wish(
            undoes_id=wish.id,
            source=source,
            evidence=evidence,
            note=note,
            said_at=said_at,
            learned_at=now,
            recorded_by=recorded_by,
        )
        for wish in wishes
    )
    session.flush()
    for wish in wishes if person else ():
        _keep_for_others(session, wish, person)
    return [wish.id for wish in wishes]


def _keep_for_others(session: Session, wish: Wish, person: int | None) -> None:
    """Add what a wish that one person took back says of others, known to have said it or to have a number that it was said from."""
    others = select(WishPerson.contact_id).where(
        WishPerson.wish_id == wish.id, WishPerson.contact_id != person
    )
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == person)
    about = select(WishNumber).where(WishNumber.wish_id == wish.id)
    about = about.where(or_(WishNumber.phone_id.is_(None), WishNumber.phone_id.not_in(theirs)))
    people, numbers = session.scalars(others).all(), session.scalars(about).all()
    if not people and (wish.source in NAMES_PERSON or not numbers):
        return
    kept = Wish(**{name: getattr(wish, name) for name in _SAID})
    session.add(kept)
    session.flush()
    session.add_all(WishPerson(wish_id=kept.id, contact_id=each) for each in people)
    session.add_all(
        WishNumber(wish_id=kept.id, number_hash=row.number_hash, key_id=row.key_id, phone_id=row.phone_id)
        for row in numbers
    )
    session.flush()


def of_number(phone_id: int) -> ColumnElement[bool]:
    """Return the condition that a wish is about a number."""
    return Wish.id.in_(select(WishNumber.wish_id).where(WishNumber.phone_id == phone_id))


def has_asked_since(session: Session, phone_id: int, at: datetime) -> bool:
    """Return whether a number's owner has asked for messages since a moment, from it or another that is theirs alone."""
    asked = select(Phone.id).where(Phone.id.in_(numbers_of_owner(session, phone_id)), Phone.asked_at > at)
    return session.scalar(asked.limit(1)) is not None


def numbers_of_owner(session: Session, phone_id: int) -> Sequence[int]:
    """Return the ids of a number and of the others of the one person whom alone it and they belong to."""
    is_theirs = ~is_set(ContactPhone.is_named)
    holding = select(ContactPhone.contact_id).where(ContactPhone.phone_id == phone_id, is_theirs)
    holders = session.scalars(holding).all()
    if len(holders) != 1:
        return [phone_id]
    other = aliased(ContactPhone)
    is_shared = exists().where(other.phone_id == ContactPhone.phone_id, other.contact_id != holders[0])
    own = select(ContactPhone.phone_id).where(ContactPhone.contact_id == holders[0], is_theirs, ~is_shared)
    return session.scalars(own).all()


def of_person(contact_id: int) -> ColumnElement[bool]:
    """Return the condition that a wish is a person's."""
    return Wish.id.in_(select(WishPerson.wish_id).where(WishPerson.contact_id == contact_id))


def among(session: Session, of: ColumnElement[int], ids: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that a column of `LEFT_ALONE` is one of these ids.

    As an array on PostgreSQL, which then reads each part of the view by its index; a subquery would have it read all of it.
    """
    if is_postgresql(session):
        return of == any_(cast(literal("{" + ",".join(map(str, ids)) + "}", String), ARRAY(BigInteger)))
    return of.in_(values_subquery(session, ids))


@read_once
def scopes_in_use(session: Session, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of these scopes that anybody has named: most campaigns then count alike."""
    named = session.scalars(select(Wish.scope).where(Wish.scope.in_(scopes)).distinct())
    return tuple(sorted({EVERYTHING, *named}))


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Who of some people and numbers is left alone: by id, the scope of each wish and whether it is firm."""

    people: dict[int, set[tuple[str, bool]]]
    numbers: dict[int, set[tuple[str, bool]]]

    def stops(
        self,
        contact_id: int | None,
        phone_id: int | None,
        *,
        scopes: Collection[str] = (EVERYTHING,),
        passes: bool = False,
    ) -> bool:
        """Return whether a message to a person at a number must not go."""
        wishes = (*self.people.get(contact_id or 0, ()), *self.numbers.get(phone_id or 0, ()))
        return any(covers(scope, is_firm, scopes=scopes, passes=passes) for scope, is_firm in wishes)


def read_left_alone(
    session: Session, *, people: Collection[int] = (), numbers: Collection[int] = ()
) -> LeftAlone:
    """Return who of these people, and which of these numbers by their phones' ids, is left alone."""
    found = LeftAlone({}, {})
    for of, ids, by_id in (
        (LEFT_ALONE.c.contact_id, people, found.people),
        (LEFT_ALONE.c.phone_id, numbers, found.numbers),
    ):
        if ids:
            query = select(of, LEFT_ALONE.c.scope, LEFT_ALONE.c.is_firm).where(among(session, of, ids))
            for each, scope, is_firm in session.execute(query):
                by_id.setdefault(each, set()).add((scope, bool(is_firm)))
    return found


def people_left_alone(
    session: Session, people: Collection[int], *, scopes: Collection[str] = (EVERYTHING,)
) -> set[int]:
    """Return those of these people who are left alone in one of these scopes."""
    found = read_left_alone(session, people=people)
    return {each for each in found.people if found.stops(each, None, scopes=scopes)}


def is_left_alone(session: Session, phone_id: int, *, contact_id: int | None = None) -> bool:
    """Return whether a number, or the person it is written for, is left alone."""
    found = read_left_alone(session, numbers=[phone_id], people=[contact_id] if contact_id else [])
    return found.stops(contact_id, phone_id)


def keep_holders(session: Session, links: Collection[tuple[int, int]]) -> None:
    """Make wishes said from numbers those of the people who had them, before these links (contact id, phone id) end.

    So they hold for the people's other numbers, whichever they get. Locks the phones: what is being said from one is waited for.
    """
    phones = {phone_id for _person, phone_id in links}
    if not phones:
        return
    lock_phones(session, phones)
    said = select(WishNumber.wish_id, WishNumber.phone_id).join(Wish, Wish.id == WishNumber.wish_id)
    of_phones = WishNumber.phone_id.in_(values_subquery(session, phones))
    wishes: dict[int | None, list[int]] = {}
    for wish_id, phone_id in session.execute(
        said.where(of_phones, Wish.source.not_in(NAMES_PERSON), standing())
    ):
        wishes.setdefault(phone_id, []).append(wish_id)
    _add_people(
        session,
        {
            (wish_id, person)
            for person, phone_id in {*links} - _named_links(session, phones)
            for wish_id in wishes.get(phone_id, ())
        },
    )


def disown_wishes(session: Session, contact_id: int, phone_id: int) -> None:
    """Let wishes said from a number not be this person's: somebody else said them, who has the number.

    So an officer may have been called from it, too. By other ways the person is known.
    """
    said = select(WishNumber.wish_id).join(Wish, Wish.id == WishNumber.wish_id)
    is_theirs = Wish.source.in_(NAMES_PERSON - {WishSource.OFFICER})
    said = said.where(WishNumber.phone_id == phone_id, ~is_theirs)
    delete_rows(session, WishPerson, WishPerson.contact_id == contact_id, WishPerson.wish_id.in_(said))


def _add_people(session: Session, rows: Collection[tuple[int, int]]) -> None:
    """Let wishes be those of these people as well: pairs of the wish's id and the person's."""
    if rows:
        new = [{"wish_id": wish_id, "contact_id": person} for wish_id, person in sorted(rows)]
        session.execute(insert_new(session, WishPerson), new)


def share_wishes_since(session: Session, people: Collection[int], *, since: datetime) -> None:
    """Make what one of these people asked for after a moment the wish of all of them: they were one person then."""
    wishes = select(LEFT_ALONE.c.wish_id).where(among(session, LEFT_ALONE.c.contact_id, people))
    later = session.scalars(select(Wish.id).where(Wish.id.in_(wishes), Wish.learned_at > since))
    _add_people(session, {(wish_id, person) for wish_id in later for person in people})


def keep_wishes(session: Session, people: Collection[int]) -> set[int]:
    """Keep the wishes of people who are about to be removed by the keyed hashes of the numbers that nobody else has.

    The phones' rows must be locked. Returns those who asked for something and have no such number, or others as well:
    they must be recognised by their names.
    """
    among_people = values_subquery(session, people)
    theirs = select(LEFT_ALONE.c.contact_id, LEFT_ALONE.c.wish_id).where(
        among(session, LEFT_ALONE.c.contact_id, people)
    )
    wishes: dict[int, set[int]] = {}
    for contact_id, wish_id in session.execute(theirs):
        wishes.setdefault(contact_id, set()).add(wish_id)
    _empty_notes(session, select(WishPerson.wish_id).where(WishPerson.contact_id.in_(among_people)))
    if not wishes:
        return set()
    asked_for = values_subquery(session, set().union(*wishes.values()))
    rehash_numbers(session, WishNumber.wish_id.in_(asked_for), WishNumber.key_id == "")
    other = aliased(ContactPhone)
    elsewhere = exists().where(other.phone_id == Phone.id, other.contact_id.not_in(among_people))
    by_name = set(wishes)
    for contact_id, asked in wishes.items():
        links = (ContactPhone, RemovedPhone)
        had = union(*(select(each.phone_id).where(each.contact_id == contact_id) for each in links))
        phones = session.execute(select(Phone, elsewhere).where(Phone.id.in_(had))).all()
        own = [phone for phone, is_shared in phones if not is_shared]
        _add_numbers(session, asked, own)
        if own and len(own) == len(phones):
            by_name.discard(contact_id)
    session.flush()
    return by_name


def _empty_notes(session: Session, wishes: Select[Any]) -> None:
    """Empty what was noted of these wishes, and of what took them back."""
    noted = or_(Wish.id.in_(wishes), Wish.undoes_id.in_(wishes))
    set_columns(session, Wish, noted, Wish.note != "", note="")


@dataclass(frozen=True, slots=True)
class WishLine:
    """Wish as a page shows it: from whom, since when, what took it back. `phones`: ids of the numbers it is about.

    `source` is None for who sees the person only as their lists name them.
    """

    id: int
    scope: str
    source: WishSource | None
    evidence: str
    note: str
    said_at: datetime
    by: str
    is_person: bool
    phones: frozenset[int | None]
    ended_at: datetime | None
    ended_source: str
    ended_note: str

    @property
    def leaves_person_alone(self) -> bool:
        """Return whether it closes all numbers of the person in force, not only the one it is about."""
        return self.ended_at is None and (self.is_person or self.source not in NAMES_PERSON)


def read_wishes(session: Session, contact_id: int, phones: Collection[int]) -> list[WishLine]:
    """Return the wishes about a person or their numbers, latest first; found for the user by the caller."""
    is_person = exists().where(WishPerson.wish_id == Wish.id, WishPerson.contact_id == contact_id)
    about = exists().where(WishNumber.wish_id == Wish.id, WishNumber.phone_id.in_(phones))
    rows = session.execute(
        select(Wish, User, is_person, _AGAIN)
        .outerjoin(User, User.id == Wish.recorded_by)
        .outerjoin(_AGAIN, _AGAIN.undoes_id == Wish.id)
        .where(Wish.undoes_id.is_(None), or_(is_person, about))
        .order_by(Wish.id.desc())
    ).all()
    numbers: dict[int, set[int | None]] = {}
    of_wishes = select(WishNumber.wish_id, WishNumber.phone_id).where(
        WishNumber.wish_id.in_([row[0].id for row in rows])
    )
    for wish_id, phone_id in session.execute(of_wishes):
        if phone_id in phones:
            numbers.setdefault(wish_id, set()).add(phone_id)
    return [
        WishLine(
            wish.id,
            wish.scope,
            wish.source,
            wish.evidence,
            wish.note,
            wish.said_at,
            by.shown_name if by else "",
            bool(theirs),
            frozenset(numbers.get(wish.id, ())),
            again.said_at if again else None,
            again.source.value if again else "",
            again.note if again else "",
        )
        for wish, by, theirs, again in rows
    ]


def erase_numbers_of_wishes(session: Session, phones: Collection[int]) -> None:
    """Leave of these numbers the hash alone, and nothing that was noted of what was said."""
    of_phones = WishNumber.phone_id.in_(values_subquery(session, phones))
    rehash_numbers(session, of_phones, WishNumber.key_id == "")
    _empty_notes(session, select(WishNumber.wish_id).where(of_phones))
    set_columns(session, WishNumber, of_phones, phone_id=None)


def rehash_numbers(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Bring the hashes of wishes' numbers that are known under the newest key; what others told stays under the key that all share.

    Returns how many were changed.
    """
    hashed, newest = newest_hasher(session)
    rows = session.execute(
        select(WishNumber, Phone.e164)
        .join(Phone, Phone.id == WishNumber.phone_id)
        .join(Wish, Wish.id == WishNumber.wish_id)
        .where(WishNumber.key_id != newest, Phone.e164.not_like(f"{ERASED}%"), *conditions)
        .where(Wish.source != WishSource.EXCHANGE)
        .with_for_update(of=WishNumber)
    ).all()
    for row, e164 in rows:
        row.number_hash, row.key_id = hashed(e164), newest
    session.flush()
    return len(rows)
