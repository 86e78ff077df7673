"""People without a usable number: in the directory from lists, on sheets and phones, counted, and never written to."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.analytics.progress_counts import count_reported
from campaigns.models.activities import VisitLine
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results, undo_entry
from campaigns.visits.sheets import assign_sheet
from outreach.contacts.phones import add_number
from outreach.contacts.wishes import people_left_alone
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision, IssueStatus
from outreach.imports.store_rows import ImportCounts
from outreach.imports.undo_import import undo_import_rows
from outreach.models.contacts import Contact, ImportIssue, ListImport, Membership
from outreach.places.areas import load_areas
from tests.integration.campaigns.test_visit_phones import VisitPhone
from tests.support.admin_client import signed_in
from tests.support.lists import UNITS, bring, local, people, write
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import AUTHOR, number

NAME = "Y Blốc Kđăm"
ROW = f"1,{NAME},1950,Thôn 3,Đắk Mar,không có"


@pytest.fixture
def office(world):
    world.do(load_areas, UNITS)
    return world


def at_the_door(world):
    return world.all(select(Contact.name).where(Contact.at_the_door).order_by(Contact.id))


def person_id(world, name=NAME):
    return world.contact(name)


@both_databases
def test_a_row_without_a_usable_number_is_a_person_once_and_becomes_reachable_with_one(office, tmp_path):
    file = write(
        tmp_path,
        ROW,
        f"2,A Thun,1980,Thôn 3,Đắk Mar,{local(1)}",
        "3,,,,,09050",
        "4,A Lâu,,Thôn 3,Đắk Mar,hỏng",
    )
    for _ in range(2):
        counts = bring(office, file)
        assert counts.rejected == 3, "a row without a number can still be corrected in the file"
    assert at_the_door(office) == [NAME, "A Lâu"]
    # Another list: the same person, with the village spelt otherwise or left out; not a namesake of another age.
    other = [
        f"1,{NAME.upper()},1950,,Đắk Mar,",
        f"2,{NAME},1951,Thôn 3,Đắk Mar,",
        "3,A Lâu,,thôn 3,Đắk Mar,",
        "4,A Lâu,,Thôn 4,Đắk Mar,",
    ]
    bring(office, write(tmp_path, *other), "Danh sách khác")
    assert at_the_door(office) == [NAME, "A Lâu", NAME, "A Lâu"]
    assert office.count(Membership) == 3 + 4
    # Somebody with a number is not doubled by a list that does not have it, if nothing is in doubt.
    bring(office, write(tmp_path, "1,A Thun,1980,,Đắk Mar,", "2,A Thun,,Thôn 3,Đắk Mar,"), "Danh sách thứ ba")
    assert at_the_door(office)[4:] == ["A Thun"]
    again = bring(office, write(tmp_path, f"1,{NAME},1950,Thôn 3,Đắk Mar,{local(2)}"))
    assert again == ImportCounts(rows=1, updated=1)
    assert at_the_door(office) == ["A Lâu", NAME, "A Lâu", "A Thun"]
    office.do(undo_import_rows, office.get_one(ListImport, 5), limit=99)
    assert at_the_door(office) == [NAME, "A Lâu", NAME, "A Lâu", "A Thun"]


@both_databases
def test_who_was_erased_comes_back_by_no_list_without_a_number(office, tmp_path):
    bring(office, write(tmp_path, ROW))
    office.erase(person_id(office))
    assert (office.count(Contact), at_the_door(office)) == (0, [])
    rows = [
        ROW,
        f"2,{NAME},,,Đắk Mar,",
        f"3,{NAME},1950,,,09050",
        f"4,{NAME},1971,,Đắk Mar,",
        f"5,{NAME},1950,,Đắk Hring,",
    ]
    counts = bring(office, write(tmp_path, *rows))
    assert (counts.review, counts.rejected) == (3, 2)
    assert at_the_door(office) == [NAME, NAME]
    waiting = office.all(select(ImportIssue).where(ImportIssue.status == IssueStatus.REVIEW))
    assert {issue.reason for issue in waiting} == {"was_erased"}
    told = [(Decision.TAKEN, 3), (Decision.DROPPED, 3)]
    for issue, (decision, left) in zip(waiting, told, strict=False):
        decide_issue(office.runtime, issue.id, decision, user=office.user(AUTHOR), now=office.now)
        assert len(at_the_door(office)) == left
    assert bring(office, write(tmp_path, *rows[:2])) == ImportCounts(rows=2, unchanged=1, rejected=1)
    assert len(at_the_door(office)) == 3


@both_databases
def test_they_are_visited_and_counted_and_never_written_to(office, tmp_path, client):
    rows = [
        ROW,
        "2,A Lâu,1960,Thôn 3,Đắk Mar,",
        "3,Y Rơ,1970,Thôn 3,Đắk Mar,",
        f"4,A Thun,1980,Thôn 3,Đắk Mar,{local(1)}",
    ]
    bring(office, write(tmp_path, *rows))
    list_id = office.one(select(ListImport.list_id))
    campaign = office.sent(lists=["Hội viên"])
    assert office.sent_to() == [number(1)]
    assert office.status(campaign)["excluded"]["no_phone"] == 3
    author = office.user(AUTHOR)
    sheet = office.make_sheet(campaign, list_id=list_id)
    phone = VisitPhone(office, client, "A Lăng", number(900))
    assign_sheet(
        office.runtime, sheet, officer_id=phone.officer.id, day=None, target=None, user=author, now=office.now
    )
    carried = {one["name"]: one["line"] for one in phone.join().sync()["data"]["people"]}
    assert sorted(carried) == ["A Lâu", "A Thun", NAME, "Y Rơ"]
    before = reported(office, campaign)
    found = [(NAME, "installed"), ("A Lâu", "opt_out"), ("Y Rơ", "no_smartphone")]
    phone.sync(*(phone.found(carried[name], outcome) for name, outcome in found))
    after = reported(office, campaign)
    assert {each: after[each] - before[each] for each in after} == {
        "recipients": 3,
        "answered": 3,
        "no_smartphone": 1,
        "installed": 1,
    }
    # A number that is found later reaches them, but not who opted out at the door.
    for index, name in enumerate((NAME, "A Lâu"), 5):
        add_number(office.runtime, person_id(office, name), number(index), user=author, now=office.now)
    assert at_the_door(office) == ["Y Rơ"]
    assert office.read(numbers_left_alone) == {number(6)}
    later = office.sent(lists=["Hội viên"])
    assert {*office.sent_to()} - {number(900)} == {number(1), number(5)}
    assert office.status(later)["excluded"] == {"no_phone": 1, "opted_out": 1}
    # What they said at the door counts on, once, until they say something by their number.
    counted = {"recipients": 4, "answered": 3, "no_smartphone": 1, "installed": 1}
    assert reported(office, campaign, later) == counted
    office.press(later, "not_yet", index=5)
    assert reported(office, campaign, later) == counted | {"installed": 0}
    signed_in(client, AUTHOR)
    listed = client.get("/admin/people/?door=1").text
    assert ("Y Rơ" in listed, NAME in listed, "chỉ gặp tận nhà" in listed) == (True, False, True)
    assert "chỉ gặp tận nhà" in client.get(f"/admin/people/{person_id(office, 'Y Rơ')}/").text


def reported(world, *campaigns):
    counts = world.read(count_reported, campaigns, as_of=world.now + timedelta(minutes=5)).values()
    names = ("recipients", "answered", "no_smartphone", "installed")
    return {name: sum(getattr(each, name) for each in counts) for name in names}


def make_sheet(world, campaign):
    area = world.one(select(Contact.area_code)) or ""
    return world.make_sheet(campaign, list_id=None, area_code=area, again=True)


def test_what_was_said_at_the_door_holds_whatever_another_visit_finds(office, tmp_path):
    bring(office, write(tmp_path, ROW))
    campaigns = [office.launch(lists=["Hội viên"]) for _ in range(2)]
    first, second = (make_sheet(office, campaign) for campaign in campaigns)

    def enter(sheet, outcome):
        user = office.user(AUTHOR)
        enter_results(office.runtime, sheet, {1: outcome}, user=user, now=office.now)
        return person_id(office) in office.read(people_left_alone, [person_id(office)])

    enter(first, VisitOutcome.INSTALLED)
    enter(second, VisitOutcome.ABSENT)
    assert reported(office, *campaigns)["installed"] == 1
    enter(first, VisitOutcome.OPT_OUT)
    enter(second, VisitOutcome.OPT_OUT)
    assert enter(second, None), "it was said twice and is taken back once"
    office.execute(update(VisitLine).values(contact_id=None))  # as after the time of health answers
    assert office.read(people_left_alone, [person_id(office)]) == {person_id(office)}
    assert not enter(first, None)


def test_a_result_on_paper_counts_and_is_taken_back(office, tmp_path):
    bring(office, write(tmp_path, ROW))
    campaign = office.launch(lists=["Hội viên"])
    author, sheet = office.user(AUTHOR), make_sheet(office, campaign)
    enter_results(office.runtime, sheet, {1: VisitOutcome.INSTALLED}, user=author, now=office.now)
    assert reported(office, campaign)["installed"] == 1
    office.erase(person_id(office))
    assert reported(office, campaign)["installed"] == 1, "a figure stays when the person goes"
    assert people(office) == {}
    undo_entry(office.runtime, sheet, user=author, now=office.now)
    assert reported(office, campaign)["installed"] == 0
