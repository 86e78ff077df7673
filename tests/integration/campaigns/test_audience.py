"""Who is written to, who is not and why."""

import json
import random
from collections import Counter
from dataclasses import dataclass

import pytest
from sqlalchemy import delete, select, update

from admin.views.audience_cache import AudienceCache
from campaigns.lifecycle import create_campaign
from campaigns.models.campaigns import Campaign, CampaignList, Recipient
from campaigns.planning.audience import (
    audience_query,
    count_audience,
    estimate_recipients,
    freeze_audience,
    load_audience_counter,
    restore_audience_counter,
)
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion
from outreach.accounts.users import create_organisation, find_user
from outreach.contacts.contact import Closing
from outreach.contacts.suppressions import newest_hasher
from outreach.contacts.wishes import take_back
from outreach.imports.change_list import remove_list
from outreach.models.accounts import OrganisationKind
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    LegalBasis,
    Membership,
    Phone,
    Suppression,
    SuppressionReason,
    Wish,
)
from outreach.rules.errors import BadCampaign, WrongState
from outreach.rules.wishes import WishSource
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wait_until import wait_until
from tests.support.wishes import opt_out
from tests.support.world import AUTHOR, LIST, TEXT, number

pytestmark = both_databases

TOWN, COMMUNE, FAR = "608", "23281", "23425"
OUT, WRONG, CALL = Closing.OPT_OUT, Closing.WRONG_NUMBER, Closing.DO_NOT_CALL
E = Exclusion


@pytest.fixture
def places(world):
    """Kon Tum with the town's commune 23281, and 23425 in another district."""
    world.add_areas({TOWN: TOWN, "617": "617"}, {COMMUNE: TOWN, FAR: "617"})
    return world


def close_number(world, e164, *reasons, lifted=False):
    with world.runtime.db.write() as session:
        phone = session.scalar(select(Phone).where(Phone.e164 == e164))
        assert phone is not None
        for reason in reasons:
            if reason is OUT:
                wish = opt_out(world, e164, session=session)
                again = {"source": WishSource.SMS, "said_at": world.now, "now": world.now}
                if lifted:
                    take_back(session, Wish.id == wish.id, **again)
                continue
            session.add(
                Suppression(
                    number_hash=newest_hasher(session)[0](e164),
                    phone_id=phone.id,
                    reason=SuppressionReason(reason),
                    source="import",
                    created_at=world.now,
                    lifted_at=world.now if lifted else None,
                )
            )


def add(world, name, *numbers, area=COMMUNE):
    contact_id = world.add_person(name, *numbers)
    world.change(Contact, contact_id, area_code=area)
    return contact_id


def audience(world, campaign_id):
    """Each person's number, or the reason why they are not written to."""
    rows = world.rows(
        select(Contact.name, Recipient.exclusion, Phone.e164)
        .join(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Phone, Phone.id == Recipient.phone_id)
        .where(Recipient.campaign_id == campaign_id)
    )
    found = {name: exclusion.value if exclusion else e164 for name, exclusion, e164 in rows}
    assert len(found) == len(rows), "someone stands twice in the audience"
    return found


def foresee(world, campaign_id):
    """What the office says before a campaign is launched."""
    with world.runtime.db.read() as session:
        whom = audience_query(session, session.get_one(Campaign, campaign_id))
        counter = load_audience_counter(session, whom)
        # What a process keeps for the one after it counts the same.
        kept = restore_audience_counter(session, json.loads(json.dumps(counter.as_data(names=1_000))))
        assert kept.count(whom, names=5) == counter.count(whom, names=5)
        return counter.count(whom)[:2]


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
    Person("makes room for who shares both", (24, 25), 25),
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
    Person("shares both with others", (50, 24), 24),
    Person("shares the next one with one who needs it, too", (50, 53), 53),
    Person("comes after them", (50, 53), E.SHARED_PHONE),
    # Of those on one phone the first who may be written to has the message.
    Person("elsewhere, first on a phone", (32,), E.OUTSIDE_AREA, area=FAR),
    Person("second on that phone", (32,), 32),
    # What was lifted no longer counts.
    Person("came back", (40,), 40),
    Person("no on a phone that is wrong too", (33, 34), E.OPTED_OUT),
]


def test_everybody_is_written_to_or_excluded_for_one_reason(places):
    for person in PEOPLE:
        add(places, person.name, *map(number, person.phones), area=person.area)
    for index, reasons in BLOCKED.items():
        close_number(places, number(index), *reasons)
    close_number(places, number(40), OUT, WRONG, CALL, lifted=True)
    foreseen = foresee(places, places.draft(areas=[TOWN]))
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
    assert status["steps"] == [{"step": 1, "messages": {"queued": status["recipients"]}, "skipped": {}}]
    assert foreseen == (status["recipients"], reasons)
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


def test_an_area_takes_in_all_below_it(places):
    for index, (name, area) in enumerate((("here", COMMUNE), ("there", FAR), ("nowhere", None))):
        add(places, name, number(index), area=area)
    for areas, reached in AREAS:
        found = audience(places, places.launch(areas=areas))
        assert {name for name, value in found.items() if value.startswith("+")} == reached, areas


def test_a_person_of_several_lists_is_one_person(world):
    both = world.add_person("in both", number(1))
    world.add_person("in the first", number(2))
    second, unused = world.add_list("Thứ hai"), world.add_list("Không dùng")
    first_list = world.list_id
    world.list_id = second
    world.add_person("in the second", number(3))
    world.list_id = unused
    world.add_person("in another", number(4))
    world.add(Membership(list_id=second, contact_id=both))

    campaign = world.launch(lists=["Thứ hai", LIST, LIST])
    assert audience(world, campaign) == {
        "in both": number(1),
        "in the first": number(2),
        "in the second": number(3),
    }
    assert world.recipient(number(1), campaign).list_id == first_list


@pytest.fixture
def four_lists(world):
    """The lists A, B, C and D of the office, by name."""
    return {name: world.add_list(name) for name in "ABCD"}


# Who is in which lists with which phones.
IN_LISTS = {
    "in A": ("A", (1,)),
    "in A and B": ("AB", (2,)),
    "in A and C": ("AC", (3,)),
    "in A, B and C": ("ABC", (4,)),
    "in B alone": ("B", (5,)),
    "on duty, two phones": ("AD", (6, 7)),
    "in A, shares a phone with who is on duty": ("A", (6,)),
    "in A, shares a phone with B's": ("A", (8,)),
    "in A and B, shares that phone": ("AB", (8,)),
    "no phone, on duty": ("AD", ()),
}
WITH_B = {"in A and B": 2, "in A, B and C": 4}
OTHERS = [
    (
        {"lists": ["A"]},
        {"in A": 1, "in A and C": 3, **WITH_B, "on duty, two phones": 7}
        | {"in A, shares a phone with who is on duty": 6, "in A, shares a phone with B's": 8},
        {E.NO_PHONE: 1, E.SHARED_PHONE: 1},
    ),
    # Left out whatever phone they have; a phone that they share is still written to for somebody else of the audience.
    (
        {"lists": ["A"], "except": ["D"]},
        {"in A": 1, "in A and C": 3, **WITH_B}
        | {"in A, shares a phone with who is on duty": 6, "in A, shares a phone with B's": 8},
        {E.NO_PHONE: 1, E.EXCEPTED: 1, E.SHARED_PHONE: 1},
    ),
    (
        {"lists": ["A"], "also_in": ["B"]},
        {**WITH_B, "in A and B, shares that phone": 8},
        {E.NO_PHONE: 1, E.NOT_ALSO_IN: 5},
    ),
    ({"lists": ["A"], "also_in": ["B", "C"]}, {"in A, B and C": 4}, {E.NO_PHONE: 1, E.NOT_ALSO_IN: 7}),
    (
        {"lists": ["A"], "also_in": ["B"], "except": ["C"]},
        {"in A and B": 2, "in A and B, shares that phone": 8},
        {E.NO_PHONE: 1, E.EXCEPTED: 2, E.NOT_ALSO_IN: 4},
    ),
    ({"lists": ["A"], "except": ["A"]}, {}, {E.NO_PHONE: 1, E.EXCEPTED: 8}),
    ({"lists": ["B", "D"], "except": ["A"]}, {"in B alone": 5}, {E.NO_PHONE: 1, E.EXCEPTED: 4}),
]


def test_exceptions_and_lists_that_people_must_be_in_as_well(world, four_lists):
    for name, (lists, phones) in IN_LISTS.items():
        contact_id = world.add_person(name, *map(number, phones))
        world.execute(delete(Membership).where(Membership.contact_id == contact_id))
        world.add(*(Membership(list_id=four_lists[each], contact_id=contact_id) for each in lists))
    for wanted, reached, excluded in OTHERS:
        foreseen = foresee(world, world.draft(**wanted))
        campaign = world.launch(**wanted)
        found = audience(world, campaign)
        assert {name: value for name, value in found.items() if value.startswith("+")} == {
            name: number(index) for name, index in reached.items()
        }, wanted
        assert foreseen == (len(reached), excluded), wanted
        assert world.status(campaign)["excluded"] == {
            reason.value: people for reason, people in excluded.items()
        }, wanted


def test_a_description_names_the_other_lists_and_makes_the_same_draft(world, four_lists):
    others = {"also_in": ["MTTQ/B"], "except": ["MTTQ/C", "MTTQ/D"]}
    campaign_id = world.draft(lists=["A"], **others)
    described = world.read(describe_campaign, world.get_one(Campaign, campaign_id), kinds=load_kinds())
    assert {key: described[key] for key in others} == others
    again = world.draft(**described)
    assert world.read(describe_campaign, world.get_one(Campaign, again), kinds=load_kinds()) == described
    with refuses(BadCampaign, says="Không có"):
        world.draft(lists=["A"], **{"except": ["Không có"]})
    author = world.user(AUTHOR)
    with pytest.raises(WrongState):
        world.do(remove_list, four_lists["D"], user=author)


def test_the_audience_stays_as_it_was_at_the_launch(world):
    campaign = world.launch(people=2)
    world.add_people(1, first=5)
    world.sweep()
    assert world.status(campaign)["recipients"] == 2


def test_an_audience_without_recipients_completes(world):
    world.add_person("no phone")
    campaign = world.launch()
    status = world.status(campaign)
    assert (status["recipients"], status["excluded"], status["state"]) == (0, {"no_phone": 1}, "completed")


WANTED = [
    {"lists": ["L0"]},
    {"lists": ["L0", "L2"], "areas": [TOWN]},
    {"lists": ["L2"]},
    {"lists": ["L1"], "smartphone": ["yes", "unknown"]},
    {"lists": ["L0", "L1", "L2"], "languages": ["vi"]},
    {"organisations": ["PN"], "languages": ["sed", "bdq"], "smartphone": ["no"]},
    {"lists": ["L0", "L1"], "answered": "no"},
    {"lists": ["L0", "L1"], "answered": "not_installed", "areas": ["62"], "smartphone": ["yes"]},
    {"lists": ["L0"], "organisations": ["PN"], "answered": "yes"},
    {"lists": ["L0", "L1", "L2"], "answered": "installed", "languages": ["sed", "vi"]},
    {"lists": ["L0", "L1"], "answered": "no", "kind": "tiem-chung", "text": "Mời tiêm. TC thôi nhận tin"},
    {"lists": ["L0"], "except": ["L1"]},
    {"lists": ["L0"], "except": ["L1", "L2"], "areas": [TOWN]},
    {"lists": ["L0"], "also_in": ["L1"]},
    {"lists": ["L0", "L2"], "also_in": ["L1", "L2"], "answered": "no"},
    {"organisations": ["PN"], "also_in": ["L0"], "except": ["L2"], "languages": ["vi"]},
    {"lists": ["L1"], "also_in": ["L1"], "except": ["L1"]},
]


@cases(
    ([(1, 2, 3), (1, 2, 3), (1, 2, 3)], 3),
    ([(1, 2), (1, 3), (3, 4)], 3),
    ([(1, 2), (2, 3), (3, 4), (1,)], 4),
    ([(1,), (1,), (1, 2)], 2),
)
def test_of_people_who_share_phones_each_is_written_to_where_there_is_one_for_each(world, phones, written_to):
    for n, theirs in enumerate(phones):
        world.add_person(f"A {n}", *map(number, theirs))
    campaign = world.draft()
    assert foresee(world, campaign)[0] == written_to
    world.do(freeze_audience, world.get_one(Campaign, campaign))
    frozen, _excluded = world.read(count_audience, campaign)
    who = select(Recipient.phone_id).where(Recipient.exclusion.is_(None))
    assert len({*world.all(who)}) == frozen == written_to


@pytest.mark.parametrize(("seed", "most"), [(1, 60), pytest.param(2, 40, marks=pytest.mark.rest)])
def test_what_was_counted_is_what_is_frozen_whatever_is_asked_for(places, seed, most):
    """People and phones in every tangle: the quick count and the statement that freezes agree."""
    dice = random.Random(seed)
    with places.runtime.db.write() as session:
        women = create_organisation(session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS)
        front = session.get_one(ContactList, places.list_id).organisation_id
        lists = [
            ContactList(organisation_id=owner, name=f"L{i}", created_at=places.now, basis=basis)
            for i, (owner, basis) in enumerate(
                ((front, None), (women.id, LegalBasis.DUTY), (front, LegalBasis.NONE))
            )
        ]
        phones = [
            Phone(
                e164=number(i), created_at=places.now, language=dice.choice([None, None, "vi", "sed", "bdq"])
            )
            for i in range(most)
        ]
        session.add_all([*lists, *phones])
        session.flush()
        for phone in phones:
            for reason in SuppressionReason:
                if dice.random() < 0.35:
                    session.add(
                        Suppression(
                            number_hash=f"{phone.id}",
                            phone_id=phone.id,
                            reason=reason,
                            source="sms",
                            created_at=places.now,
                            lifted_at=places.now if dice.random() < 0.3 else None,
                        )
                    )
        earlier = create_campaign(
            session,
            read_draft({"name": "x", "text": TEXT, "lists": [LIST], "sender": "MTTQ"}, kinds=load_kinds()),
            user=find_user(session, AUTHOR),
            now=places.now,
        ).id
        for i in range(100):
            person = Contact(
                name=f"A {i}",
                name_key=f"a{i}",
                created_at=places.now,
                updated_at=places.now,
                area_code=dice.choice([COMMUNE, FAR, None]),
                has_smartphone=dice.choice([True, False, None]),
            )
            session.add(person)
            session.flush()
            theirs = dice.sample(phones, dice.choice([0, 1, 1, 1, 2, 2, 3]))
            for position, phone in enumerate(theirs, start=1):
                link = ContactPhone(contact_id=person.id, phone_id=phone.id, position=position)
                link.is_named = dice.random() < 0.3
                session.add(link)
            for made in dice.sample(lists, dice.choice([1, 1, 2, 3])):
                said = [phone.id for phone in theirs if dice.random() < 0.7]
                stated = dice.choice([None, {"facts": {}, "phones": said}])
                session.add(Membership(list_id=made.id, contact_id=person.id, stated=stated))
            answer = dice.choice([None, "installed", "need_help"])
            if theirs and answer:
                session.add(
                    Recipient(
                        campaign_id=earlier,
                        contact_id=person.id,
                        phone_id=theirs[0].id,
                        answer=answer,
                        exclusion=Exclusion.SHARED_PHONE,  # so that several of a phone may stand there
                    )
                )
            if theirs and dice.random() < 0.1:
                source = dice.choice([WishSource.SMS, WishSource.OFFICER])
                opt_out(places, theirs[-1].e164, person.id, source=source, session=session)
    seen = Counter[Exclusion]()
    for wanted in WANTED:
        campaign_id = places.draft(**{"lists": [], **wanted})
        foreseen = foresee(places, campaign_id)
        with places.runtime.db.write() as session:
            campaign = session.get_one(Campaign, campaign_id)
            about = estimate_recipients(session, audience_query(session, campaign))
            freeze_audience(session, campaign)
            frozen, excluded = count_audience(session, campaign_id)
            chosen = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign_id)
            people = select(Membership.contact_id).where(Membership.list_id.in_(chosen)).distinct()
            assert frozen + sum(excluded.values()) == len(session.scalars(people).all()), wanted
        assert foreseen == (frozen, excluded), wanted
        assert about == pytest.approx(frozen, abs=3), wanted  # before phones are given away
        seen.update(excluded)
    assert set(seen) == {*Exclusion} - {Exclusion.SAME_PERSON}  # which comes after the launch alone


def test_a_count_that_another_version_of_the_program_kept_is_made_anew(world, monkeypatch):
    world.add_people(3)
    campaign_id = world.draft()
    monkeypatch.setattr("admin.views.audience_cache._KEPT_IF_TOOK_S", 0.0)
    redis = world.runtime.redis

    def people():
        cache = AudienceCache(
            world.runtime.db, redis, passes_opt_outs=False
        )  # of a web process that has just started
        return world.read(cache.of_campaign, world.get_one(Campaign, campaign_id)).recipients

    assert people() == 3
    [name] = redis.keys("loa:audience:*")
    kept = json.loads(redis.get(name))
    for counter in ({}, {**kept["counter"], "profiles": [["of another shape"]]}):
        redis.set(name, json.dumps({**kept, "counter": counter}))
        assert people() == 3


def test_nobody_waits_for_many_people_to_be_read_again_while_an_older_count_is_there(world, monkeypatch):
    for name, value in (("_KEPT_IF_TOOK_S", 0.0), ("_KEEP_AT_LEAST_S", 0.0), ("_KEEP_FACTOR", 0.0)):
        monkeypatch.setattr(f"admin.views.audience_cache.{name}", value)
    world.add_people(3)
    cache = AudienceCache(world.runtime.db, world.runtime.redis, passes_opt_outs=False)
    campaign_id = world.draft()

    def people():
        return world.read(cache.of_campaign, world.get_one(Campaign, campaign_id)).recipients

    assert people() == 3
    opt_out(world, number(0), 1, source=WishSource.OFFICER)
    assert people() == 3
    wait_until(lambda: people() == 2)
    with cache._loading:  # the last look has begun another count
        pass


@pytest.mark.parametrize("is_own", [True, False])
def test_what_others_campaigns_were_told_about_health_cannot_be_asked_for(places, is_own):
    """An audience of one person by earlier answers would tell an organisation what was answered to another."""
    person = places.add_person("Y Một", number(900))
    earlier = places.launch(kind="tiem-chung", text="Mời tiêm. TC thôi nhận tin")
    assert places.get_one(Campaign, earlier).is_health
    owner = places.organisation_id() if is_own else places.organisation(below=None)
    places.change(Campaign, earlier, organisation_id=owner)
    told = update(Recipient).where(Recipient.contact_id == person)
    places.execute(told.values(answer=Label.INSTALLED))
    asks = places.draft(kind="tiem-chung", text="Mời tiêm. TC thôi nhận tin", answered="installed")
    foreseen = foresee(places, asks)
    places.do(freeze_audience, places.get_one(Campaign, asks))
    assert foreseen == places.read(count_audience, asks)
    assert foreseen[0] == is_own
