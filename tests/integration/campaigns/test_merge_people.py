"""Two contacts turn out to be one person: merged, they are written to and counted once; taken apart, all is as before."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import exists, func, select

from admin.views.inbox import read_said_of
from campaigns.answer_totals import find_differences
from campaigns.cases.conversation import has_answered, read_conversations
from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message, Outbox
from campaigns.models.privacy import RequestKind
from campaigns.privacy.export_data import export_personal_data
from campaigns.privacy.requests import read_consents, record_request
from campaigns.privacy.retention import erase_contact
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, Exclusion
from campaigns.sweep import open_step, steps_due
from outreach.contacts.likely_same import read_likely_same
from outreach.contacts.phones import remove_number
from outreach.contacts.wishes import people_left_alone
from outreach.imports.change_list import merge_list, remove_list, split_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.retract_decision import retract_decision
from outreach.imports.undo_import import undo_import_rows
from outreach.imports.uploads import undo_import
from outreach.models.accounts import Role
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ContactReference,
    ImportIssue,
    ImportSighting,
    KeptValue,
    ListImport,
    Membership,
    PersonMerge,
    Phone,
)
from outreach.places.areas import load_areas
from outreach.rules.errors import NotAllowed, NotFound, WrongState
from outreach.rules.quiet_days import NO_DAYS
from outreach.rules.wishes import WishSource
from tests.integration.admin.test_drives import UNTIL_MIDNIGHT, read_page
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.integration.campaigns.test_interleaved_transactions import BLOCKED_S
from tests.integration.campaigns.test_lifecycle import approved
from tests.support.lists import HEADER, UNITS, bring, directory, local, people, write
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wishes import numbers_left_alone, opt_out
from tests.support.world import APPROVER, AUTHOR, LIST, number

pytestmark = both_databases

FIRST, SECOND = number(1), number(2)


def merge(world, kept, other, email=AUTHOR):
    return world.do(merge_people, kept, other, by=email).id


def apart(world, merge_id, *, after=timedelta(hours=1)):
    return world.do(unmerge_people, merge_id, now=world.now + after)


def numbers_of(world, contact_id):
    query = select(Phone.e164).join(ContactPhone, ContactPhone.phone_id == Phone.id)
    return world.all(query.where(ContactPhone.contact_id == contact_id).order_by(ContactPhone.position))


def state(world):
    """All that merging may change, as it is read without the moments of change."""
    tables = ("contacts", "contact_phones", "memberships", "recipients", "consent_events")
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
def two(world):
    return world.add_person("A Thun", FIRST), world.add_person("A Thun Kđăm", SECOND)


def test_a_merged_person_has_all_numbers_and_lists_and_taken_apart_each_their_own(world, two, tmp_path):
    bring(world, write(tmp_path, f"1,A Thun,1960,Thôn 1,,{local(3)}"), name="Hội khác")
    before = state(world)
    merge_id = merge(world, *two)
    assert numbers_of(world, two[0]) == [FIRST, SECOND]
    assert world.first(select(Contact.id).where(Contact.id == two[1])) is None
    assert [each.data["facts"]["name"] for each in world.all(select(PersonMerge))] == ["A Thun Kđăm"]
    events = world.audited("contact.merge")
    assert {each.subject for each in events} == {f"contacts:{each}" for each in two}
    assert apart(world, merge_id) == two[1]
    assert state(world) == before
    with pytest.raises(NotFound):
        apart(world, merge_id)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_list_that_had_both_by_two_files_has_the_person_as_long_as_one_of_them_stands(
    world, tmp_path, order
):
    for n in (1, 2):
        bring(world, write(tmp_path, f"1,Y Hlan {n},,,,{local(n)}"))
    first, second = world.all(select(Contact.id).order_by(Contact.id))
    before = state(world)
    apart(world, merge(world, first, second))
    assert state(world) == before
    merge(world, first, second)
    undo_import(world.runtime, order[0])
    assert len(world.all(select(Membership.import_id))) == 1
    undo_import(world.runtime, order[1])
    assert world.all(select(Contact.id)) == []


def known_of(world):
    return [(each[0], each[1], *each[4:]) for each in directory(world)]


@pytest.mark.parametrize("lists", [("Một", "Hai"), ("Một", "Một")])
@pytest.mark.parametrize("undone", [(1,), (2,), (3,), (2, 3)])
def test_what_files_say_of_two_who_were_merged_goes_with_each(world, tmp_path, lists, undone):
    rows = {n: f"1,Y Hlan {n},195{n},Thôn {n},,{local(n)}" for n in (1, 2)}
    for n, name in ((1, lists[0]), (2, lists[1]), (2, lists[1])):
        bring(world, write(tmp_path, rows[n]), name)
    before = known_of(world)
    merge_id = merge(world, *world.all(select(Contact.id).order_by(Contact.id)))
    for each in undone:
        undo_import(world.runtime, each)
    (there,) = known_of(world)
    assert there[1:3] == ((1952, "Thôn 2") if undone == (1,) else (1951, "Thôn 1"))
    expected = {(1,): [2], (2, 3): [1]}.get(undone, [1, 2])
    assert [*there[3:][: len(expected)]] == [number(each) for each in expected]
    assert {*there[3 + len(expected) :]} == {lists[each - 1] for each in expected}
    apart(world, merge_id)  # who is in no list any more is gone
    assert [each[0] for each in known_of(world)] == [f"Y Hlan {each}" for each in expected]
    if expected == [1, 2]:
        assert known_of(world) == before
    for each in {1, 2, 3}.difference(undone):
        undo_import(world.runtime, each)
    assert known_of(world) == []


@pytest.mark.parametrize("by_hand", [0, 1])
@pytest.mark.parametrize("is_undone", [False, True])
def test_who_was_put_into_a_list_by_hand_stays_in_it_merged_with_one_whom_a_file_brought(
    world, tmp_path, by_hand, is_undone
):
    for n, name in ((1, "Một"), (2, "Hai")):
        bring(world, write(tmp_path, f"1,Y Hlan {n},,,,{local(n)}"), name)
    people = world.all(select(Contact.id).order_by(Contact.id))
    in_list = world.all(select(Membership.list_id).order_by(Membership.contact_id))
    world.add(Membership(list_id=in_list[1 - by_hand], contact_id=people[by_hand]))
    before = state(world)
    merge_id = merge(world, *people)
    if not is_undone:
        apart(world, merge_id)
        assert state(world) == before
        return
    for each in (1, 2):
        undo_import(world.runtime, each)
    assert world.rows(select(Membership.list_id, Membership.contact_id)) == [
        (in_list[1 - by_hand], people[0])
    ]
    apart(world, merge_id)
    assert world.rows(select(Membership.list_id, Membership.contact_id)) == [
        (in_list[1 - by_hand], people[by_hand])
    ]
    assert world.all(select(Contact.id)) == [people[by_hand]]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_row_is_not_given_back_whose_person_stands_for_another_one_of_the_file(world, tmp_path, kept):
    file, unclear = tmp_path / "list.csv", local(1).replace("000", "OOO", 1)
    rows = (f"{HEADER},{{ma}}", f"1,Y Hlan 1,1951,,,{unclear},M1", f"2,Y Hlan 2,1952,,,{local(2)},M2")
    file.write_text("\n".join(rows), encoding="utf-8")
    bring(world, file)
    decide(world, Decision.TAKEN)
    people = world.all(select(Contact.id).order_by(Contact.name))
    merge_id = merge(world, people[kept], people[1 - kept])
    if kept == 0:
        with pytest.raises(WrongState, match="row_person_merged"):
            take_decision_back(world)
        apart(world, merge_id)
    take_decision_back(world)
    assert [each[1:4] for each in known_of(world)] == [(1952, "", number(2))]
    assert world.all(select(KeptValue.value)) == ["M2"]


def test_what_no_file_says_of_who_was_merged_outlives_every_file(world, tmp_path):
    kept = world.add_person("Y Hlan 1", FIRST)
    bring(world, write(tmp_path, f"1,Y Hlan 2,,,,{local(5)}"))
    merge(world, kept, world.one(select(Contact.id).where(Contact.id != kept)))
    bring(world, write(tmp_path, f"1,Y Hlan 1,1960,,,{local(5)}"))
    for each in (1, 2):
        undo_import(world.runtime, each)
    assert known_of(world)[0][1:4] == (None, "", FIRST)


def test_a_wrong_number_of_a_merged_person_is_not_what_they_answered(world, two):
    campaign = world.sent()
    merge(world, *two)
    world.reply(SECOND, "nhầm số rồi", gateway_id="SM1")
    world.press(campaign, "installed", index=1)
    row = world.get_one(Campaign, campaign)
    assert world.status(campaign)["answers"] == {Label.INSTALLED: 1}
    assert world.read(read_said_of, row, two) == {two[0]: "Đã cài"}
    for label, found in ((Label.INSTALLED, [two[0]]), (Label.WRONG_NUMBER, [])):
        has = world.read(has_answered, world.user(AUTHOR), campaign, GivenAnswer(label))
        assert world.all(select(Contact.id).where(has)) == found


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_number_that_was_removed_meanwhile_is_neither_persons_afterwards(world, tmp_path, is_shared):
    rows = [f"1,Y Hlan,,,,{local(1)}{' / ' + local(2) if is_shared else ''}", f"2,Y Lan,,,,{local(2)}"]
    bring(world, write(tmp_path, *rows), LIST)
    kept, other = world.all(select(Contact.id).order_by(Contact.name))
    merge_id = merge(world, kept, other)
    world.do(remove_number, kept, world.phone(number(2)), note="đổi số")
    apart(world, merge_id)
    bring(world, write(tmp_path, *rows, name="again.csv"), LIST)
    assert people(world) == {"Y Hlan": [number(1)], "Y Lan": []}


def test_facts_are_filled_and_a_correction_made_since_stays(world, two):
    world.change(Contact, two[1], birth_year=1960, village="Thôn 2", sex="m")
    merge_id = merge(world, *two)
    kept = world.get_one(Contact, two[0])
    assert (kept.birth_year, kept.village, kept.sex, kept.name) == (1960, "Thôn 2", "m", "A Thun")
    world.change(Contact, two[0], village="Thôn 3")
    apart(world, merge_id)
    kept, other = (world.get_one(Contact, each) for each in two)
    assert (kept.birth_year, kept.village) == (None, "Thôn 3")
    assert (other.birth_year, other.village) == (1960, "Thôn 2")


def test_who_is_merged_after_a_days_figures_is_one_person_on_that_day_too(world):
    world.add_people(5)
    (other,) = world.all(select(ContactPhone.contact_id).join(Phone).where(Phone.e164 == number(4)))
    world.add_list("Khác", other)
    first, second = world.sent(), world.sent(name="Khác", lists=["Khác"], text="Khác: {link}")
    installed = [{index: Label.INSTALLED} for index in range(5)]
    for index, campaign, days in ((1, first, 2), (2, first, 2), (4, first, 2), (4, second, 1), (3, first, 0)):
        world.answers(campaign, installed[index], at=world.now - timedelta(days=days))
    people = world.all(select(Contact.id).order_by(Contact.id))
    frozen = world.now + timedelta(minutes=1)
    for kept in (1, 3):  # the number of the last goes on in the other campaign
        world.do(merge_people, people[kept], people[kept + 1], now=frozen + timedelta(minutes=1))
    day = frozen.astimezone(VIETNAM).date()
    report = world.read(take_snapshot, UNTIL_MIDNIGHT, drive=1, day=day, known_until=frozen)
    page = read_page(world, 1)
    assert (report.whole.reported.reported, [n for _day, n in report.days[-3:]]) == (3, [1, 2, 3])
    assert [n for _day, n in page.head.days[-3:]] == [1, 2, 3]


def test_two_officers_merge_the_same_pair_once(world, two):
    found = at_once(
        lambda: merge(world, *two), lambda: merge(world, two[1], two[0], APPROVER), lambda: merge(world, *two)
    )
    assert len({*found}) == 1
    assert world.count(PersonMerge) == 1
    assert world.count(Contact) == 1


def test_somebody_new_with_the_id_of_who_was_merged_is_somebody_else(world, two):
    merge(world, *two)
    third = world.add_person("A Thun", number(3))  # on SQLite with the id of the one who is gone
    merge(world, two[0], third)
    assert numbers_of(world, two[0]) == [FIRST, SECOND, number(3)]


def test_who_asks_for_their_data_gets_the_name_they_were_merged_with_and_what_systems_call_them(world, two):
    owner = world.get_one(ContactList, world.list_id).organisation_id
    world.add(ContactReference(organisation_id=owner, reference="cd-7", contact_id=two[1]))
    merge(world, *two)
    asked = world.ask(two[0], RequestKind.EXPORT)
    about, *_ = world.do(export_personal_data, asked, by=APPROVER)
    assert {"A Thun Kđăm", "cd-7 (Ủy ban MTTQ)"} <= {value for _name, value in about.rows}


def test_a_running_campaign_writes_to_a_merged_person_once_and_counts_them_once(world, two):
    campaign = world.launch()
    world.sweep()  # both messages wait
    merge_id = merge(world, *two)
    world.send()
    assert world.sent_to() == [FIRST]
    assert excluded(world, campaign) == {FIRST: None, SECOND: Exclusion.SAME_PERSON}
    assert world.read(find_differences)[1] == []
    talks = world.read(read_conversations, two[0])
    assert len(talks) == 2
    apart(world, merge_id)
    assert excluded(world, campaign) == {FIRST: None, SECOND: None}
    assert world.read(find_differences)[1] == []


@cases(
    # The numbers of both; who asked to be left alone before the merge, and while it stood; who is once it is taken apart.
    ((FIRST, SECOND), (FIRST, None), None, {0}),
    ((FIRST, SECOND), (SECOND, None), None, {1}),
    ((FIRST, SECOND), None, FIRST, {0, 1}),
    ((FIRST,), (None, 1), None, {1}),
    ((FIRST,), (None, 1), FIRST, {0, 1}),
)
def test_an_opt_out_of_either_stays_and_one_while_merged_holds_for_both(
    world, phones, before, meanwhile, alone
):
    people = [world.add_person("A Thun", *phones[:1]), world.add_person("A Thun Kđăm", *phones[1:])]
    if before:
        e164, person = before
        source, theirs = (WishSource.SMS, ()) if person is None else (WishSource.DOOR, (people[person],))
        opt_out(world, e164, *theirs, source=source, at=world.now - timedelta(days=1))
    merge_id = merge(world, *people)
    if meanwhile:
        world.reply(meanwhile, "TC", gateway_id="first", now=world.now + timedelta(minutes=5))
    assert world.read(people_left_alone, people) == {people[0]}
    apart(world, merge_id)
    assert world.read(people_left_alone, people) == {people[each] for each in alone}
    assert world.read(numbers_left_alone) == {e164 for e164 in (before or ())[:1] if e164} | {
        e164 for e164 in phones if meanwhile
    }


def test_consents_and_requests_come_along(world, two):
    world.consent(two[1])
    merge_id = merge(world, *two)
    assert len(world.read(read_consents, two[0])) == 1
    apart(world, merge_id)
    assert [len(world.read(read_consents, each)) for each in two] == [0, 1]


def test_a_merge_of_merged_people_is_taken_apart_in_any_order(world, two):
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
def test_what_two_merges_brought_leaves_with_neither_alone(world, is_inner):
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


def test_a_later_file_with_the_other_name_is_about_the_merged_person(world, tmp_path):
    row = f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)}"
    bring(world, write(tmp_path, row))
    other = world.one(select(Contact.id))
    kept = world.add_person("Nguyễn Thị Hòa Bình", FIRST)
    merge(world, kept, other)
    bring(world, write(tmp_path, row), name="Lần sau")
    assert world.all(select(Contact.id)) == [kept]


def test_undoing_the_import_that_brought_the_other_takes_its_number_away(world, tmp_path):
    bring(world, write(tmp_path, f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)}"), name="Nhầm")
    other = world.one(select(Contact.id))
    import_id = world.one(select(ListImport.id))
    kept = world.add_person("Nguyễn Thị Hoa", FIRST)
    merge(world, kept, other)
    undo_import(world.runtime, import_id)
    assert numbers_of(world, kept) == [FIRST]
    assert world.get_one(Contact, kept).birth_year is None


@pytest.mark.parametrize("again", [False, True])
def test_taken_apart_nobody_is_in_a_list_by_an_import_that_was_undone(world, tmp_path, again):
    rows = [f"1,Nguyễn Thị Hoa,1960,Thôn 1,,{local(5)}", f"1,Trần Văn Kha,1980,Thôn 2,,{local(6)}"]
    for row in (*rows, *rows[1:] * again):
        bring(world, write(tmp_path, row))
    kept, other = world.all(select(Contact.id).order_by(Contact.id))
    merge_id = merge(world, kept, other)
    undo_import(world.runtime, 2)
    apart(world, merge_id)
    standing = dict(world.rows(select(Membership.contact_id, Membership.import_id)))
    assert standing == ({kept: 1, other: 3} if again else {kept: 1})


def decide(world, decision, **more):
    at = {"user": world.user(AUTHOR), "now": world.now}
    decide_issue(world.runtime, 1, decision, **at, **more)


def take_decision_back(world):
    at = {"user": world.user(AUTHOR), "now": world.now}
    assert retract_decision(world.runtime, 1, **at) == 1
    assert world.get_one(ImportIssue, 1).decision is None


@pytest.mark.parametrize("brought_again", [False, True])
def test_a_decision_that_stored_somebody_is_taken_back_from_the_one_they_were_merged_with(
    world, tmp_path, brought_again
):
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
    world, tmp_path, own_year
):
    bring(world, write(tmp_path, f"1,Nguyễn Thị Hoa,41,Thôn 1,,{local(5)}"))
    decide(world, Decision.ANSWERED, birth_year=1941)
    other = world.one(select(Contact.id))
    kept = world.add_person("Nguyễn Thị Hoa", FIRST)
    world.change(Contact, kept, birth_year=own_year)
    merge(world, kept, other)
    take_decision_back(world)
    assert world.get_one(Contact, kept).birth_year == own_year


@pytest.mark.parametrize("in_same_file", [False, True])
def test_what_the_one_who_stayed_has_of_their_own_outlives_a_decision_on_the_merged_row(
    world, tmp_path, in_same_file
):
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
    assert world.count(Membership) == 1


def test_what_the_last_who_stayed_has_of_their_own_outlives_a_decision_on_the_first_row(world, tmp_path):
    bring(world, write(tmp_path, "1,Nguyễn Thị Hoa,1960,Thôn 1,,09O5 OOO 125"), name="Nhầm")
    decide(world, Decision.TAKEN)
    first = world.one(select(Contact.id))
    second, last = (world.add_person("Nguyễn Thị Hoa", number(each)) for each in (1, 2))
    world.change(Contact, last, birth_year=1960)
    merge(world, second, first)
    merge(world, last, second)
    take_decision_back(world)
    person = world.get_one(Contact, last)
    assert (person.birth_year, person.village) == (1960, "")


def lists_of(world):
    query = select(Contact.name, ContactList.name).join(Membership, Membership.contact_id == Contact.id)
    query = query.join(ContactList, ContactList.id == Membership.list_id)
    return sorted(world.rows(query))


def ids_of_lists(world):
    return dict(world.rows(select(ContactList.name, ContactList.id)))


@pytest.mark.parametrize("kept_in", ["Một", "Hai", "Ba"])
@pytest.mark.parametrize("is_split", [False, True])
def test_who_was_merged_goes_where_their_list_went_and_the_kept_one_nowhere_by_them(
    world, tmp_path, is_split, kept_in
):
    world.do(load_areas, UNITS)
    rows = [f"1,Y Hlan {n},,,{'Đắk Mar' if n < 3 else ''},{local(n)}" for n in (1, 2, 3)]
    for row, name in zip(rows, (kept_in, "Một", "Một"), strict=True):
        bring(world, write(tmp_path, row), name)
    bring(world, write(tmp_path, f"1,Y Hlan 4,,,,{local(4)}"), "Hai")
    kept, other, *_ = world.all(select(Contact.id).order_by(Contact.name))
    merge_id, ids = merge(world, kept, other), ids_of_lists(world)
    if is_split:
        world.do(split_list, ids["Một"], areas=["23512"], name="Mới")
        into, stayed = ["Mới"], ["Một"]
    else:
        world.do(merge_list, ids["Một"], into=ids["Hai"])
        into, stayed = ["Hai", "Một"], ["Hai", "Một"]
    apart(world, merge_id)
    of_kept = [("Y Hlan 1", each) for each in (into if kept_in == "Một" else [kept_in])]
    of_other = [("Y Hlan 2", each) for each in into]
    others = [("Y Hlan 3", each) for each in stayed] + [("Y Hlan 4", "Hai")]
    assert lists_of(world) == [*of_kept, *of_other, *others]
    undo_import(world.runtime, 1)
    assert lists_of(world) == [*of_other, *others]
    undo_import(world.runtime, 2)
    assert lists_of(world) == others
    assert not world.scalar(select(func.count()).select_from(ImportSighting))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_each_of_three_who_are_one_goes_where_their_list_went(world, tmp_path, order):
    for n in (1, 2, 3):
        bring(world, write(tmp_path, f"1,Y Hlan {n},,,,{local(n)}"), ("Một", "Ba", "Một")[n - 1])
    bring(world, write(tmp_path, f"1,Y Hlan 4,,,,{local(4)}"), "Hai")
    people = world.all(select(Contact.id).order_by(Contact.name))
    first, second, third = (people[each] for each in order)
    merges = merge(world, second, first), merge(world, third, second)
    ids = ids_of_lists(world)
    world.do(merge_list, ids["Một"], into=ids["Hai"])
    for each in reversed(merges):
        apart(world, each)
    expected = [(f"Y Hlan {n}", name) for n in (1, 3) for name in ("Hai", "Một")]
    assert lists_of(world) == sorted([*expected, ("Y Hlan 2", "Ba"), ("Y Hlan 4", "Hai")])


def test_taken_apart_who_was_merged_is_still_in_the_list_that_had_taken_theirs_over_before(world, tmp_path):
    bring(world, write(tmp_path, f"1,Y Hlan 4,,,,{local(4)}"), "Hai")
    bring(world, write(tmp_path, f"1,Y Hlan 2,,,,{local(2)}"), "Một")
    ids = ids_of_lists(world)
    world.do(merge_list, ids["Một"], into=ids["Hai"])
    bring(world, write(tmp_path, f"1,Y Hlan 1,,,,{local(1)}"), "Một")
    other, kept = world.all(select(Contact.id).order_by(Contact.id))[1:]
    before = state(world)
    apart(world, merge(world, kept, other))
    assert state(world) == before


def test_taken_apart_the_kept_one_is_still_in_the_list_that_was_split_from_that_of_both(world, tmp_path):
    world.do(load_areas, UNITS)
    row = f"1,Y Hlan 1,,,Đắk Mar,{local(1)}"
    bring(world, write(tmp_path, row, f"2,Y Hlan 2,,,,{local(2)}"), "Một")
    world.do(split_list, ids_of_lists(world)["Một"], areas=["23512"], name="Mới")
    bring(world, write(tmp_path, row), "Một")
    before = state(world)
    apart(world, merge(world, *world.all(select(Contact.id).order_by(Contact.name))))
    assert state(world) == before


def test_what_a_list_said_that_was_removed_meanwhile_is_not_known_of_who_is_taken_apart(world, tmp_path):
    world.do(load_areas, UNITS)
    row = f"1,Y Hlan 2,1952,,Đắk Mar,{local(2)}"
    bring(world, write(tmp_path, row, f"2,Y Hlan 1,1951,,,{local(1)}"), "Một")
    bring(world, write(tmp_path, f"1,Y Hlan 2,,,,{local(2)}"), "Ba")
    world.do(split_list, ids_of_lists(world)["Một"], areas=["23512"], name="Mới")
    merge_id = merge(world, *world.all(select(Contact.id).order_by(Contact.name)))
    world.do(remove_list, ids_of_lists(world)["Mới"])
    apart(world, merge_id)
    assert lists_of(world) == [("Y Hlan 1", "Một"), ("Y Hlan 2", "Ba")]
    assert [each[:4] for each in directory(world)] == [
        ("Y Hlan 1", 1951, None, None),
        ("Y Hlan 2", None, None, None),
    ]


@pytest.mark.parametrize("names", [("Y Hlan 1", "Y Hlan 2"), ("Y Hlan", "Y Hlan")])
@pytest.mark.parametrize("rows", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("into", ["Một", "Hai", "Ba"])
def test_whom_a_file_named_while_they_were_merged_is_in_its_list_by_it_and_the_other_is_not(
    world, tmp_path, names, rows, into
):
    world.do(load_areas, UNITS)
    areas = ("Đắk Mar", "")
    own = [f"{n},{name},,,,{local(n)}" for n, name in enumerate(names, 1)]
    for row, name in zip(own, ("Một", "Hai"), strict=True):
        bring(world, write(tmp_path, row), name)
    people = world.all(select(Contact.id).order_by(Contact.id))
    merge_id = merge(world, *people)
    said = [f"{n},{names[n - 1]},195{n},,{areas[n - 1]},{local(n)} / {local(n + 4)}" for n in rows]
    bring(world, write(tmp_path, *said), into)
    apart(world, merge_id)
    for n in (2, 1):
        undo_import(world.runtime, n)
    query = select(Membership.contact_id, Membership.list_id).order_by(Membership.contact_id)
    assert world.rows(query) == [(people[n - 1], ids_of_lists(world)[into]) for n in rows]
    assert [numbers_of(world, people[n - 1]) for n in rows] == [[number(n), number(n + 4)] for n in rows]
    born = dict(world.rows(select(Contact.id, Contact.birth_year)))
    assert born == {people[n - 1]: 1950 + n for n in rows}
    undo_import(world.runtime, 3)
    assert world.count(Contact) == 0


def test_a_decision_while_they_were_merged_is_taken_back_from_the_one_whom_its_row_named(world, tmp_path):
    for n, name in ((1, "Một"), (2, "Hai")):
        bring(world, write(tmp_path, f"{n},Y Hlan {n},,,,{local(n)}"), name)
    before = state(world)
    merge_id = merge(world, *world.all(select(Contact.id).order_by(Contact.id)))
    bring(world, write(tmp_path, f"1,Y Hlan 2,1952,,,{local(2).replace('000', 'OOO', 1)}"), "Ba")
    decide(world, Decision.TAKEN)
    apart(world, merge_id)
    assert lists_of(world) == [("Y Hlan 1", "Một"), ("Y Hlan 2", "Ba"), ("Y Hlan 2", "Hai")]
    take_decision_back(world)
    assert state(world) == before


def test_what_a_file_of_the_merged_one_said_since_is_not_known_of_the_kept_one(world, tmp_path):
    kept, merged = f"1,Y Hlan 1,,,,{local(1)}", f"1,Y Hlan 2,,,,{local(2)}"
    unclear = f"2,Y Hlan 2,1952,,,{local(2).replace('000', 'OOO', 1)}"
    bring(world, write(tmp_path, kept.replace(",,,,", ",1951,,,")), "Một")
    bring(world, write(tmp_path, kept), "Hai")
    bring(world, write(tmp_path, merged, unclear), "Ba")
    merge_id = merge(world, *world.all(select(Contact.id).order_by(Contact.name)))
    decide(world, Decision.TAKEN)
    world.do(remove_list, ids_of_lists(world)["Một"])
    apart(world, merge_id)
    undo_import(world.runtime, 3)
    assert [each[:2] for each in directory(world)] == [("Y Hlan 1", None)]


def test_taken_apart_nobody_is_in_a_list_that_was_removed_meanwhile(world, tmp_path):
    for n, name in ((1, "Một"), (2, "Hai")):
        bring(world, write(tmp_path, f"1,Y Hlan {n},,,,{local(n)}"), name)
    people, ids = world.all(select(Contact.id).order_by(Contact.id)), ids_of_lists(world)
    world.add(Membership(list_id=ids["Hai"], contact_id=people[0]))
    world.add(Membership(list_id=world.list_id, contact_id=people[0]))
    world.add(Membership(list_id=world.list_id, contact_id=people[1]))
    merge_id = merge(world, people[1], people[0])
    world.do(remove_list, world.list_id)
    apart(world, merge_id)
    assert lists_of(world) == [("Y Hlan 1", "Hai"), ("Y Hlan 1", "Một"), ("Y Hlan 2", "Hai")]


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("is_of_file", [False, True])
def test_who_was_merged_with_one_of_a_decided_row_is_in_its_list_by_what_names_them(
    world, tmp_path, is_known, is_of_file
):
    own, row = f"1,Y Hlan 1,,,,{local(1)}", f"2,Y Hlan 2,,,,{local(2).replace('000', 'OOO', 1)}"
    if is_known:
        bring(world, write(tmp_path, f"1,Y Hlan 2,,,,{local(2)}"), "Hai")
    else:
        bring(world, write(tmp_path, f"1,Y Hlan 4,,,,{local(4)}"), "Hai")
    bring(world, write(tmp_path, *[own] * is_of_file, row), "Một")
    bring(world, write(tmp_path, own), "Một")
    decide(world, Decision.TAKEN)
    kept, other = (world.one(select(Contact.id).where(Contact.name == f"Y Hlan {n}")) for n in (1, 2))
    merge_id = merge(world, kept, other)
    take_decision_back(world)
    if is_of_file:
        undo_import(world.runtime, 3)
    there = [each for each in lists_of(world) if each[0] == "Y Hlan 1"]
    assert there == [("Y Hlan 1", "Hai")] * is_known + [("Y Hlan 1", "Một")]
    apart(world, merge_id)
    elsewhere = [("Y Hlan 2" if is_known else "Y Hlan 4", "Hai")]
    assert lists_of(world) == [("Y Hlan 1", "Một"), *elsewhere]
    undo_import(world.runtime, 2 if is_of_file else 3)
    assert lists_of(world) == elsewhere


def test_nobody_merges_people_of_lists_that_they_do_not_see(world, two):
    women = world.organisation("HPN", below=None)
    world.add_list("Hội viên", *two, owner=women)
    world.officer("phunu@loa.example", Role.STAFF, women)
    with pytest.raises(NotAllowed):
        merge(world, *two, "phunu@loa.example")


def test_erasing_a_merged_person_erases_both(world, two):
    world.sent()
    merge(world, *two)
    world.erase(two[0])
    assert world.count(PersonMerge) == 0
    assert world.all(select(Recipient.contact_id).distinct()) == [None]


def test_who_was_erased_is_known_by_both_names(world, tmp_path):
    kept, other = world.add_person("Nguyễn Thị Hoa", FIRST), world.add_person("Trần Thị Hoa", FIRST)
    world.add_person("Lê Văn Nam", FIRST)  # has the number as well
    merge(world, kept, other)
    world.erase(kept)
    for n, name in enumerate(("Nguyễn Thị Hoa", "Trần Thị Hoa")):
        counts = bring(world, write(tmp_path, f"1,{name},1960,Thôn 1,,{local(1)}", name=f"{n}.csv"))
        assert counts.created == 0


def test_the_same_name_and_year_or_number_are_likely_the_same(world, two):
    shared = world.add_person("A Thun Kdam", SECOND)
    wife = world.add_person("Y Hlut", FIRST)
    for each, year in ((two[0], 1960), (two[1], 1960), (wife, 1962)):
        world.change(Contact, each, birth_year=year)
    found = {each: [like.id for like in world.read(read_likely_same, each)] for each in (*two, wife)}
    assert found[two[1]] == [shared]
    assert found[wife] == []


def excluded(world, campaign_id):
    query = select(Phone.e164, Recipient.exclusion).join(Phone, Phone.id == Recipient.phone_id)
    return dict(world.rows(query.where(Recipient.campaign_id == campaign_id)))


# People erased, merged, or removed with their import, in the middle of a launch, and the reverse: nobody
# is lost, and no recipient names somebody who is gone.


OTHERS = 3


def in_the_middle(world, first, second):
    """`second` begins once `first` has done all but commit; both have committed when this returns."""

    def run_second():
        world.do(second)

    with ThreadPoolExecutor(1) as pool:
        with world.runtime.db.write() as session:
            first(session)
            begun = pool.submit(run_second)
            assert not wait([begun], timeout=BLOCKED_S).done, "it did not wait"
        begun.result()


@pytest.fixture
def person(world, tmp_path):
    """Somebody whom an import alone brought, with a number of their own, among people of the same list; their id."""
    world.add_people(OTHERS)
    bring(world, write(tmp_path, f"1,A Thun,1960,Thôn 1,,{local(8)}"), name=LIST)
    return world.one(select(func.max(Contact.id)))


def erase(world, person):
    request = world.do(record_request, person, RequestKind.ERASE, asked_by="chính họ", asked_on=None).id
    user = world.user(APPROVER)
    return lambda session: erase_contact(session, request, user=user, now=world.now)


def merge_two(world, person):
    user = world.user(AUTHOR)
    kept = person - 1
    return lambda session: merge_people(session, kept, person, user=user, now=world.now)


def undo(world, _person):

    def work(session):
        brought = session.scalars(select(ListImport)).one()
        undo_import_rows(session, brought, limit=100, now=world.now)

    return work


def prepare(world):
    campaign = approved(world)
    world.act(campaign, CampaignAction.LAUNCH)
    now = datetime.now(UTC)
    (step,) = world.read(steps_due, now=now, quiet=NO_DAYS)
    return campaign, lambda session: open_step(session, step, settings=world.runtime.settings, now=now)


def check(world, campaign):
    """Whatever came first, rows refer to what exists, counts are right, and everybody is written to once at most."""
    for column, table in ((Recipient.contact_id, Contact), (Recipient.phone_id, Phone)):
        known = exists().where(table.id == column)
        assert world.all(select(column).where(column.is_not(None), ~known)) == []
    known = exists().where(Phone.id == Message.phone_id)
    assert world.all(select(Message.id).where(~known)) == []
    assert world.read(find_differences)[1] == []
    of_nobody = select(Outbox.message_id).join(Message, Message.id == Outbox.message_id)
    of_nobody = of_nobody.join(Recipient, Recipient.id == Message.recipient_id)
    assert world.all(of_nobody.where(Recipient.contact_id.is_(None))) == []
    assert world.scalar(select(func.count()).select_from(Recipient).where(Recipient.exclusion.is_(None))) in (
        world.get_one(Campaign, campaign).recipients,
        OTHERS,
    )
    world.send()
    assert len(world.sent_to()) == len(set(world.sent_to()))
    return dict(world.status(campaign)["steps"][0]["messages"])


@cases(
    (erase, {"accepted": OTHERS, "skipped": 1}),
    (merge_two, {"accepted": OTHERS}),  # two people are one, and counted once
    (undo, {"accepted": OTHERS, "skipped": 1}),
)
def test_removed_while_a_launch_has_not_committed(world, person, remove, left):
    world.simulator.faults(callbacks_off=True)
    work = remove(world, person)
    campaign, launch = prepare(world)
    in_the_middle(world, launch, work)
    assert check(world, campaign) == left


@pytest.mark.parametrize("remove", [erase, merge_two, undo])
def test_launched_while_a_removal_has_not_committed(world, person, remove):
    world.simulator.faults(callbacks_off=True)
    work = remove(world, person)
    campaign, launch = prepare(world)
    in_the_middle(world, work, launch)
    assert check(world, campaign) == {"accepted": OTHERS}
    assert number(8) not in world.sent_to() or remove is merge_two
