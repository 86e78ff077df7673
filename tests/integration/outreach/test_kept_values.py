"""Columns of a list that are kept for texts: stored with an import, undone, moved, merged, exported and erased with the rest."""

import pytest
from sqlalchemy import select

from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.privacy import RequestKind
from campaigns.privacy.export_data import export_personal_data
from campaigns.privacy.requests import record_request
from campaigns.privacy.retention import erase_contact
from outreach.contacts.contact import read_values
from outreach.imports.change_list import merge_list, remove_list, split_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.retract_decision import retract_decision
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ContactList, ImportIssue, KeptValue
from outreach.places.areas import load_areas
from tests.support.lists import UNITS, bring, local
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR

pytestmark = both_databases

HEADER = "Họ và tên,Xã/phường,SĐT,{giờ hẹn},{nơi hẹn}"


@pytest.fixture
def office(world):
    world.do(load_areas, UNITS)
    return world


def write(tmp_path, *lines):
    file = tmp_path / "list.csv"
    file.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return file


def values(world):
    """List, person, field and value of all that is kept, with the name of each field of the lists."""
    rows = world.rows(
        select(ContactList.name, Contact.name, KeptValue.name, KeptValue.value, ContactList.fields)
        .join(ContactList, ContactList.id == KeptValue.list_id)
        .join(Contact, Contact.id == KeptValue.contact_id)
        .order_by(ContactList.name, Contact.name, KeptValue.name, KeptValue.import_id)
    )
    assert all(name in fields for *_, name, _value, fields in rows)
    return [tuple(row[:4]) for row in rows]


def fields(world, name="Hội viên"):
    return world.one(select(ContactList.fields).where(ContactList.name == name))


def list_id(world, name):
    return world.one(select(ContactList.id).where(ContactList.name == name))


def contact_id(world, name):
    return world.contact(name)


def test_an_undone_import_takes_its_values_with_it_and_those_before_count_again(office, tmp_path):
    bring(office, write(tmp_path, f"A Thun,Đắk Mar,{local(1)},8h,", f"Y Rơ,Đắk Mar,{local(2)},,"))
    bring(office, write(tmp_path, f"A Thun,Đắk Mar,{local(1)},9h,Thôn 1", f"Y Hlan,,{local(3)},7h,"))
    assert values(office) == [
        ("Hội viên", "A Thun", "giờ hẹn", "8h"),
        ("Hội viên", "A Thun", "giờ hẹn", "9h"),
        ("Hội viên", "A Thun", "nơi hẹn", "Thôn 1"),
        ("Hội viên", "Y Hlan", "giờ hẹn", "7h"),
    ]
    kept = office.read(read_values, contact_id(office, "A Thun"))
    assert [*kept.values()] == [{"giờ hẹn": "9h", "nơi hẹn": "Thôn 1"}]
    undo_import(office.runtime, 2)
    assert values(office) == [("Hội viên", "A Thun", "giờ hẹn", "8h")]
    assert fields(office) == ["giờ hẹn"]
    undo_import(office.runtime, 1)
    assert (values(office), fields(office)) == ([], [])


def test_of_two_rows_about_one_person_the_first_counts_and_hostile_cells_are_left_out(office, tmp_path):
    lines = (f"A Thun,,{local(1)},8h,gọi 0905000123", f"A Thun,,{local(1)},9h,{{link}}")
    counts = bring(office, write(tmp_path, *lines, f"Y Rơ,,{local(2)},bit.ly/x,Thôn 2"))
    assert (counts.created, counts.merged) == (2, 1)
    assert values(office) == [
        ("Hội viên", "A Thun", "giờ hẹn", "8h"),
        ("Hội viên", "Y Rơ", "nơi hẹn", "Thôn 2"),
    ]


def test_values_follow_lists_that_are_merged_split_and_removed(office, tmp_path):
    user = office.user(AUTHOR)
    lines = (f"A Thun,Đắk Mar,{local(1)},8h,", f"Y Rơ,Đắk Ui,{local(2)},9h,Thôn 2")
    bring(office, write(tmp_path, *lines), "Một")
    bring(office, write(tmp_path, f"Y Hlan,,{local(3)},,"), "Hai")
    merge_list(office.runtime, list_id(office, "Một"), into=list_id(office, "Hai"), user=user, now=office.now)
    both = [("A Thun", "giờ hẹn", "8h"), ("Y Rơ", "giờ hẹn", "9h"), ("Y Rơ", "nơi hẹn", "Thôn 2")]
    assert values(office) == [(name, *each) for name in ("Hai", "Một") for each in both]
    area = office.get_one(Contact, contact_id(office, "Y Rơ")).area_code
    assert area
    split_list(office.runtime, list_id(office, "Hai"), areas=[area], name="Ba", user=user, now=office.now)
    assert [each[:2] for each in values(office) if each[0] != "Một"] == [
        ("Ba", "Y Rơ"),
        ("Ba", "Y Rơ"),
        ("Hai", "A Thun"),
    ]
    remove_list(office.runtime, list_id(office, "Ba"), user=user, now=office.now)
    assert {each[0] for each in values(office)} == {"Hai", "Một"}
    undo_import(office.runtime, 1)  # the file was wrong: its values go wherever they are
    assert (values(office), fields(office, "Hai")) == ([], [])


def test_values_follow_people_who_are_merged_and_taken_apart(office, tmp_path):
    user = office.user(AUTHOR)
    lines = (f"A Thun,,{local(1)},8h,", f"Y Rơ,,{local(2)},9h,Thôn 2")
    bring(office, write(tmp_path, *lines))
    before = values(office)
    ids = contact_id(office, "A Thun"), contact_id(office, "Y Rơ")
    merge = merge_people(office.runtime, *ids, user=user, now=office.now)
    assert values(office) == [
        ("Hội viên", "A Thun", "giờ hẹn", "8h"),
        ("Hội viên", "A Thun", "nơi hẹn", "Thôn 2"),
    ]
    unmerge_people(office.runtime, merge.id, user=user, now=office.now)
    assert values(office) == before


def test_a_row_that_an_officer_decides_keeps_its_values_until_that_is_retracted(office, tmp_path):
    user = office.user(AUTHOR)
    bring(office, write(tmp_path, f"A Thun,,{local(1)} hoặc {local(2)}?,8h,Thôn 1"))
    assert values(office) == []
    issue = office.one(select(ImportIssue).where(ImportIssue.status == "review"))
    decide_issue(office.runtime, issue.id, Decision.TAKEN, user=user, now=office.now)
    assert [each[2:] for each in values(office)] == [("giờ hẹn", "8h"), ("nơi hẹn", "Thôn 1")]
    retract_decision(office.runtime, issue.id, user=user, now=office.now)
    assert values(office) == []


def test_a_retracted_decision_leaves_what_another_row_of_the_file_said(office, tmp_path):
    user = office.user(AUTHOR)
    lines = (f"A Thun,,{local(1)},8h,", f"A Thun,,{local(1)} hoặc {local(2)}?,9h,Thôn 2")
    bring(office, write(tmp_path, *lines))
    before = values(office)
    issue = office.one(select(ImportIssue).where(ImportIssue.status == "review"))
    decide_issue(office.runtime, issue.id, Decision.TAKEN, user=user, now=office.now)
    assert [each[2:] for each in values(office)] == [("giờ hẹn", "8h"), ("nơi hẹn", "Thôn 2")]
    retract_decision(office.runtime, issue.id, user=user, now=office.now)
    assert values(office) == before


def test_values_are_exported_and_erased_with_the_person(office, tmp_path):
    bring(office, write(tmp_path, f"A Thun,,{local(1)},8h,Thôn 1"))
    bring(office, write(tmp_path, f"A Thun,,{local(1)},9h,"))
    approver, person = office.user(APPROVER), contact_id(office, "A Thun")

    def ask(kind):
        asked = {"asked_by": "bản thân", "asked_on": None}
        return office.do(record_request, person, kind, **asked, user=approver).id

    parts = export_personal_data(office.runtime, ask(RequestKind.EXPORT), user=approver, now=office.now)
    kept = next(part for part in parts if part.title == "Cột dùng trong tin")
    assert [row[1:3] for row in kept.rows] == [("giờ hẹn", "8h"), ("giờ hẹn", "9h"), ("nơi hẹn", "Thôn 1")]
    erase_contact(office.runtime, ask(RequestKind.ERASE), user=approver, now=office.now)
    assert office.all(select(KeptValue.value)) == []


def test_who_got_another_value_is_counted_as_told_more_of(office, tmp_path):
    people = [f"{name},Đăk Mar,{local(n)},{{}}," for n, name in enumerate(("A Thun", "Y Rơ"), 1)]
    bring(office, write(tmp_path, people[0].format("7h"), people[1].format("8h")))
    again = bring(office, write(tmp_path, people[0].format("7h"), people[1].format("9h")))
    assert (again.updated, again.unchanged) == (1, 1)
