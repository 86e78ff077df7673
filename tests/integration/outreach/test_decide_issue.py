"""Rows that waited for a person are stored as that person says, and counted so."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from outreach.imports.decide_issue import birth_years, decide_issue
from outreach.imports.issues import Decision, read_open_issues
from outreach.imports.retract_decision import retract_decision
from outreach.imports.store_rows import ImportCounts
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ListImport, Phone
from outreach.rules.errors import BadInput, WrongState
from tests.integration.outreach.test_decide_issues_alike import everything
from tests.support.errors import refuses
from tests.support.lists import bring, local, people, write
from tests.support.tables import cases
from tests.support.world import AUTHOR, number


def say(world, decision, **more):
    """Decide on the first row that waits."""
    (first, *_), _count = world.read(read_open_issues)
    now = datetime(2026, 9, 1, tzinfo=UTC)
    world.do(decide_issue, first.issue.id, decision, now=now, **more)


def counts(world, import_id):
    return ImportCounts(**world.get_one(ListImport, import_id).counts)


def test_a_doubtful_number_is_taken_as_read_put_right_or_dropped(world, tmp_path):
    file = write(tmp_path, *[f"{n},Y Hlan {n},,,,09O5 OOO 12{n}" for n in (1, 2, 3)])
    assert bring(world, file).review == 3
    say(world, Decision.TAKEN)
    with refuses(BadInput, says="không phải là một số"):
        say(world, Decision.TAKEN, phone="12")
    say(world, Decision.TAKEN, phone=local(7))
    say(world, Decision.DROPPED)
    assert people(world) == {"Y Hlan 1": ["+84905000121"], "Y Hlan 2": [number(7)]}
    assert counts(world, 1) == ImportCounts(rows=3, created=2, rejected=1)
    # What was decided is not asked again.
    assert bring(world, file) == ImportCounts(rows=3, unchanged=2, rejected=1)
    assert world.read(read_open_issues, world.user(AUTHOR)) == ([], 0)


@cases(
    (Decision.SAME, ["Nguyễn Thị Hoa"]),
    (Decision.RENAMED, ["Nguyễn Thị Ngọc Hoa"]),
    (Decision.TAKEN, ["Nguyễn Thị Hoa", "Nguyễn Thị Ngọc Hoa"]),
    (Decision.DROPPED, ["Nguyễn Thị Hoa"]),
)
def test_a_changed_name_is_decided_by_a_person(world, tmp_path, decision, names):
    bring(world, write(tmp_path, f"1,Nguyễn Thị Hoa,,,,{local(1)}"))
    bring(world, write(tmp_path, f"1,Nguyễn Thị Ngọc Hoa,1990,,,{local(1)} / {local(2)}"))
    say(world, decision)
    assert sorted(people(world)) == names
    assert sum(map(len, people(world).values())) == {1: 2, 2: 3}[len(names)] - (decision is Decision.DROPPED)


def test_a_year_or_an_age_is_said_by_a_person(world, tmp_path):
    assert birth_years("41", this_year=2026) == [1941, 1985]
    assert birth_years("5/8/12", this_year=2026) == [1912, 2012]
    file = write(tmp_path, f"1,Y Hlan,41,,,{local(1)}", f"2,A Lâu,63,,,{local(2)}", f"3,Y Rơ,20,,,{local(3)}")
    bring(world, file)
    say(world, Decision.ANSWERED, birth_year=1985)
    with refuses(BadInput, says="không khớp"):
        say(world, Decision.ANSWERED, birth_year=1999)
    with refuses(BadInput, says="tải lại trang"):
        say(world, Decision.TAKEN)
    say(world, Decision.ANSWERED, birth_year=1963)
    say(world, Decision.ANSWERED)
    assert world.all(select(Contact.birth_year).order_by(Contact.id)) == [1985, 1963, None]
    assert bring(world, file).unchanged == 3


@pytest.mark.parametrize("again", ["the same row", "a number written otherwise", "in a later file"])
def test_one_year_of_a_person_is_asked_about_once(world, tmp_path, again):
    row = f"1,Y Hlan,41,Thôn 1,,{local(1)}"
    more = row.replace(local(1), number(1)) if again != "the same row" else row
    bring(
        world, write(tmp_path, row, *[more] * (again != "in a later file"), f"3,A Lâu,41,Thôn 1,,{local(2)}")
    )
    if again == "in a later file":
        bring(world, write(tmp_path, more))
    issues, count = world.read(read_open_issues, world.user(AUTHOR))
    assert (len(issues), count) == (2, 2)
    say(world, Decision.ANSWERED)
    say(world, Decision.ANSWERED, birth_year=1941)
    assert world.all(select(Contact.birth_year).order_by(Contact.id)) == [None, 1941]
    bring(world, write(tmp_path, more, row))
    assert world.read(read_open_issues, world.user(AUTHOR)) == ([], 0)
    undo_import(world.runtime, 1)
    if again == "in a later file":  # now it is the later files that ask
        assert world.read(read_open_issues, world.user(AUTHOR))[1] == 1


def test_a_row_is_decided_once(world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121"))
    user = world.user(AUTHOR)
    more = {"user": user, "now": world.now}
    decide_issue(world.runtime, 1, Decision.TAKEN, **more)
    with world.runtime.db.write() as session, pytest.raises(WrongState):
        decide_issue(session, 1, Decision.DROPPED, **more)


def test_what_a_row_says_beside_its_doubtful_number_is_kept(world, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(
        "STT,Họ và tên,Năm sinh,Ngôn ngữ,SĐT\n1,Y Hlan,41,tiếng Ba Na,09O5 OOO 121\n", encoding="utf-8"
    )
    bring(world, file)
    before = everything(world)
    say(world, Decision.TAKEN)
    assert world.all(select(Phone.language)) == ["bdq"]
    ((question, *_), _count) = world.read(read_open_issues, world.user(AUTHOR))
    assert (question.issue.reason, question.issue.cells["birth_doubt"]) == ("birth_unclear", "41")
    world.do(retract_decision, 1)
    assert everything(world) == before
    say(world, Decision.TAKEN)
    say(world, Decision.ANSWERED, birth_year=1941)
    assert world.all(select(Contact.birth_year)) == [1941]


def test_a_commune_that_is_not_in_the_database_is_left_open(world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,Đắk Mar,09O5 OOO 121"))
    say(world, Decision.TAKEN)
    assert world.all(select(Contact.area_code)) == [None]


@cases(
    (Decision.TAKEN, {"Nguyễn Văn Hùng": 1960, "Nguyễn Văn Hưng": 1990}),
    (Decision.SAME, {"Nguyễn Văn Hùng": 1960}),
)
@pytest.mark.parametrize("in_one_file", [True, False])
def test_two_on_one_phone_whose_names_differ_in_accents_alone_are_two_or_one_as_a_person_says(
    world, tmp_path, in_one_file, decision, expected
):
    father = f"1,Nguyễn Văn Hùng,1960,,,{local(1)}"
    son = f"2,Nguyễn Văn Hưng,1990,,,{local(1)}"
    for lines in ((father, son),) if in_one_file else ((father,), (son,)):
        bring(world, write(tmp_path, *lines))
    say(world, decision)
    assert dict(world.rows(select(Contact.name, Contact.birth_year))) == expected
    assert bring(world, write(tmp_path, father, son)).unchanged == 2
    # Written without accents, or without a year, it is one of them.
    more = [f"1,NGUYEN VAN HUNG,1990,,,{local(1)}", f"2,Nguyễn Văn Hung,,,,{local(1)}"]
    assert bring(world, write(tmp_path, *more)).unchanged == 2
