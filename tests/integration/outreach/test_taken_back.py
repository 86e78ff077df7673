"""Decisions taken back and lists removed or split: each row and each list says what it says itself, in whichever order."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns.cases.merge_people import merge_people, unmerge_people
from outreach.imports import store_rows
from outreach.imports.change_list import archive_list, merge_list, remove_list, split_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision, export_issues
from outreach.imports.retract_decision import retract_decision
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ContactList, ImportIssue, KeptValue
from outreach.places.areas import load_areas
from tests.support.lists import UNITS, bring, directory, local, write
from tests.support.tables import cases
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


def split_off(world, name, of=OWN):
    """The commune of somebody becomes a list of its own."""
    area = world.one(select(Contact.area_code).where(Contact.name == name))
    world.do(split_list, find_list(world, of), areas=[area], name="Mới")


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


def test_a_value_that_a_row_of_who_was_split_off_says_stays_when_a_decided_one_is_taken_back(
    office, tmp_path
):
    file = tmp_path / "values.csv"
    rows = (f"1,A Thun,Đắk Mar,{local(1)},X1", f"2,A Thun,,{unclear(1)},X1", f"3,Y Rơ,,{local(3)},")
    file.write_text("\n".join(("STT,Họ và tên,Xã/phường,SĐT,{ma}", *rows)), encoding="utf-8")
    bring(office, file)
    split_off(office, "A Thun")
    values = office.all(select(KeptValue.value))
    assert values == ["X1"]
    decide(office, 1, phone=local(1))
    office.do(retract_decision, 1)
    assert office.all(select(KeptValue.value)) == values


def test_a_row_decided_later_follows_into_no_list_that_was_split_off(office, tmp_path):
    rows = (f"1,A Thun,,,Đắk Mar,{local(1)}", f"2,Y Hlan,,,,{local(2)}", f"3,Y Rơ,,,,{unclear(3)}")
    bring(office, write(tmp_path, *rows))
    split_off(office, "A Thun")
    office.do(archive_list, find_list(office, OWN))
    decide(office, 1, phone=local(3))
    assert ("Y Rơ", None, "", number(3), OWN) in told(office)


def test_who_followed_into_a_list_by_a_decision_leaves_it_when_it_is_taken_back(office, tmp_path):
    file = tmp_path / "values.csv"
    rows = (f"1,A Thun,Đắk Mar,{local(1)},", f"2,Y Rơ,,{local(3)},X1", f"3,Y Rơ,,{unclear(3)},")
    file.write_text("\n".join(("STT,Họ và tên,Xã/phường,SĐT,{ma}", *rows)), encoding="utf-8")
    bring(office, file)
    split_off(office, "A Thun")
    bring(office, file)  # again with everybody
    office.do(archive_list, find_list(office, OWN))
    decide(office, 2)
    assert ("Y Rơ", None, "", number(3), OWN, "Mới") in told(office)
    office.do(retract_decision, 2)
    assert ("Y Rơ", None, "", number(3), OWN) in told(office)
    query = select(KeptValue.list_id).where(KeptValue.list_id != find_list(office, OWN))
    assert office.all(query) == []


def test_a_row_about_whom_a_list_that_took_over_has_follows_into_none_that_was_split_off(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(2)}"), "Khác")
    file = tmp_path / "values.csv"
    rows = (f"1,A Thun,Đắk Mar,{local(1)},", f"2,Y Rơ,,{local(3)},X1", f"3,Y Rơ,,{unclear(3)},")
    file.write_text("\n".join(("STT,Họ và tên,Xã/phường,SĐT,{ma}", *rows)), encoding="utf-8")
    bring(office, file)
    office.do(merge_list, find_list(office, OWN), into=find_list(office, "Khác"))
    split_off(office, "A Thun", of="Khác")
    before = told(office)
    decide(office, 1)
    assert told(office) == before


@pytest.mark.parametrize("born", ["", "1951"])
def test_numbers_of_rows_decided_alike_stay_where_another_file_says_them(office, tmp_path, born):
    rows = (f"1,A Thun,,,,{unclear(1)} / {local(2)}", f"2,A Thun,{born},,,{unclear(1)}")
    bring(office, write(tmp_path, *rows))
    office.do(decide_issue, 2, Decision.TAKEN, and_alike=True)
    bring(office, write(tmp_path, f"1,A Thun,{born},,,{local(1)} / {local(2)}"), "Khác")
    office.do(retract_decision, 1)
    assert told(office) == [("A Thun", int(born) if born else None, "", number(1), number(2), "Khác")]


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


LESS = "1,Y Hlan,,,,{0}"
ONE, TWO = "1,Y Hlan,1990,Thôn 1,Đắk Mar,{0}", "1,Y Hlan,1991,Thôn 2,Đắk La,{0}"
BOTH = f"{TWO}\n2,Y Hlan,1992,Thôn 3,Đắk Ui,{{0}}"
HOME, NEW_HOME = (1990, "23512", "Thôn 1"), (1991, "23524", "Thôn 2")


@cases(
    ((ONE, TWO), (1,), NEW_HOME),
    ((ONE, TWO), (2,), HOME),
    ((ONE, BOTH), (1,), NEW_HOME),
    ((ONE, TWO, ONE), (1,), NEW_HOME),
    ((ONE, TWO, ONE), (1, 2), HOME),
    ((ONE, TWO, LESS, ONE), (1, 2), HOME),
    ((LESS, TWO, ONE), (2,), HOME),
    (("1,Y Hlan,,,,09O5 OOO 001", ONE, TWO), (2,), NEW_HOME),
)
@pytest.mark.parametrize(("chunk", "lists"), [(1, (OWN,)), (1000, (OWN, "Khác", "Nữa"))])
def test_of_files_that_contradict_each_other_the_first_that_stands_is_right(
    office, tmp_path, monkeypatch, chunk, lists, files, undone, left
):
    monkeypatch.setattr(store_rows, "CHUNK", chunk)
    for n, row in enumerate(files):
        bring(office, write(tmp_path, row.format(local(1), local(1))), lists[n % len(lists)])
    for import_id in undone:
        undo_import(office.runtime, import_id)
    ((_name, born, _sex, area, village, *_),) = directory(office)
    assert (born, area, village) == left


def decisions(world):
    rows = world.all(select(ImportIssue).order_by(ImportIssue.id))
    return [(each.import_id, each.decision) for each in rows]


@pytest.mark.parametrize("back", ["undone", "its list removed"])
def test_a_row_put_right_in_the_list_that_took_its_list_over_is_asked_about_no_more(office, tmp_path, back):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}", "2,Y Rơ,,,,09O5 OOO 123"), "Một")
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(3)}"), "Hai")
    office.do(merge_list, find_list(office, "Một"), into=find_list(office, "Hai"))
    out = tmp_path / "errors.csv"
    office.read(export_issues, 1, out)
    out.write_bytes(out.read_bytes().replace(b"09O5 OOO 123", local(2).encode()))
    bring(office, out, "Hai")
    assert decisions(office) == [(1, Decision.CORRECTED)]
    if back == "undone":
        undo_import(office.runtime, 3)
    else:
        office.do(remove_list, find_list(office, "Hai"))
    assert decisions(office) == [(1, None)]


FIRST, SECOND, THIRD = "Nguyễn Thị Hoa", "Nguyễn Thị Ngọc Hoa", "Nguyễn Thị Ngọc Hoàn"


@cases(
    ((SECOND,), (2,), FIRST),
    ((SECOND,), (1,), SECOND),
    ((SECOND, SECOND), (2, 3), FIRST),
    ((SECOND, THIRD), (2,), THIRD),
    ((SECOND, THIRD), (3,), SECOND),
    ((SECOND, THIRD), (2, 3), FIRST),
)
def test_a_name_given_by_a_decision_goes_with_the_file_of_its_row(office, tmp_path, names, undone, left):
    bring(office, write(tmp_path, f"1,{FIRST},,,,{local(1)}"), "Một")
    for name in names:
        bring(office, write(tmp_path, f"1,{name},,,,{local(1)}"), "Hai")
        for each in office.all(select(ImportIssue.id).where(ImportIssue.decision.is_(None))):
            office.do(decide_issue, each, Decision.RENAMED)
    for each in undone:
        undo_import(office.runtime, each)
    assert [name for name, *_ in directory(office)] == [left]


def test_a_name_given_by_a_decision_goes_with_the_list_of_its_row(office, tmp_path):
    bring(office, write(tmp_path, f"1,{FIRST},,,,{local(1)}"), "Một")
    bring(office, write(tmp_path, f"1,{SECOND},,,,{local(1)}"), "Hai")
    office.do(decide_issue, 1, Decision.RENAMED)
    office.do(remove_list, find_list(office, "Hai"))
    assert [name for name, *_ in directory(office)] == [FIRST]


def asked(world):
    """The communes that are asked about."""
    waiting = select(ImportIssue).where(ImportIssue.decision.is_(None)).order_by(ImportIssue.id)
    return [each.cells["area_code"] for each in world.all(waiting)]


@cases(
    ("undo 1", NEW_HOME, []),
    ("moved, back", HOME, ["23524"]),
    ("moved, back, undo 1", NEW_HOME, []),
    ("moved, undo 1", NEW_HOME, []),
    ("moved, undo 1, back", NEW_HOME, ["23524"]),
    ("moved, undo 2", HOME, []),
    ("moved, undo 1, undo 2", None, []),
    ("moved, undo 1, back, undo 2", None, []),
    ("moved, back, undo 2", HOME, []),
    ("undo 1, undo 2", None, []),
)
def test_where_somebody_lives_is_what_the_files_that_stand_and_the_answer_say(
    office, tmp_path, steps, left, questions
):
    for row in ("1,Y Hlan,,,,{0}", ONE, TWO):
        bring(office, write(tmp_path, row.format(local(1))))
    for step in steps.split(", "):
        if step == "moved":
            office.do(decide_issue, 1, Decision.ANSWERED, has_moved=True)
        elif step == "back":
            office.do(retract_decision, 1)
        else:
            undo_import(office.runtime, int(step[-1]) + 1)
    ((_name, _born, _sex, area, village, *_),) = directory(office)
    assert ((area, village), asked(office)) == ((left or (None, None, ""))[1:], questions)


def test_who_lives_where_a_file_said_that_is_undone_is_asked_about_as_another_file_wrote_it(office, tmp_path):
    bring(office, write(tmp_path, ONE.format(local(1))))
    bring(office, write(tmp_path, f"1,Y Hlan,,,xã Lạ Hoắc,{local(1)}"))
    undo_import(office.runtime, 1)
    assert office.one(select(Contact.place_question_id)) is not None


@pytest.mark.parametrize("rows", [(local(1), local(2)), ("", "")], ids=["with a number", "at the door"])
@pytest.mark.parametrize("name", ["Y Hlăn", "Y Rơ"])
def test_whom_officers_merged_the_next_file_knows_though_it_says_another_year(office, tmp_path, rows, name):
    first = f"1,Y Hlan,1990,Thôn 1,Đắk Mar,{rows[0]}"
    second = f"1,{name},1991,Thôn 2,Đắk La,{rows[1]}"
    bring(office, write(tmp_path, first))
    bring(office, write(tmp_path, second))
    kept, other = office.all(select(Contact.id).order_by(Contact.id))
    office.do(merge_people, kept, other)
    for each in (second, first):
        bring(office, write(tmp_path, each), "Lần sau")
    assert office.all(select(Contact.id)) == [kept]


@cases(((4,), False), ((2, 4), False), ((4, 3), True), ((2, 4, 3), None), ((3,), True), ((2, 3, 4), None))
def test_of_a_smartphone_the_last_file_that_stands_knows(office, tmp_path, undone, left):
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"))
    for said in ("có", "không", "có"):
        file = tmp_path / "smartphones.csv"
        file.write_text(
            f"STT,Họ và tên,SĐT,Điện thoại thông minh\n1,A Thun,{local(1)},{said}\n", encoding="utf-8"
        )
        bring(office, file)
    for each in undone:
        undo_import(office.runtime, each)
    assert office.one(select(Contact.has_smartphone)) is left


def test_who_is_parted_again_has_nothing_of_a_file_that_was_undone_meanwhile(office, tmp_path):
    bring(
        office,
        write(tmp_path, f"1,A Thun,,,,{local(1)}", f"2,Y Rơ,,,,{local(2)}", f"3,Y Rơ,1955,,,{local(2)}"),
    )
    bring(office, write(tmp_path, f"1,Y Rơ,1950,Thôn 1,Đắk Mar,{local(2)} / {local(3)}"), "Khác")
    kept, other = office.all(select(Contact.id).order_by(Contact.id))
    merge = office.do(merge_people, kept, other)
    undo_import(office.runtime, 2)
    office.do(unmerge_people, merge.id)
    assert told(office) == [("A Thun", None, "", number(1), OWN), ("Y Rơ", 1955, "", number(2), OWN)]


def test_nobody_lives_in_a_village_of_another_commune_than_theirs(office, tmp_path):
    bring(office, write(tmp_path, f"1,A Thun,,,Đắk La,{local(1)}"))
    bring(office, write(tmp_path, f"1,A Thun,,Thôn 1,Đắk Mar,{local(1)}"))
    assert told(office) == [("A Thun", None, "", number(1), OWN)]
    undo_import(office.runtime, 1)
    assert told(office) == [("A Thun", None, "Thôn 1", number(1), OWN)]


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_year_that_was_answered_goes_with_the_file_that_raised_the_question(office, tmp_path, is_removed):
    bring(office, write(tmp_path, f"1,A Thun,,,,{local(1)}"))
    bring(office, write(tmp_path, f"1,A Thun,41,,,{local(1)}"), "Khác")
    office.do(decide_issue, 1, Decision.ANSWERED, birth_year=1941)
    assert [born for _name, born, *_ in told(office)] == [1941]
    if is_removed:
        office.do(remove_list, find_list(office, "Khác"))
    else:
        undo_import(office.runtime, 2)
    assert told(office) == [("A Thun", None, "", number(1), OWN)]


def test_a_person_renamed_twice_by_a_file_has_the_name_of_before_it(office, tmp_path):
    bring(office, write(tmp_path, f"1,{FIRST},,,,{local(1)}"), "Một")
    rows = [f"{n},{name},,,,{local(1)}" for n, name in enumerate((SECOND, "Nguyễn Thị Mai Hoa"), 1)]
    bring(office, write(tmp_path, *rows), "Hai")
    office.do(decide_issue, 1, Decision.RENAMED, and_alike=True)
    undo_import(office.runtime, 2)
    assert [name for name, *_ in told(office)] == [FIRST]


@cases(False, True)
def test_a_name_given_by_a_decision_is_not_that_of_who_is_parted_after_it_was_taken_back(
    office, tmp_path, is_retracted
):
    bring(office, write(tmp_path, f"1,{FIRST},,,,{local(1)}", f"2,Y Rơ,,,,{local(2)}"), "Một")
    bring(office, write(tmp_path, f"1,{SECOND},,,,{local(1)}"), "Hai")
    office.do(decide_issue, 1, Decision.RENAMED)
    renamed, other = (office.contact(each) for each in (SECOND, "Y Rơ"))
    merge = office.do(merge_people, other, renamed)
    if is_retracted:
        office.do(retract_decision, 1)
    else:
        undo_import(office.runtime, 2)
    office.do(unmerge_people, merge.id)
    assert [each[:1] + each[3:] for each in told(office)] == [
        (FIRST, number(1), "Một"),
        ("Y Rơ", number(2), "Một"),
    ]


def test_what_a_row_says_of_who_was_split_off_stays_when_a_decided_one_is_taken_back(office, tmp_path):
    rows = (
        f"1,A Thun,1950,,Đắk Mar,{local(1)}",
        f"2,A Thun,,Thôn 2,Đắk Mar,{unclear(1)}",
        f"3,Y Rơ,,,,{local(3)}",
    )
    bring(office, write(tmp_path, *rows))
    split_off(office, "A Thun")
    before = told(office)
    decide(office, 1, phone=f"{local(1)} / {local(2)}")
    assert told(office)[0] == ("A Thun", 1950, "Thôn 2", number(1), number(2), OWN, "Mới")
    office.do(retract_decision, 1)
    assert told(office) == before
    undo_import(office.runtime, 1)
    assert told(office) == []


def test_what_a_row_says_of_who_was_split_off_stays_though_another_file_has_brought_them_again(
    office, tmp_path
):
    rows = (
        f"1,A Thun,,,Đắk Mar,{local(1)} / {local(2)}",
        f"2,A Thun,1950,,Đắk Mar,{unclear(1)}",
        f"3,Y Rơ,,,,{local(3)}",
    )
    bring(office, write(tmp_path, *rows))
    split_off(office, "A Thun")
    bring(office, write(tmp_path, f"1,A Thun,,Thôn 2,Đắk Mar,{local(1)}"))
    before = told(office)
    assert before[0] == ("A Thun", None, "Thôn 2", number(1), number(2), OWN, "Mới")
    decide(office, 1, phone=local(1))
    assert told(office)[0][1] == 1950
    office.do(retract_decision, 1)
    assert told(office) == before
    decide(office, 1, phone=local(1))
    undo_import(office.runtime, 2)
    office.do(retract_decision, 1)
    assert told(office)[0] == ("A Thun", None, "", number(1), number(2), "Mới")
