"""Decisions taken back and lists removed or split: each row and each list says what it says itself, in whichever order."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from outreach.imports.change_list import archive_list, remove_list, split_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.retract_decision import retract_decision
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ContactList
from outreach.places.areas import load_areas
from tests.support.lists import UNITS, bring, directory, local, write
from tests.support.world import number

OWN = "Hội viên"


@pytest.fixture
def office(world):
    world.do(load_areas, UNITS)
    return world


def unclear(n):
    return local(n).replace("000", "OOO", 1)


def told(world):
    """Everybody's name, year of birth, village, numbers and lists."""
    return [(name, born, village, *more) for name, born, _sex, _area, village, *more in directory(world)]


def decide(world, issue_id, *, phone=""):
    """Each decision has a moment of its own, as those of one moment are taken back together."""
    now = world.now + timedelta(minutes=issue_id)
    world.do(decide_issue, issue_id, Decision.TAKEN, phone=phone, now=now)


def find_list(world, name):
    return world.one(select(ContactList.id).where(ContactList.name == name))


def split_off(world, name):
    """The commune of somebody becomes a list of its own."""
    area = world.one(select(Contact.area_code).where(Contact.name == name))
    world.do(split_list, find_list(world, OWN), areas=[area], name="Mới")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("lists", [(), ("Khác",)])
def test_of_two_decided_rows_about_somebody_each_is_taken_back_alone(office, tmp_path, order, lists):
    for name in lists:
        bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"), name)
    before = told(office)
    bring(office, write(tmp_path, f"1,A Thun,1950,,,{unclear(1)}", f"2,A Thun,,Thôn 2,,{unclear(1)}"))
    decide(office, 1, phone=local(1))
    decide(office, 2, phone=f"{local(1)} / {local(2)}")
    office.do(retract_decision, order[0])
    first, second = (1950, "", number(1)), (None, "Thôn 2", number(1), number(2))
    assert told(office) == [("A Thun", *(first if order[0] == 2 else second), OWN, *lists)]
    office.do(retract_decision, order[1])
    assert told(office) == before


@pytest.mark.parametrize("name", [OWN, "Khác"])
def test_who_came_by_a_decision_keeps_what_other_files_say_when_it_is_taken_back(office, tmp_path, name):
    bring(office, write(tmp_path, f"1,A Thun,1950,Thôn 2,,{unclear(1)}"))
    decide(office, 1, phone=f"{local(1)} / {local(2)}")
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"), name)
    office.do(retract_decision, 1)
    assert told(office) == [("A Thun", None, "", number(1), name)]


def test_who_stands_beside_somebody_in_another_decided_row_stays(office, tmp_path):
    bring(
        office,
        write(
            tmp_path, f"1,A Thun và Y Hlan,,,,{unclear(1)} - {unclear(2)}", f"2,Y Hlan,1950,,,{unclear(2)}"
        ),
    )
    decide(office, 2, phone=local(2))
    decide(office, 1)
    office.do(retract_decision, 2)
    assert [name for name, *_ in told(office)] == ["A Thun", "Y Hlan"]
    office.do(retract_decision, 1)
    assert told(office) == []


def test_values_that_a_decision_brought_leave_no_field_for_texts(office, tmp_path):
    file = tmp_path / "values.csv"
    file.write_text(f"STT,Họ và tên,SĐT,{{ma}}\n1,A Thun,{unclear(1)},X1\n", encoding="utf-8")
    bring(office, file)
    decide(office, 1, phone=local(1))
    office.do(retract_decision, 1)
    assert office.one(select(ContactList.fields).where(ContactList.name == OWN)) == []


def test_a_row_decided_later_follows_into_no_list_that_was_split_off(office, tmp_path):
    rows = (f"1,A Thun,,,Đắk Mar,{local(1)}", f"2,Y Hlan,,,,{local(2)}", f"3,Y Rơ,,,,{unclear(3)}")
    bring(office, write(tmp_path, *rows))
    split_off(office, "A Thun")
    office.do(archive_list, find_list(office, OWN))
    decide(office, 1, phone=local(3))
    assert ("Y Rơ", None, "", number(3), OWN) in told(office)


@pytest.mark.parametrize(("moved", "removed"), [("Y Hlan", OWN), ("A Thun", "Mới")])
def test_a_list_that_was_split_leaves_nobody_what_it_alone_said_when_it_is_removed(
    office, tmp_path, moved, removed
):
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"), "Khác")
    place = {"A Thun": "", "Y Hlan": "", moved: "Đắk Mar"}
    whole = f"1,A Thun,1951,,{place['A Thun']},{local(1)} / {local(3)}"
    bring(office, write(tmp_path, whole, f"2,Y Hlan,1960,,{place['Y Hlan']},{local(2)}"))
    split_off(office, moved)
    office.do(remove_list, find_list(office, removed))
    left = {OWN: "Mới", "Mới": OWN}[removed]
    assert told(office) == [("A Thun", None, "", number(1), "Khác"), ("Y Hlan", 1960, "", number(2), left)]
    undo_import(office.runtime, 1)
    assert [name for name, *_ in told(office)] == ["Y Hlan"]
