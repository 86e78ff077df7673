"""A list that says another commune of somebody known asks which is right, and keeps the one known until then."""

import pytest
from sqlalchemy import select

from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision, read_open_issues
from outreach.imports.list_reader import PreviewCounts, check_list
from outreach.imports.retract_decision import retract_decision
from outreach.imports.store_rows import ImportCounts
from outreach.models.contacts import ImportIssue
from outreach.places.areas import load_areas, read_place_names
from tests.integration.outreach.test_undo_import import undo
from tests.support.lists import GAZETTEER, UNITS, bring, directory, local, write
from tests.support.world import AUTHOR

MAR, LA, UI = "23512", "23524", "23509"


@pytest.fixture
def office(world, tmp_path):
    """Y Hlan lives in Đắk Mar; another list says Đắk La."""
    world.do(load_areas, UNITS)
    bring(world, write(tmp_path, f"1,Y Hlan,1990,Thôn 1,Đắk Mar,{local(1)}"))
    assert bring(world, moved(tmp_path), "Danh sách khác") == ImportCounts(rows=1, merged=1)
    return world


def moved(tmp_path, commune="Đắk La"):
    return write(tmp_path, f"1,Y Hlan,1990,Thôn 2,{commune},{local(1)}", name="moved.csv")


def waiting(world):
    return world.read(read_open_issues, world.user(AUTHOR))[0]


def say(world, **more):
    (first, *_), _count = world.read(read_open_issues)
    world.do(decide_issue, first.issue.id, Decision.ANSWERED, **more)


def homes(world):
    return [(area_code, village) for _name, _born, _sex, area_code, village, *_more in directory(world)]


def counts_of(world, file, list_id=None):
    """What the preview of a file counts."""
    totals = PreviewCounts(list_id or world.list_id)
    world.read(lambda session: totals.add(session, list(check_list(file, GAZETTEER))))
    return totals.counts


def test_it_is_asked_once_and_nothing_changes_until_it_is_answered(office, tmp_path):
    (row,) = waiting(office)
    assert (row.issue.reason, row.lives_in, row.issue.cells["area_code"]) == ("other_commune", MAR, LA)
    assert homes(office) == [(MAR, "Thôn 1")]
    for say_it in (None, {}):
        if say_it is not None:
            say(office)
        assert bring(office, moved(tmp_path), "Danh sách khác") == ImportCounts(rows=1, unchanged=1)
        assert len(waiting(office)) == (say_it is None)
    assert homes(office) == [(MAR, "Thôn 1")]
    bring(office, moved(tmp_path, "Đắk Ui"), "Danh sách khác")  # moved once more
    assert [each.issue.cells["area_code"] for each in waiting(office)] == [UI]


@pytest.mark.parametrize("back", ["the answer", "the import"])
def test_who_has_moved_lives_where_the_list_says_until_that_is_taken_back(office, back):
    before = homes(office)
    say(office, has_moved=True)
    assert homes(office) == [(LA, "Thôn 2")]
    assert waiting(office) == []
    if back == "the import":
        undo(office, 2)
    else:
        office.do(retract_decision, office.one(select(ImportIssue.id)))
        assert len(waiting(office)) == 1
    assert homes(office) == before


def test_the_same_commune_or_none_is_no_question(office, tmp_path):
    say(office)
    for commune in ("Đăk Mar", "", "Đắk Long", "Hà Nội"):
        bring(office, moved(tmp_path, commune), "Danh sách thứ ba")
    assert waiting(office) == []


def test_a_doubtful_number_taken_asks_too(office, tmp_path):
    say(office)
    bring(office, write(tmp_path, f"1,Y Hlan,,,Đắk Ui,O{local(1)[1:]}", name="doubt.csv"), "Danh sách thứ ba")
    (first, *_), _count = office.read(read_open_issues)
    office.do(decide_issue, first.issue.id, Decision.TAKEN)
    assert [each.issue.reason for each in waiting(office)] == ["other_commune"]


def test_the_preview_counts_what_will_be_asked(office, tmp_path):
    (row,) = waiting(office)
    # Asked already, new, the one known.
    files = (moved(tmp_path, commune) for commune in ("Đắk La", "Đắk Ui", "Đắk Mar"))
    counted = [counts_of(office, file, row.list_id)["moved"] for file in files]
    assert counted == [0, 1, 0]


def test_the_preview_counts_each_year_of_birth_that_will_be_asked(world, tmp_path):
    file = write(
        tmp_path, f"1,Y Hlan,41,,,{local(1)}", f"2,Y Hlan,41,,,{local(1)}", f"3,A Thun,85,,,{local(2)}"
    )
    counted = []
    for name in ("Hội viên", "Hội viên", "Danh sách khác"):
        counted.append(counts_of(world, file)["questions"])
        bring(world, file, name)
    assert counted == [2, 0, 0]


def test_the_preview_takes_nobody_for_known_by_a_number_that_is_new(office, tmp_path):
    rows = [
        f"1,Y Hlan,1990,,,{local(1)} / {local(2)}",
        f"2,Y Hlan,1960,,,{local(3)}",
        f"3,Y Hlanh,,,,{local(4)}",
    ]
    file = write(tmp_path, *rows, name="more.csv")
    counts = counts_of(office, file)
    assert (counts["known"], counts["review"]) == (1, 0)
    assert bring(office, file) == ImportCounts(rows=3, created=2, updated=1)


def test_a_commune_is_named_with_its_district(office):
    named = office.read(read_place_names, [None, "23368", "23504", "no such"])
    assert named == {"23368": "Xã Đắk Long (Đắk Glei)", "23504": "Xã Đăk Long (Đắk Hà)"}


def test_a_row_with_another_commune_and_an_unclear_year_raises_two_questions(world, tmp_path):
    world.do(load_areas, UNITS)
    bring(world, write(tmp_path, f"1,Y Hlan,,Thôn 1,Đắk Mar,{local(1)}"))
    rows = (f"1,Y Hlan,50,Thôn 2,Đắk La,{local(1)}", f"2,Y Rơ,,,,{local(2)}")
    assert bring(world, write(tmp_path, *rows, name="b.csv")).created == 1
    reasons = world.all(select(ImportIssue.reason).order_by(ImportIssue.reason))
    assert reasons == ["birth_unclear", "other_commune"]
