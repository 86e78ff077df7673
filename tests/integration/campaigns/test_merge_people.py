"""Two contacts turn out to be one person: merged, they are written to and counted once; taken apart, all is as before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.answer_totals import find_differences
from campaigns.cases.conversation import read_conversations
from campaigns.cases.merge_people import merge_people, read_merges, unmerge_people
from campaigns.models.campaigns import Recipient
from campaigns.models.privacy import RequestKind
from campaigns.privacy.consents import read_consents, record_consent
from campaigns.privacy.export_data import export_personal_data
from campaigns.rules.states import Exclusion
from outreach.accounts.organisations import create_organisation
from outreach.contacts.likely_same import read_likely_same
from outreach.contacts.wishes import people_left_alone
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.retract_decision import retract_decision
from outreach.imports.undo_import import undo_import
from outreach.models.accounts import AuditEvent, OrganisationKind, Role
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ContactReference,
    ImportIssue,
    ListImport,
    Membership,
    PersonMerge,
    Phone,
)
from outreach.rules.errors import NotAllowed, NotFound, WrongState
from outreach.rules.wishes import WishSource
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone, opt_out
from tests.support.world import APPROVER, AUTHOR, World, number

pytestmark = both_databases

FIRST, SECOND = number(1), number(2)


def merge(world: World, kept: int, other: int, email: str = AUTHOR) -> int:
    user = world.user(email)
    return merge_people(world.runtime, kept, other, user=user, now=world.now).id


def apart(world: World, merge_id: int, *, after: timedelta = timedelta(hours=1)) -> int:
    user = world.user(AUTHOR)
    return unmerge_people(world.runtime, merge_id, user=user, now=world.now + after)


def numbers_of(world: World, contact_id: int) -> list[str]:
    query = select(Phone.e164).join(ContactPhone, ContactPhone.phone_id == Phone.id)
    return list(world.all(query.where(ContactPhone.contact_id == contact_id).order_by(ContactPhone.position)))


def state(world: World) -> list[tuple[object, ...]]:
    """All that merging may change, as it is read without the moments of change."""
    tables = ("contacts", "contact_phones", "memberships", "recipients", "import_changes", "consent_events")
    with world.runtime.db.read() as session:
        return sorted(
            (
                (name, *(value for key, value in row._mapping.items() if key != "updated_at"))
                for name in tables
                for row in session.execute(select(Contact.metadata.tables[name]))
            ),
            key=repr,
        )


@pytest.fixture
def two(world: World) -> tuple[int, int]:
    return world.add_person("A Thun", FIRST), world.add_person("A Thun Kđăm", SECOND)


def test_a_merged_person_has_all_numbers_and_lists_and_taken_apart_each_their_own(
    world: World, two: tuple[int, int], tmp_path: Path
) -> None:
    bring(world, write(tmp_path, f"1,A Thun,1960,Thôn 1,,{local(3)}"), name="Hội khác")
    before = state(world)
    merge_id = merge(world, *two)
    assert numbers_of(world, two[0]) == [FIRST, SECOND]
    with world.runtime.db.read() as session:
        assert session.get(Contact, two[1]) is None
        assert [each.name for each in read_merges(session, two[0])] == ["A Thun Kđăm"]
        events = select(AuditEvent.subject).where(AuditEvent.action == "contact.merge")
        assert {*session.scalars(events)} == {f"contacts:{each}" for each in two}
    assert apart(world, merge_id) == two[1]
    assert state(world) == before
    with pytest.raises(NotFound):
        apart(world, merge_id)


def test_facts_are_filled_and_a_correction_made_since_stays(world: World, two: tuple[int, int]) -> None:
    with world.runtime.db.write() as session:
        other = session.get_one(Contact, two[1])
        other.birth_year, other.village, other.sex = 1960, "Thôn 2", "m"
    merge_id = merge(world, *two)
    with world.runtime.db.write() as session:
        kept = session.get_one(Contact, two[0])
        assert (kept.birth_year, kept.village, kept.sex, kept.name) == (1960, "Thôn 2", "m", "A Thun")
        kept.village = "Thôn 3"
    apart(world, merge_id)
    kept, other = (world.get_one(Contact, each) for each in two)
    assert (kept.birth_year, kept.village) == (None, "Thôn 3")
    assert (other.birth_year, other.village) == (1960, "Thôn 2")


def test_two_officers_merge_the_same_pair_once(world: World, two: tuple[int, int]) -> None:
    found = at_once(
        lambda: merge(world, *two), lambda: merge(world, two[1], two[0], APPROVER), lambda: merge(world, *two)
    )
    assert len({*found}) == 1
    assert world.scalar(select(func.count()).select_from(PersonMerge)) == 1
    assert world.scalar(select(func.count()).select_from(Contact)) == 1


def test_somebody_new_with_the_id_of_who_was_merged_is_somebody_else(
    world: World, two: tuple[int, int]
) -> None:
    merge(world, *two)
    third = world.add_person("A Thun", number(3))  # on SQLite with the id of the one who is gone
    merge(world, two[0], third)
    assert numbers_of(world, two[0]) == [FIRST, SECOND, number(3)]


def test_who_asks_for_their_data_gets_the_name_they_were_merged_with_and_what_systems_call_them(
    world: World, two: tuple[int, int]
) -> None:
    with world.runtime.db.write() as session:
        owner = session.get_one(ContactList, world.list_id).organisation_id
        session.add(ContactReference(organisation_id=owner, reference="cd-7", contact_id=two[1]))
    merge(world, *two)
    asked = world.ask(two[0], RequestKind.EXPORT)
    about, *_ = export_personal_data(world.runtime, asked, user=world.user(APPROVER), now=world.now)
    assert {"A Thun Kđăm", "cd-7 (Ủy ban MTTQ)"} <= {value for _name, value in about.rows}


def test_a_running_campaign_writes_to_a_merged_person_once_and_counts_them_once(
    world: World, two: tuple[int, int]
) -> None:
    campaign = world.launch()
    world.sweep()  # both messages wait
    merge_id = merge(world, *two)
    world.send()
    assert world.sent_to() == [FIRST]
    assert excluded(world, campaign) == {FIRST: None, SECOND: Exclusion.SAME_PERSON}
    with world.runtime.db.read() as session:
        assert find_differences(session)[1] == []
        talks = read_conversations(session, two[0], user=world.user(AUTHOR))
        assert len(talks) == 2
    apart(world, merge_id)
    assert excluded(world, campaign) == {FIRST: None, SECOND: None}
    with world.runtime.db.read() as session:
        assert find_differences(session)[1] == []


@pytest.mark.parametrize(
    ("phones", "before", "meanwhile", "alone"),
    [
        # The numbers of both; who asked to be left alone before the merge, and while it stood; who is once it is taken apart.
        ((FIRST, SECOND), (FIRST, None), None, {0}),
        ((FIRST, SECOND), (SECOND, None), None, {1}),
        ((FIRST, SECOND), None, FIRST, {0, 1}),
        ((FIRST,), (None, 1), None, {1}),
        ((FIRST,), (None, 1), FIRST, {0, 1}),
    ],
)
def test_an_opt_out_of_either_stays_and_one_while_merged_holds_for_both(
    world: World,
    phones: tuple[str, ...],
    before: tuple[str | None, int | None] | None,
    meanwhile: str | None,
    alone: set[int],
) -> None:
    people = [world.add_person("A Thun", *phones[:1]), world.add_person("A Thun Kđăm", *phones[1:])]
    if before:
        e164, person = before
        source, theirs = (WishSource.SMS, ()) if person is None else (WishSource.DOOR, (people[person],))
        with world.runtime.db.write() as session:
            opt_out(world, session, e164, *theirs, source=source, at=world.now - timedelta(days=1))
    merge_id = merge(world, *people)
    if meanwhile:
        world.reply(meanwhile, "TC", gateway_id="first", now=world.now + timedelta(minutes=5))
    with world.runtime.db.read() as session:
        assert people_left_alone(session, people) == {people[0]}
    apart(world, merge_id)
    with world.runtime.db.read() as session:
        assert people_left_alone(session, people) == {people[each] for each in alone}
        assert numbers_left_alone(session) == {e164 for e164 in (before or ())[:1] if e164} | {
            e164 for e164 in phones if meanwhile
        }


def test_consents_and_requests_come_along(world: World, two: tuple[int, int]) -> None:
    record_consent(
        world.runtime,
        two[1],
        purpose="",
        is_given=True,
        on=None,
        evidence="phiếu ký",
        guardian="",
        purposes=(),
        user=world.user(AUTHOR),
        now=world.now,
    )
    merge_id = merge(world, *two)
    with world.runtime.db.read() as session:
        assert len(read_consents(session, two[0])) == 1
    apart(world, merge_id)
    with world.runtime.db.read() as session:
        assert [len(read_consents(session, each)) for each in two] == [0, 1]


def test_a_merge_of_merged_people_is_taken_apart_in_any_order(world: World, two: tuple[int, int]) -> None:
    third = world.add_person("A Thun", number(3))
    before = state(world)
    inner = merge(world, *two)
    outer = merge(world, third, two[0])
    assert numbers_of(world, third) == [number(3), FIRST, SECOND]
    assert (apart(world, inner), apart(world, outer)) == (two[1], two[0])
    assert numbers_of(world, two[0]) == [FIRST]
    assert [row for row in state(world) if row[0] != "contact_phones"] == [
        row for row in before if row[0] != "contact_phones"
    ]


@pytest.mark.parametrize("is_inner", [True, False])
def test_what_two_merges_brought_leaves_with_neither_alone(world: World, is_inner: bool) -> None:
    one, two, three = (
        world.add_person(f"A Thun {n}", *phones)
        for n, phones in enumerate(
            [(FIRST,), (number(3),), (FIRST,)] if is_inner else [(FIRST,), (FIRST,), (number(3),)]
        )
    )
    before = state(world)
    if (
        is_inner
    ):  # one and three have the number: the first merge brings it to two, the second to three, who has it
        first, second = merge(world, two, one), merge(world, three, two)
    else:  # one and two have it, and both come to three
        first, second = merge(world, three, one), merge(world, three, two)
    with pytest.raises(WrongState):
        apart(world, first)
    apart(world, second)
    apart(world, first)
    assert state(world) == before


def test_a_later_file_with_the_other_name_is_about_the_merged_person(world: World, tmp_path: Path) -> None:
    row = f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)}"
    bring(world, write(tmp_path, row))
    other = world.one(select(Contact.id))
    kept = world.add_person("Nguyễn Thị Hòa Bình", FIRST)
    merge(world, kept, other)
    bring(world, write(tmp_path, row), name="Lần sau")
    assert world.all(select(Contact.id)) == [kept]


def test_undoing_the_import_that_brought_the_other_takes_its_number_away(
    world: World, tmp_path: Path
) -> None:
    bring(world, write(tmp_path, f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)}"), name="Nhầm")
    other = world.one(select(Contact.id))
    import_id = world.one(select(ListImport.id))
    kept = world.add_person("Nguyễn Thị Hoa", FIRST)
    merge(world, kept, other)
    undo_import(world.runtime, import_id)
    assert numbers_of(world, kept) == [FIRST]
    assert world.get_one(Contact, kept).birth_year is None


@pytest.mark.parametrize("again", [False, True])
def test_taken_apart_nobody_is_in_a_list_by_an_import_that_was_undone(
    world: World, tmp_path: Path, again: bool
) -> None:
    rows = [f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)}", f"1,Trần Văn Kha,1980,Thôn 2,,{local(6)}"]
    for row in (*rows, *rows[1:] * again):
        bring(world, write(tmp_path, row))
    kept, other = world.all(select(Contact.id).order_by(Contact.id))
    merge_id = merge(world, kept, other)
    undo_import(world.runtime, 2)
    apart(world, merge_id)
    with world.runtime.db.read() as session:
        standing = dict(session.execute(select(Membership.contact_id, Membership.import_id)).all())
    assert standing == ({kept: 1, other: 3} if again else {kept: 1})


def decide(world: World, decision: Decision, **more: object) -> None:
    at = {"user": world.user(AUTHOR), "secret_key": world.keys.secret_key, "now": world.now}
    decide_issue(world.runtime, 1, decision, **at, **more)


def take_decision_back(world: World) -> None:
    at = {"user": world.user(AUTHOR), "secret_key": world.keys.secret_key, "now": world.now}
    assert retract_decision(world.runtime, 1, **at) == 1
    assert world.get_one(ImportIssue, 1).decision is None


@pytest.mark.parametrize("brought_again", [False, True])
def test_a_decision_that_stored_somebody_is_taken_back_from_the_one_they_were_merged_with(
    world: World, tmp_path: Path, brought_again: bool
) -> None:
    row = write(tmp_path, f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)} / 09O5 OOO 125")
    bring(world, row, name="Nhầm")
    decide(world, Decision.TAKEN)
    other = world.one(select(Contact.id))
    kept = world.add_person("Nguyễn Thị Hoa", FIRST)
    merge(world, kept, other)
    if brought_again:
        bring(world, row, name="Nhầm")
    take_decision_back(world)
    assert numbers_of(world, kept) == [FIRST]
    assert world.get_one(Contact, kept).birth_year is None
    assert world.all(select(Membership.list_id)) == [world.list_id]


@pytest.mark.parametrize("own_year", [None, 1941])
def test_a_year_that_was_said_wrongly_is_taken_back_also_from_the_one_who_got_it_by_a_merge(
    world: World, tmp_path: Path, own_year: int | None
) -> None:
    bring(world, write(tmp_path, f"1,Nguyễn Thị Hoa,41,Thôn 1,,{local(5)}"))
    decide(world, Decision.ANSWERED, birth_year=1941)
    other = world.one(select(Contact.id))
    kept = world.add_person("Nguyễn Thị Hoa", FIRST)
    with world.runtime.db.write() as session:
        session.get_one(Contact, kept).birth_year = own_year
    merge(world, kept, other)
    take_decision_back(world)
    assert world.get_one(Contact, kept).birth_year == own_year


@pytest.mark.parametrize("in_same_file", [False, True])
def test_what_the_one_who_stayed_has_of_their_own_outlives_a_decision_on_the_merged_row(
    world: World, tmp_path: Path, in_same_file: bool
) -> None:
    own = f"2,Nguyễn Thị Hòa,,Thôn 1,,{local(1)} / {local(5)}"
    if not in_same_file:
        bring(world, write(tmp_path, own), name="Đúng")
    rows = ["1,Nguyễn Thị Hoa,1960,Thôn 1,,09O5 OOO 125", *[own] * in_same_file]
    bring(world, write(tmp_path, *rows), name="Nhầm")
    decide(world, Decision.TAKEN)
    kept, other = world.all(select(Contact.id).order_by(Contact.name.desc()))
    merge(world, kept, other)
    take_decision_back(world)
    assert numbers_of(world, kept) == [number(1), number(5)]
    assert world.scalar(select(func.count()).select_from(Membership)) == 1


def test_what_the_last_who_stayed_has_of_their_own_outlives_a_decision_on_the_first_row(
    world: World, tmp_path: Path
) -> None:
    bring(world, write(tmp_path, "1,Nguyễn Thị Hoa,1960,Thôn 1,,09O5 OOO 125"), name="Nhầm")
    decide(world, Decision.TAKEN)
    first = world.one(select(Contact.id))
    second, last = (world.add_person("Nguyễn Thị Hoa", number(each)) for each in (1, 2))
    with world.runtime.db.write() as session:
        session.get_one(Contact, last).birth_year = 1960
    merge(world, second, first)
    merge(world, last, second)
    take_decision_back(world)
    person = world.get_one(Contact, last)
    assert (person.birth_year, person.village) == (1960, "")


def test_nobody_merges_people_of_lists_that_they_do_not_see(world: World, two: tuple[int, int]) -> None:
    with world.runtime.db.write() as session:
        women = create_organisation(session, code="HPN", name="Hội Phụ nữ", kind=OrganisationKind.MASS)
        other = ContactList(organisation_id=women.id, name="Hội viên", created_at=world.now)
        session.add(other)
        session.flush()
        session.add_all(Membership(list_id=other.id, contact_id=each) for each in two)
        world.add_officer(session, "phunu@loa.example", Role.STAFF, women.id)
    with pytest.raises(NotAllowed):
        merge(world, *two, "phunu@loa.example")


def test_erasing_a_merged_person_erases_both(world: World, two: tuple[int, int]) -> None:
    world.launch()
    world.send()
    merge(world, *two)
    world.erase(two[0])
    assert world.scalar(select(func.count()).select_from(PersonMerge)) == 0
    assert world.all(select(Recipient.contact_id).distinct()) == [None]


def test_who_was_erased_is_known_by_both_names(world: World, tmp_path: Path) -> None:
    kept, other = world.add_person("Nguyễn Thị Hoa", FIRST), world.add_person("Trần Thị Hoa", FIRST)
    world.add_person("Lê Văn Nam", FIRST)  # has the number as well
    merge(world, kept, other)
    world.erase(kept)
    for n, name in enumerate(("Nguyễn Thị Hoa", "Trần Thị Hoa")):
        counts = bring(world, write(tmp_path, f"1,{name},1960,Thôn 1,,{local(1)}", name=f"{n}.csv"))
        assert counts.created == 0


def test_the_same_name_and_year_or_number_are_likely_the_same(world: World, two: tuple[int, int]) -> None:
    shared = world.add_person("A Thun Kdam", SECOND)
    wife = world.add_person("Y Hlut", FIRST)
    with world.runtime.db.write() as session:
        for each, year in ((two[0], 1960), (two[1], 1960), (wife, 1962)):
            session.get_one(Contact, each).birth_year = year
    with world.runtime.db.read() as session:
        user = world.user(AUTHOR)
        found = {
            each: [like.id for like in read_likely_same(session, each, user=user)] for each in (*two, wife)
        }
    assert found[two[1]] == [shared]
    assert found[wife] == []


def excluded(world: World, campaign_id: int) -> dict[str, Exclusion | None]:
    with world.runtime.db.read() as session:
        query = select(Phone.e164, Recipient.exclusion).join(Phone, Phone.id == Recipient.phone_id)
        return dict(session.execute(query.where(Recipient.campaign_id == campaign_id)).all())
