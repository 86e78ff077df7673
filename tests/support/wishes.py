"""Wishes to be left alone, as tests record them and ask for them."""

from collections.abc import Collection
from contextlib import nullcontext
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.contacts.wishes import read_left_alone, record_wish
from outreach.models.contacts import ContactPhone, Phone, Wish
from outreach.rules.wishes import EVERYTHING, WishSource
from tests.support.world import World


def opt_out(
    world: World,
    e164: str | None,
    *people: int,
    source: WishSource = WishSource.SMS,
    scope: str = EVERYTHING,
    at: datetime | None = None,
    session: Session | None = None,
) -> Wish:
    """A wish said from or about a number that is known, by these people where it is known who spoke."""
    at = at or world.now
    with nullcontext(session) if session else world.runtime.db.write() as session:
        phones = session.scalars(select(Phone).where(Phone.e164 == e164)).all()
        assert phones or e164 is None
        return record_wish(session, source, phones=phones, people=people, scope=scope, said_at=at, now=at)


def numbers_left_alone(session: Session, *, scopes: Collection[str] = (EVERYTHING,)) -> set[str]:
    """The numbers at which nobody may be written to: for the number's own sake, or for that of all who have it."""
    numbers = dict(session.execute(select(Phone.id, Phone.e164)).all())
    holders: dict[int, list[int]] = {}
    for phone_id, contact_id in session.execute(select(ContactPhone.phone_id, ContactPhone.contact_id)):
        holders.setdefault(phone_id, []).append(contact_id)
    people = {each for some in holders.values() for each in some}
    found = read_left_alone(session, people=people, numbers=numbers)
    return {
        e164
        for phone_id, e164 in numbers.items()
        if all(found.stops(who, phone_id, scopes=scopes) for who in holders.get(phone_id, [None]))
    }
