"""Places that are not recognised are kept as written and settled once for all people with that spelling."""

import pytest
from sqlalchemy import func, select

from outreach.contacts.move_people import load_units, move_people
from outreach.contacts.place_questions import answer_place, read_questions
from outreach.core.db import insert_rows
from outreach.imports.list_reader import check_list
from outreach.imports.uploads import undo_import
from outreach.models.accounts import Area, AreaSuccessor, Role
from outreach.models.contacts import Contact, ListImport, PlaceQuestion
from outreach.places.areas import installation_gazetteer
from outreach.rules.errors import BadInput, NotFound
from tests.integration.campaigns.test_merge_people import apart, merge
from tests.integration.outreach.test_units import load_kon_tum
from tests.support.admin_client import post, shows
from tests.support.lists import bring, local, write
from tests.support.world import LIST

SPLIT = "23287"  # as if Quyết Thắng had been split: no commune of Kon Tum was


def bring_lines(world, tmp_path, *lines, name="list.csv"):
    file = write(tmp_path, *lines, name=name)
    gazetteer = world.read(installation_gazetteer)
    bring(world, file, LIST, rows=check_list(file, gazetteer))


def places(world):
    return dict(world.rows(select(Contact.name, Contact.area_code)))


def test_one_answer_settles_all_rows_of_a_spelling_and_later_ones(author, world, tmp_path):
    world.do(load_units, ["51"])
    bring_lines(
        world,
        tmp_path,
        f"1,A Lâu,,Thôn 1,xã Đăk Hring mới,{local(1)}",
        f"2,A Thun,,Thôn 2,xã  Đăk Hring Mới,{local(2)}",
        f"3,Y Hlan,,,xã Đăk Mar,{local(3)}",
    )
    assert places(world) == {"A Lâu": None, "A Thun": None, "Y Hlan": "23512"}
    assert "1 cách viết" in author.get("/admin/lists/").text
    shows(author.get("/admin/lists/places"), "xã Đăk Hring mới", "2 người")
    assert post(author, "/admin/lists/places/1", area="62").status_code == 422  # no commune
    answer = post(author, "/admin/lists/places/1", area="23512")
    assert "Không có địa danh nào chờ" in author.get(answer.location).text
    assert places(world) == dict.fromkeys(("A Lâu", "A Thun", "Y Hlan"), "23512")
    bring_lines(world, tmp_path, f"1,A Brui,,,xã Đăk Hring mới,{local(4)}", name="later.csv")
    assert places(world)["A Brui"] == "23512"


def test_what_another_has_answered_meanwhile_stays(world, tmp_path):
    world.do(load_units, ["51"])
    bring_lines(world, tmp_path, f"1,A Lâu,,Thôn 1,xã Lạ Hoắc,{local(1)}")
    officer = world.user(world.officer("tinh@loa.example", Role.STAFF))
    for _press in range(2):
        world.do(answer_place, 1, area_code="23500", user=officer)
    with pytest.raises(NotFound, match="place_question_unknown"):
        world.do(answer_place, 1, area_code="23512", user=officer)
    bring_lines(world, tmp_path, f"1,A Brui,,,xã Lạ Hoắc,{local(4)}", name="later.csv")
    assert set(places(world).values()) == {"23500"}


def test_who_is_parted_again_lives_where_the_question_was_answered_meanwhile(world, tmp_path):
    world.do(load_units, ["51"])
    rows = [f"1,A Lâu,,Thôn 1,xã Lạ Hoắc,{local(1)}", f"2,A Thun,,Thôn 1,xã Lạ Hoắc,{local(2)}"]
    bring_lines(world, tmp_path, *rows)
    officer = world.user(world.officer("tinh@loa.example", Role.STAFF))
    merge_id = merge(world, *world.all(select(Contact.id).order_by(Contact.id)))
    world.do(answer_place, 1, area_code="23500", user=officer)
    apart(world, merge_id)
    assert places(world) == {"A Lâu": "23500", "A Thun": "23500"}


def test_undoing_a_file_that_named_the_commune_leaves_the_answer_to_the_other_files_question(world, tmp_path):
    world.do(load_units, ["51"])
    row = f"1,A Lâu,,Thôn 1,%s,{local(1)}"
    bring_lines(world, tmp_path, row % "xã Lạ Hoắc")
    bring_lines(world, tmp_path, row % "xã Đăk Mar", name="second.csv")
    officer = world.user(world.officer("tinh@loa.example", Role.STAFF))
    world.do(answer_place, 1, area_code="23500", user=officer)
    assert places(world) == {"A Lâu": "23512"}
    undo_import(world.runtime, world.all(select(ListImport.id).order_by(ListImport.id))[-1])
    assert places(world) == {"A Lâu": "23500"}
    world.do(move_people)
    assert places(world) == {"A Lâu": "23500"}


def test_each_village_of_a_split_commune_is_asked_about_with_the_likely_one_first(world):
    load_kon_tum(world)
    times = {"created_at": world.now, "updated_at": world.now}
    for name, village in (("A Lâu", "Thôn 1"), ("A Thun", "thôn 1"), ("Y Hlan", "Thôn 2")):
        world.add(Contact(name=name, village=village, area_code=SPLIT, **times))
    world.do(load_units, ["51"])
    world.add(AreaSuccessor(old_code=SPLIT, new_code="21548", is_likely=False))
    world.do(move_people)
    assert set(places(world).values()) == {SPLIT}
    questions = world.all(select(PlaceQuestion).order_by(PlaceQuestion.village))
    assert sorted(each.village for each in questions) == ["Thôn 1", "Thôn 2"]
    first = world.get_one(Area, questions[0].candidates[0])
    assert len(questions[0].candidates) > 1
    officer = world.user(world.officer("tinh@loa.example", Role.STAFF))
    people = world.do(answer_place, questions[0].id, area_code=first.code, user=officer)
    assert people == 2
    assert places(world) == {"A Lâu": first.code, "A Thun": first.code, "Y Hlan": SPLIT}
    world.do(move_people)
    assert places(world)["Y Hlan"] == SPLIT
    # Somebody whom taking a merge apart brings back lives where the answer says.
    world.add(Contact(name="A Brui", village="Thôn 1", area_code=SPLIT, **times))
    world.do(move_people)
    assert places(world)["A Brui"] == first.code


@pytest.mark.rest
def test_a_split_ward_of_which_no_village_is_known_is_asked_about_however_many_live_there(world):
    load_kon_tum(world)
    columns = ("name", "name_key", "area_code", "village")
    times = {"created_at": world.now, "updated_at": world.now}
    with world.runtime.db.write() as session:
        rows = [("A Lâu", "alau", SPLIT, "")] * 66_000  # more than one statement of PostgreSQL takes
        insert_rows(session, Contact.__table__, columns, rows, always=times)
    world.do(load_units, ["51"])
    world.add(AreaSuccessor(old_code=SPLIT, new_code="21548", is_likely=False))
    world.do(move_people)
    assert world.scalar(select(func.count(Contact.place_question_id))) == 66_000


def test_who_does_not_see_the_province_may_not_answer(world, tmp_path):
    world.do(load_units, ["51"])
    bring_lines(world, tmp_path, f"1,A Lâu,,,xã Lạ Hoắc,{local(1)}")
    officer = world.user(world.officer("xa@loa.example", area="23512"))
    assert world.read(read_questions, officer) == ([], 0)
    with pytest.raises(NotFound):
        world.do(answer_place, 1, area_code="23512", user=officer)
    officer = world.user(world.officer("tinh@loa.example", Role.STAFF))
    with pytest.raises(BadInput):
        world.do(answer_place, 1, area_code="51", user=officer)
