"""Units with their days: today's beside those that ended, and the people who lived in these."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, update

from outreach.accounts.permissions import areas_of
from outreach.accounts.users import find_user
from outreach.contacts.move_people import (
    Tried,
    apply_reform,
    find_users_without_ground,
    load_units,
    move_people,
    plan_moves,
)
from outreach.contacts.place_questions import read_questions
from outreach.imports.erasures import find_erased, record_erasure
from outreach.imports.list_reader import check_list
from outreach.models.accounts import Area, AreaLevel, ContactMove, User
from outreach.models.contacts import Contact
from outreach.places import areas
from outreach.rules.errors import BadInput
from tests.support.lists import UNITS, write

KON_TUM = [unit for unit in areas.former_units().values() if unit.province_code == "62"]


def load_kon_tum(world):
    world.do(areas.load_areas, Path(UNITS))


def settle(world):
    """One person in each commune of Kon Tum. Returns their ids by commune."""
    return {unit.code: world.add_person(unit.name, area_code=unit.code) for unit in KON_TUM}


def test_a_new_installation_has_its_province_in_two_levels(world):
    before = {code for code, _name, _communes in world.read(areas.read_districts)}
    loaded = load_units(world.runtime, ["68"], now=world.now)
    assert (loaded.communes, loaded.ended) == (124, 0)
    offered = {code: communes for code, _name, communes in world.read(areas.read_districts)}
    assert len(offered["68"]) == 124
    assert {*offered} - before == {"68"}
    match = world.read(areas.installation_gazetteer).match("P. Xuân Hương - Đà Lạt")
    assert match.code == "24781"


def test_todays_units_end_those_that_became_them_and_move_nobody(world):
    load_kon_tum(world)
    people = settle(world)
    loaded = load_units(world.runtime, ["51"], now=world.now)
    assert loaded.communes == 96
    assert load_units(world.runtime, ["51"], now=world.now).ended == 0  # again: nothing changes
    of = Contact.id.in_(people.values())
    lives_in = dict(world.rows(select(Contact.id, Contact.area_code).where(of)))
    assert lives_in == {person: code for code, person in people.items()}
    # Duy Tân's code is Đăk Cấm's today: two units.
    assert world.get_one(Area, "23284").full_name == "Phường Duy Tân"
    today = world.get_one(Area, "23284-2025")
    assert (today.full_name, today.official_code, today.valid_to) == ("Phường Đăk Cấm", "23284", None)
    old = world.all(select(Area.valid_to).where(Area.official_code.in_(people), Area.valid_from.is_(None)))
    assert {*old} == {"2025-07-01"}
    assert world.get_one(Area, "62").valid_to == "2025-07-01"
    communes = {code: each for code, _name, each in world.read(areas.read_districts)}
    assert len(communes["51"]) == 96
    assert "đặc khu" in areas.name_level(world.all(select(Area).where(Area.valid_to.is_(None))))


def test_people_of_whole_units_are_moved_as_the_dry_run_says_and_those_of_split_ones_stay(world):
    load_kon_tum(world)
    people = settle(world)
    load_units(world.runtime, ["51"], now=world.now)
    planned = world.read(plan_moves)
    moves = move_people(world.runtime, now=world.now)
    assert [(move.old.code, move.people, len(move.new)) for move in moves] == [
        (move.old.code, move.people, len(move.new)) for move in planned
    ]
    split = {unit.code for unit in KON_TUM if len(unit.successors) > 1}
    assert sum(move.people for move in moves) == len(KON_TUM)
    lives_in = select(Contact.id, Area.official_code).join(Area, Area.code == Contact.area_code)
    now_in = dict(world.rows(lives_in.where(Contact.id.in_(people.values()))))
    assert len(now_in) == len(KON_TUM)  # nobody is lost
    for unit in KON_TUM:
        expected = unit.code if unit.code in split else unit.successors[0]
        assert now_in[people[unit.code]] == expected
    assert world.count(ContactMove) == len(KON_TUM) - len(split)
    assert world.read(areas.whole_successors, areas.TWO_LEVELS_SINCE)["23287"] != "23287"
    assert sum(move.people for move in move_people(world.runtime, now=world.now)) == len(split)


def test_a_scope_keeps_its_ground_and_gets_no_other(world):
    load_kon_tum(world)
    load_units(world.runtime, ["51"], now=world.now)
    with world.runtime.db.read() as session:
        user = User(email="a@b.vn", name="", role="staff", area_code="62")
        seen = areas_of(session, user) or set()
        names = {area.full_name for area in session.scalars(select(Area).where(Area.code.in_(seen)))}
        assert {"Phường Kon Tum", "Xã Đăk Hà"} <= names
        assert "Đặc khu Lý Sơn" not in names
        # A unit with ground from two districts is in neither of them alone.
        district = areas.areas_within(session, ["615"])
        assert all(
            {unit.district_code for unit in KON_TUM if code in unit.successors} == {"615"}
            for code in {
                session.get_one(Area, each).official_code
                for each in district
                if session.get_one(Area, each).valid_from
            }
        )


def test_an_officer_of_a_merged_commune_sees_no_more_people_and_is_named(world):
    load_kon_tum(world)
    world.officer("xa@loa.example", area="23551")  # Ya Tăng, merged into Ya Ly
    world.officer("tinh@loa.example", area="62")
    load_units(world.runtime, ["51"], now=world.now)
    move_people(world.runtime, now=world.now)
    assert world.read(find_users_without_ground) == ["xa@loa.example"]
    assert world.read(find_user, "xa@loa.example").area_code == "23551"


def test_an_installation_recognises_its_own_units(world):
    load_kon_tum(world)
    assert world.read(areas.installation_gazetteer).match("Phường Duy Tân").code == "23284"
    load_units(world.runtime, ["51"], now=world.now)
    gazetteer = world.read(areas.installation_gazetteer)
    assert gazetteer.match("Phường Đăk Cấm").code == "23284-2025"
    key = gazetteer.match("phường Duy Tân, thành phố Kon Tum").code
    assert world.get_one(Area, key).valid_to is None
    assert world.get_one(Area, key).level is AreaLevel.COMMUNE


def test_an_unknown_province_is_refused(world):
    with pytest.raises(BadInput):
        load_units(world.runtime, ["62"], now=world.now)


def test_a_later_reform_is_tried_first_and_a_used_code_is_another_unit(world, tmp_path):
    load_units(world.runtime, ["51"], now=world.now)
    for code in ("23512", "23500"):
        world.add_person(code, area_code=code)
    file = tmp_path / "reform.csv"
    file.write_text(
        "old_code,new_code,new_name,main\n"
        "23512,23512,Phường Đăk Mar,\n"
        "23500,23500,Xã Đăk Hà,x\n23500,39999,Xã Hà Mòn,\n",
        encoding="utf-8",
    )
    day = date(2026, 1, 1)
    with pytest.raises(Tried) as tried:
        apply_reform(world.runtime, file, day=day, dry_run=True, now=world.now)
    assert [(move.old.code, move.people, len(move.new)) for move in tried.value.moves] == [
        ("23500", 1, 2),
        ("23512", 1, 1),
    ]
    assert world.get_one(Area, "23512").valid_to is None
    apply_reform(world.runtime, file, day=day, dry_run=False, now=world.now)
    move_people(world.runtime, now=world.now)
    assert dict(world.rows(select(Contact.name, Contact.area_code))) == {
        "23512": "23512-2026",
        "23500": "23500",
    }
    assert world.get_one(Area, "23512-2026").full_name == "Phường Đăk Mar"
    units = world.count(Area)
    for lines in (
        "99999,1,Xã,\n",
        "23512,23512,Phường Đăk Mar,\n",  # for this day a second time
        "23515,39998,Xã Ngọk Réo,\n" * 2,
        "23515,23504,Xã Đăk Pxi,\n",  # what becomes of 23504, which goes on, is not said
    ):
        file.write_text(f"old_code,new_code,new_name,main\n{lines}", encoding="utf-8")
        with pytest.raises(BadInput):
            apply_reform(world.runtime, file, day=day, dry_run=False, now=world.now)
        assert world.count(Area) == units, lines
    file.write_text("old_code,new_code,new_name,main\n23512,39997,Xã Đăk Mar,\n", encoding="utf-8")
    with pytest.raises(BadInput):  # of a day before the unit began
        apply_reform(world.runtime, file, day=date(2025, 8, 1), dry_run=False, now=world.now)


def reform(world, tmp_path, day, *lines):
    file = tmp_path / "reform.csv"
    file.write_text("\n".join(("old_code,new_code,new_name,main", *lines)), encoding="utf-8")
    apply_reform(world.runtime, file, day=day, dry_run=False, now=world.now)


def test_people_and_scopes_follow_several_reforms_at_once(world, tmp_path):
    load_units(world.runtime, ["51"], now=world.now)
    times = {"created_at": world.now, "updated_at": world.now}
    world.add(
        Contact(name="A Lâu", area_code="23512", **times), Contact(name="Y Lan", area_code="23500", **times)
    )
    # The second code is before the first in order.
    reform(
        world,
        tmp_path,
        date(2026, 1, 1),
        "23512,11111,Xã Một,",
        "23500,23500,Xã Đăk Hà,x",
        "23500,39999,Xã Hà Mòn,",
    )
    world.do(move_people)
    world.execute(update(Contact).where(Contact.name == "A Lâu").values(area_code="23512"))
    reform(world, tmp_path, date(2026, 6, 1), "11111,11112,Xã Hai,", "39999,39998,Xã Ba,")
    assert [(move.old.code, move.new[0].code) for move in world.read(plan_moves)][1] == ("23512", "11112")
    world.do(move_people)
    assert world.scalar(select(Contact.area_code).where(Contact.name == "A Lâu")) == "11112"
    assert {"11111", "11112"} <= world.read(areas.areas_within, ["23512"])
    # Somebody erased before both, who had no number, is recognised in the commune of today.
    lives_in = {"birth_year": 1950, "area_code": "23512"}
    world.do(record_erasure, Contact(name="A Brui", **lives_in), [])
    gazetteer = world.read(areas.installation_gazetteer)
    rows = list(check_list(write(tmp_path, "1,A Brui,1950,,Xã Hai,không có"), gazetteer))
    assert rows[0].place.code == "11112"
    assert world.read(find_erased, rows) == {1}
    ((question,), _count) = world.read(read_questions)
    assert {area.code for area in question.candidates} == {"23500-2026", "39998"}


def test_a_name_of_ground_that_a_later_reform_has_split_is_a_question(world, tmp_path):
    load_units(world.runtime, ["51"], now=world.now)
    wholly_in_it = next(
        unit for unit in areas.former_by_successor()["23500"] if unit.successors == ("23500",)
    )
    day = date(2026, 1, 1)
    reform(world, tmp_path, day, "23500,23500,Xã Đăk Hà,x", "23500,39999,Xã Hà Mòn,", "23512,11111,Xã Một,")
    gazetteer = world.read(areas.installation_gazetteer)
    for name in ("Xã Đăk Hà, Đăk Hà", f"{wholly_in_it.name}, {wholly_in_it.district}"):
        assert gazetteer.match(name).candidates == ("23500-2026", "39999"), name
    assert gazetteer.match("Xã Đăk Mar").code == "11111"


def test_the_units_of_before_take_no_name_from_those_of_today(world):
    load_units(world.runtime, ["51"], now=world.now)
    names = world.rows(select(Area.code, Area.name, Area.parent_code).order_by(Area.code))
    with pytest.raises(BadInput, match="areas_of_today"):
        load_kon_tum(world)
    assert world.rows(select(Area.code, Area.name, Area.parent_code).order_by(Area.code)) == names
