"""Who is written to, who is not and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from campaigns.models import Recipient
from campaigns.states import Exclusion
from outreach.people.models import Contact, ContactList, Membership, Phone, Suppression, SuppressionReason
from outreach.people.suppression import hash_number
from outreach.places.models import Area, AreaLevel
from tests.flows.world import LIST, World, number

TOWN, COMMUNE, FAR = "608", "23281", "23425"
OUT, WRONG, CALL = SuppressionReason.OPT_OUT, SuppressionReason.WRONG_NUMBER, SuppressionReason.DO_NOT_CALL
E = Exclusion


@pytest.fixture
def places(world: World) -> World:
    """Kon Tum with the town's commune 23281, and 23425 in another district."""
    with world.runtime.db.write() as session:
        for code, level, parent in (
            ("62", AreaLevel.PROVINCE, None),
            (TOWN, AreaLevel.DISTRICT, "62"),
            ("617", AreaLevel.DISTRICT, "62"),
            (COMMUNE, AreaLevel.COMMUNE, TOWN),
            (FAR, AreaLevel.COMMUNE, "617"),
        ):
            session.add(Area(code=code, name=code, kind="", level=level, parent_code=parent))
            session.flush()
    return world


def suppress(world: World, e164: str, *reasons: SuppressionReason, lifted: bool = False) -> None:
    with world.runtime.db.write() as session:
        phone = session.scalar(select(Phone).where(Phone.e164 == e164))
        assert phone is not None
        for reason in reasons:
            session.add(
                Suppression(
                    number_hash=hash_number(e164, secret_key=world.keys.secret_key),
                    phone_id=phone.id,
                    reason=reason,
                    source="import",
                    created_at=world.now,
                    lifted_at=world.now if lifted else None,
                )
            )


def add(world: World, name: str, *numbers: str, area: str | None = COMMUNE) -> int:
    contact_id = world.add_person(name, *numbers)
    with world.runtime.db.write() as session:
        session.get_one(Contact, contact_id).area_code = area
    return contact_id


def audience(world: World, campaign_id: int) -> dict[str, str]:
    """Each person's number, or the reason why they are not written to."""
    with world.runtime.db.read() as session:
        rows = session.execute(
            select(Contact.name, Recipient.exclusion, Phone.e164)
            .join(Contact, Contact.id == Recipient.contact_id)
            .outerjoin(Phone, Phone.id == Recipient.phone_id)
            .where(Recipient.campaign_id == campaign_id)
        ).all()
    found = {name: exclusion.value if exclusion else e164 for name, exclusion, e164 in rows}
    assert len(found) == len(rows), "someone stands twice in the audience"
    return found


@dataclass
class Person:
    """Somebody of the list, their phones by index, and what is to come of them."""

    name: str
    phones: tuple[int, ...]
    comes_to: int | Exclusion
    area: str | None = COMMUNE


BLOCKED = {
    2: (OUT,),
    3: (WRONG,),
    4: (CALL,),
    10: (WRONG, CALL, OUT),
    11: (CALL, WRONG),
    12: (CALL,),
    20: (WRONG,),
    22: (CALL,),
    26: (OUT,),
    29: (OUT,),
    30: (WRONG,),
    31: (WRONG,),
    33: (WRONG, OUT),
}

PEOPLE = [
    # Each reason by itself.
    Person("free", (1,), 1),
    Person("no phone", (), E.NO_PHONE),
    Person("asked to be left alone", (2,), E.OPTED_OUT),
    Person("wrong number", (3,), E.WRONG_NUMBER),
    Person("on the register", (4,), E.DO_NOT_CALL),
    Person("lives elsewhere", (5,), E.OUTSIDE_AREA, area=FAR),
    Person("lives nobody knows where", (6,), E.OUTSIDE_AREA, area=None),
    Person("shares a phone", (1,), E.SHARED_PHONE),
    Person("shares it too", (1,), E.SHARED_PHONE),
    # Several reasons: the first in the order of precedence is told.
    Person("no phone and elsewhere", (), E.NO_PHONE, area=FAR),
    Person("everything at once", (10,), E.OPTED_OUT, area=FAR),
    Person("wrong, register, elsewhere", (11,), E.WRONG_NUMBER, area=FAR),
    Person("register, elsewhere", (12,), E.DO_NOT_CALL, area=FAR),
    Person("elsewhere and shared", (1,), E.OUTSIDE_AREA, area=FAR),
    Person("left alone and shared", (2,), E.OPTED_OUT),
    # Two phones: the first that may be written to.
    Person("first wrong", (20, 21), 21),
    Person("first on the register", (22, 23), 23),
    Person("both free", (24, 25), 24),
    Person("both wrong", (30, 31), E.WRONG_NUMBER),
    # Whoever said no on one phone said no.
    Person("said no on the first", (26, 27), E.OPTED_OUT),
    Person("said no on the second", (28, 29), E.OPTED_OUT),
    Person("only shares a phone with them", (28,), 28),
    # A phone that another one has: the next of theirs that is nobody's, and who has no other goes first.
    Person("has two, shares the first", (50, 51), 51),
    Person("has only the shared one", (50,), 50),
    Person("has the shared one and one on the register", (50, 22), E.SHARED_PHONE),
    Person("shares the first, then one that is taken, then has a free one", (50, 1, 52), 52),
    Person("shares both with others", (50, 24), E.SHARED_PHONE),
    Person("shares the next one with one who needs it, too", (50, 53), 53),
    Person("comes after them", (50, 53), E.SHARED_PHONE),
    # Of those on one phone the first who may be written to has the message.
    Person("elsewhere, first on a phone", (32,), E.OUTSIDE_AREA, area=FAR),
    Person("second on that phone", (32,), 32),
    # What was lifted no longer counts.
    Person("came back", (40,), 40),
    Person("no on a phone that is wrong too", (33, 34), E.OPTED_OUT),
]


def test_everybody_is_written_to_or_excluded_for_one_reason(places: World) -> None:
    for person in PEOPLE:
        add(places, person.name, *map(number, person.phones), area=person.area)
    for index, reasons in BLOCKED.items():
        suppress(places, number(index), *reasons)
    suppress(places, number(40), OUT, WRONG, CALL, lifted=True)
    campaign = places.launch(areas=[TOWN])

    expected = {
        person.name: person.comes_to.value
        if isinstance(person.comes_to, Exclusion)
        else number(person.comes_to)
        for person in PEOPLE
    }
    assert audience(places, campaign) == expected

    reasons = Counter(person.comes_to for person in PEOPLE if isinstance(person.comes_to, Exclusion))
    status = places.status(campaign)
    assert status["excluded"] == {reason.value: count for reason, count in reasons.items()}
    assert status["recipients"] + sum(status["excluded"].values()) == len(PEOPLE)
    assert status["steps"] == [{"step": 1, "messages": {"queued": status["recipients"]}}]
    places.send()
    assert sorted(places.sent_to()) == sorted(value for value in expected.values() if value.startswith("+"))


AREAS = [
    ([], {"here", "there", "nowhere"}),
    ([COMMUNE], {"here"}),
    ([TOWN], {"here"}),
    (["62"], {"here", "there"}),
    ([FAR, TOWN], {"here", "there"}),
    (["617"], {"there"}),
]


def test_an_area_takes_in_all_below_it(places: World) -> None:
    for index, (name, area) in enumerate((("here", COMMUNE), ("there", FAR), ("nowhere", None))):
        add(places, name, number(index), area=area)
    for areas, reached in AREAS:
        found = audience(places, places.launch(areas=areas))
        assert {name for name, value in found.items() if value.startswith("+")} == reached, areas


def test_a_person_of_several_lists_is_one_person(world: World) -> None:
    both = world.add_person("in both", number(1))
    world.add_person("in the first", number(2))
    with world.runtime.db.write() as session:
        first = session.get_one(ContactList, world.list_id)
        for name in ("Thứ hai", "Không dùng"):
            session.add(ContactList(organisation_id=first.organisation_id, name=name, created_at=world.now))
        session.flush()
        second, unused = session.scalars(
            select(ContactList.id).where(ContactList.id != first.id).order_by(ContactList.id)
        )
    first_list = world.list_id
    world.list_id = second
    world.add_person("in the second", number(3))
    world.list_id = unused
    world.add_person("in another", number(4))
    with world.runtime.db.write() as session:
        session.add(Membership(list_id=second, contact_id=both))

    campaign = world.launch(lists=["Thứ hai", LIST, LIST])
    assert audience(world, campaign) == {
        "in both": number(1),
        "in the first": number(2),
        "in the second": number(3),
    }
    assert world.recipient(number(1), campaign).list_id == first_list


def test_the_audience_stays_as_it_was_at_the_launch(world: World) -> None:
    world.add_people(2)
    campaign = world.launch()
    world.add_people(1, first=5)
    world.sweep()
    assert world.status(campaign)["recipients"] == 2


def test_an_audience_without_recipients_completes(world: World) -> None:
    world.add_person("no phone")
    campaign = world.launch()
    status = world.status(campaign)
    assert (status["recipients"], status["excluded"], status["state"]) == (0, {"no_phone": 1}, "completed")
