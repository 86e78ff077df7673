"""Rows to people: each person once, each number once, in whatever order the rows come."""

import pytest
from sqlalchemy import select, update

from outreach.imports import store_rows
from outreach.imports.erasures import find_erased, record_erasure
from outreach.imports.list_reader import check_list
from outreach.imports.merge_contacts import find_namesakes
from outreach.imports.store_rows import ImportCounts
from outreach.models.contacts import Contact, ContactList, ContactPhone, Membership, Phone
from outreach.places.areas import installation_gazetteer, load_areas
from tests.support.lists import UNITS, bring, directory, local, people, write
from tests.support.servers import both_databases
from tests.support.world import number

pytestmark = both_databases


@pytest.fixture
def office(world):
    world.do(load_areas, UNITS)
    return world


ROWS = [
    # what it shows: rows, and the people that come of them
    (
        "the same name on the same phone is one person",
        [f"1,Y Hlan,1990,Thôn 1,Đắk Mar,{local(1)}", f"2,Y HLAN,,,,{local(1)}"],
        {"Y Hlan": [1]},
    ),
    (
        "another name on the same phone is another person",
        [f"1,Y Hlan,1990,Thôn 1,Đắk Mar,{local(1)}", f"2,A Thun,,,,{local(1)}"],
        {"Y Hlan": [1], "A Thun": [1]},
    ),
    (
        "a number that a later row adds is theirs too",
        [f"1,Y Hlan,,,,{local(1)}", f"2,Y Hlan,,,,{local(1)} / {local(2)}"],
        {"Y Hlan": [1, 2]},
    ),
    (
        "found again by the number that a later row added",
        [f"1,Y Hlan,,,,{local(1)}", f"2,Y Hlan,,,,{local(1)} / {local(2)}", f"3,Y Hlan,,,,{local(2)}"],
        {"Y Hlan": [1, 2]},
    ),
    (
        "the order of the list is the order of the numbers",
        [f"1,Y Hlan,,,,{local(2)} / {local(1)}"],
        {"Y Hlan": [2, 1]},
    ),
    (
        "a number written twice is one number",
        [f"1,Y Hlan,,,,{local(1)} / +84 {local(1)[1:]}"],
        {"Y Hlan": [1]},
    ),
]


@pytest.mark.parametrize("size", [1000, 1])
def test_rows_make_people(office, tmp_path, monkeypatch, size):
    monkeypatch.setattr(store_rows, "CHUNK", size)
    for index, (what, lines, expected) in enumerate(ROWS):
        file = write(tmp_path, *lines)
        first = bring(office, file, f"Danh sách {index}")
        found = people(office)
        assert found == {name: [number(n) for n in numbers] for name, numbers in expected.items()}, what
        assert first.created == len(expected), what
        assert first.merged == len(lines) - len(expected), what
        assert bring(office, file, f"Danh sách {index}").unchanged == len(lines), what
        assert people(office) == found, what
        with office.runtime.db.write() as session:
            for table in (Membership, ContactPhone, Contact, Phone):
                session.query(table).delete()


def test_a_later_file_adds_what_was_not_known_and_overwrites_nothing(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,Thôn 1,,{local(1)}"))
    more = bring(office, write(tmp_path, f"1,Y Hlan,1990,Thôn 2,Đắk Mar,{local(1)}"))
    assert more == ImportCounts(rows=1, updated=1)
    ((name, born, _, area, village, *_),) = directory(office)
    assert (name, born, area, village) == ("Y Hlan", 1990, "23512", "Thôn 1")
    other = bring(office, write(tmp_path, f"1,Y Hlan,1980,Thôn 3,Đắk Ui,{local(1)}"))
    assert other == ImportCounts(rows=1, unchanged=1)
    ((_, born, _, area, *_),) = directory(office)
    assert (born, area) == (1990, "23512")
    second_phone = bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}; {local(2)}"))
    assert second_phone == ImportCounts(rows=1, updated=1)


def test_a_commune_that_is_not_loaded_stays_open(world, tmp_path):
    bring(world, write(tmp_path, f"1,Y Hlan,1990,Thôn 1,Đắk Mar,{local(1)}"))
    assert world.all(select(Contact.area_code)) == [None]


def test_a_list_says_which_language_a_phone_is_written_to_in(office, tmp_path):
    file = tmp_path / "list.csv"
    rows = [f"1,Y Hlan,tiếng Ba Na,{local(1)}", f"2,A Thun,Xơ-đăng,{local(2)}", f"3,A Nam,Tơ Đrá,{local(3)}"]
    file.write_text("\n".join(["STT,Họ và tên,Ngôn ngữ,SĐT", *rows]), encoding="utf-8")
    bring(office, file)
    file.write_text(f"STT,Họ và tên,Ngôn ngữ,SĐT\n1,Y Hlan,Gia Rai,{local(1)}\n", encoding="utf-8")
    bring(office, file)
    spoken = dict(office.rows(select(Phone.e164, Phone.language)))
    assert spoken == {number(1): "bdq", number(2): "sed", number(3): None}


def test_who_has_no_number_is_sought_among_namesakes_of_no_other_year(office, tmp_path):
    known = (("1990", local(1), 1), ("1991", "", 1), ("1992", "", 1), ("", "", 2))
    lines = (f"1,Y Hlan,{year},Thôn {village},Đắk Mar,{phone}" for year, phone, village in known)
    bring(office, write(tmp_path, *lines))
    asked = tmp_path / "asked"
    asked.mkdir()
    file = write(asked, f"1,Y Hlan,1991,Thôn 1,Đắk Mar,{local(2)}", "2,Y Hlan,1990,Thôn 1,Đắk Mar,")
    rows = [*check_list(file, office.read(installation_gazetteer))]
    years = dict(office.rows(select(Contact.id, Contact.birth_year)))
    found = office.read(find_namesakes, rows, list_id=office.one(select(ContactList.id)))
    assert sorted(years[each] or 0 for each in found) == [0, 1990, 1991]
    assert bring(office, file).created == 0


def test_who_was_stored_with_a_title_is_known_by_it_alive_or_erased(office, tmp_path):
    bring(office, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"))
    office.execute(update(Contact).values(name="Bà Y Hlan", name_key="bayhlan"))  # as versions before did
    file = write(tmp_path, f"1,Bà Y Hlan,,,,{local(1)}")
    assert bring(office, file) == ImportCounts(rows=1, unchanged=1)
    office.do(record_erasure, office.one(select(Contact)), [(number(1), False)])
    rows = [*check_list(file, office.read(installation_gazetteer))]
    assert office.read(find_erased, rows) == {1}
