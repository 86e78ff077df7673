"""Whether two people of one name are one, how an erased person is known again, and names in Vietnamese order."""

import pytest

from outreach.rules import identity
from tests.support.tables import cases


def facts(year=None, area=None, village="", sex=None):
    return {"birth_year": year, "area_code": area, "village": village, "sex": sex, "place_question_id": None}


# Known, stated; whether they are one: in another list, in another list with a number, in an earlier file of the list.
ONE, ONLY_WITHOUT, ONLY_HERE, NEVER = (True,) * 3, (True, False, True), (False, False, True), (False,) * 3


@cases(
    (facts(1950, "1", "Thôn 3"), facts(1950, "1", "thon 3"), ONE),
    (facts(1950, "1"), facts(1950, "1", "Thôn 3"), ONE),
    (facts(1950, None, "Thôn 3"), facts(1950, None, "Thôn 3"), ONE),
    (facts(1950, "1", "Thôn 3"), facts(None, "1", "Thôn 3"), ONLY_WITHOUT),
    (facts(None, "1", "Thôn 3"), facts(None, "1", "Thôn 3"), ONLY_WITHOUT),
    (facts(None, "1"), facts(None, "1"), ONLY_HERE),
    (facts(1950), facts(1950), ONLY_HERE),
    (facts(), facts(1950, "1", "Thôn 3"), ONLY_HERE),
    (facts(1950, "1"), facts(1951, "1"), NEVER),
    (facts(1950, "1"), facts(1950, "2"), NEVER),
    (facts(1950, "1", "Thôn 3"), facts(1950, "1", "Thôn 4"), NEVER),
    (facts(1950, "1", sex="m"), facts(1950, "1", sex="f"), NEVER),
)
def test_who_is_the_same_person(known, stated, are_one):
    cases = ((False, False), (False, True), (True, False))
    found = [identity.is_same_person(known, stated, is_in_list=here, has_number=has) for here, has in cases]
    assert tuple(found) == are_one


@pytest.mark.parametrize("erased", [(1950, "1"), (1950, None), (None, "1"), (None, None)])
@cases(((1950, "1"),), ((1951, "1"),), ((1950, "2"),), ((1950, None),), ((None, "1"),), ((None, None),))
def test_an_erased_person_is_known_unless_year_or_commune_contradict(erased, row):
    contradict = any(a and b and a != b for a, b in zip(erased, row, strict=True))
    is_known = not {*identity.erased_as("an", *erased)}.isdisjoint(identity.may_be_erased_as("an", *row))
    assert is_known is not contradict


def described(name, birth=None, area=None, sex=None):
    return {"name": name, "birth_year": birth, "area_code": area, "sex": sex}


@cases(
    (described("Y Hlum", 1960, "1"), described("y hlum", 1960, "1"), "name_and_birth", "name_and_number"),
    (described("Y Hlum", 1960, "1"), described("Y Hlum", 1960), "name_and_birth", "name_and_number"),
    (described("Lê Thị Hoa", 1960), described("Lê Thị Ngọc Hoa", 1960), "name_and_birth", "name_and_number"),
    (described("Y Hlum", 1960, "1"), described("Y Hlum", 1960, "2"), None, "name_and_number"),
    (described("Y Hlum"), described("Y Hlum"), None, "name_and_number"),
    (described("Y Hlum", 1960), described("A Thun", 1960), None, "number_and_birth"),
    (described("Y Hlum"), described("A Thun"), None, None),
    (described("Y Hlum", 1960), described("Y Hlum", 1961), None, None),
    (described("Y Hlum", 1960, sex="f"), described("Y Hlum", 1960, sex="m"), None, None),
)
def test_who_may_be_one(one, other, apart, sharing):
    assert (
        identity.likeness(one, other, share_number=False),
        identity.likeness(one, other, share_number=True),
    ) == (apart, sharing)


@cases(
    ("ĐỖ THỊ NGỌC HOA", "Đỗ Thị Ngọc Hoa"),
    ("Y KRƯK", "Y Krưk"),
    ("H'HEN NIÊ", "H'Hen Niê"),
    ("A LÂU (BÍ THƯ)", "A Lâu (Bí Thư)"),
    ("LÊ THỊ Hoa", "LÊ THỊ Hoa"),  # as somebody chose to write it
    ("K'Brêu", "K'Brêu"),
    ("đỗ thị hoa", "Đỗ Thị Hoa"),
    ("A", "A"),
    ("", ""),
)
def test_a_name_in_one_case_gets_capital_initials(written, shown):
    assert identity.soften_name(written) == shown


@cases(
    ["Dak Hring", "Đăk Mar", "Em", "Êm", "Yên"],
    ["an", "ăn", "ân", "ba"],
    ["ma", "mà", "mả", "mã", "má", "mạ", "mab"],
    ["Thôn 1", "Thôn 2", "Thôn 10", "Thôn Đăk Mút"],
    ["Hội Nông dân", "Hội Phụ nữ", "Ủy ban", "Văn phòng"],
    ["Đak", "Đăk", "Đắk", "Đăm"],
    ["ô", "ơ", "p"],
    ["u", "ư", "v"],
)
def test_order(names):
    assert sorted(set(names), key=identity.vietnamese_order) == names


PEOPLE = [
    *("Lê An", "Nguyễn Văn An", "Trần Thị Án", "Lê Anh", "Lê Ân", "Y Biên", "A Dung", "Lê Dung"),
    *("Lê Dũng", "A Đung", "Đỗ Đức", "Lê Hòa", "Lê Hoan", "Lê Thủy", "Y Ƀrech"),
]


def test_people_stand_by_given_name_with_the_tone_after_its_letters():
    assert sorted({*PEOPLE}, key=identity.name_order) == PEOPLE
    assert max(len(identity.name_order(each)) for each in (*PEOPLE, "Đường " * 20)) <= 160
    assert identity.name_order(" - ") == ""


@pytest.mark.parametrize("typed", ["a", "an", "dung", "d", "ho", "thuy", "duc", "ouoadeou", "x"])
@pytest.mark.parametrize("most", [1, 4, 16])
def test_what_is_typed_without_marks_is_found_in_order(typed, most):
    starts = identity.order_ranges(typed, most=most)
    assert len(starts) <= most
    found = [
        each
        for start in starts
        for each in PEOPLE
        if identity.name_order(each).startswith(start) and f"\t{typed}" in identity.name_order(each)
    ]
    assert found == [each for each in PEOPLE if identity.given_key(each).startswith(typed)]
