"""People of the directory who may be one person, to be compared by an officer, who may say that they are not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, union
from sqlalchemy.orm import Session, aliased

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.contact import find_contact, find_recorded_contact
from outreach.contacts.directory import people_recorded_for, people_visible_to, read_stated
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import Contact, ContactPhone, DifferentPerson
from outreach.rules.errors import BadInput
from outreach.rules.identity import Likeness, likeness
from outreach.use_cases import use_case

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
    # One look for each reason: all in one condition, everybody is read (200 ms among a million people).
    meant = [sharing, select(Contact.id).where(Contact.name_key == person.name_key)]
    if person.area_code and person.birth_year:  # a name that is only similar is looked for among neighbours
        same = and_(Contact.area_code == person.area_code, Contact.birth_year == person.birth_year)
        meant.append(select(Contact.id).where(same))
    declared, other = aliased(DifferentPerson), aliased(DifferentPerson)
    different = select(other.contact_id).join(declared, declared.pair == other.pair)
    different = different.where(declared.contact_id == contact_id, other.contact_id != contact_id)
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
                Contact.id.not_in(different),
                Contact.id.in_(union(*meant)),
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


@use_case
def declare_different(session: Session, contact_id: int, other_id: int, *, user: User, now: datetime) -> None:
    """Record that two people are not the same; twice is once. Raises NotFound, NotAllowed, BadInput."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if contact_id == other_id:
        raise BadInput("people_merge_unfit")
    people = sorted((contact_id, other_id))
    # Two officers may say it at once: the second waits for the lock and finds it said.
    session.execute(select(Contact.id).where(Contact.id.in_(people)).order_by(Contact.id).with_for_update())
    for each in people:
        find_recorded_contact(session, each, user=user)
    pair = "-".join(map(str, people))
    said = set(session.scalars(select(DifferentPerson.contact_id).where(DifferentPerson.pair == pair)))
    if said == {*people}:
        return
    for each in {*people} - said:
        session.add(DifferentPerson(pair=pair, contact_id=each, said_by=user.id, said_at=now))
        other = sum(people) - each
        audit.record(session, "contact.different", f"contacts:{each}", user, now, other_person=other)
