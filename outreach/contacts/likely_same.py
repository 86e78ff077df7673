"""People of the directory who may be one person, to be compared by an officer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from outreach.contacts.contact import find_contact
from outreach.contacts.directory import people_recorded_for, people_visible_to, read_stated
from outreach.models.accounts import User
from outreach.models.contacts import Contact, ContactPhone
from outreach.models.places import Area
from outreach.rules.identity import Likeness, likeness

_MOST_SHOWN = 10
# Of all who were born in the same year in one commune, or have the same name: more than any commune has.
_MOST_READ = 2_000
_FACTS = ("name", "birth_year", "sex", "area_code", "village")


@dataclass(frozen=True, slots=True)
class LikelySame:
    """Person who may be the same as another one, and why."""

    id: int
    name: str
    birth_year: int | None
    place: str
    why: Likeness


def read_likely_same(session: Session, contact_id: int, *, user: User) -> list[LikelySame]:
    """Return those whom the user may see who may be the same person as a contact, the likeliest first. Raises NotFound."""
    person = find_contact(session, contact_id, user=user)
    if read_stated(session, [contact_id], user=user):
        return []
    own = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    sharing = select(ContactPhone.contact_id).where(ContactPhone.phone_id.in_(own))
    meant = [Contact.id.in_(sharing), Contact.name_key == person.name_key]
    if person.area_code and person.birth_year:  # a name that is only similar is looked for among neighbours
        meant.append(and_(Contact.area_code == person.area_code, Contact.birth_year == person.birth_year))
    columns = [getattr(Contact, name) for name in _FACTS]
    rows: list[Any] = list(
        session.execute(
            select(
                Contact.id,
                *columns,
                Area.kind,
                Area.name.label("area"),
                Contact.id.in_(sharing).label("shares"),
            )
            .outerjoin(Area, Area.code == Contact.area_code)
            .where(
                Contact.id != contact_id,
                or_(*meant),
                people_visible_to(session, user),
                people_recorded_for(session, user),
            )
            .limit(_MOST_READ)
        )
    )
    facts = {name: getattr(person, name) for name in _FACTS}
    found = [
        LikelySame(row.id, row.name, row.birth_year, f"{row.kind} {row.area}" if row.area else "", why)
        for row in rows
        if (why := likeness(facts, row._mapping, share_number=row.shares))
    ]
    order = list(Likeness)
    return sorted(found, key=lambda each: (order.index(each.why), each.id))[:_MOST_SHOWN]
