"""Names in Vietnamese order."""

import pytest

from outreach.rules.identity import given_key, name_order, order_ranges, vietnamese_order
from tests.support.tables import cases


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
    assert sorted(set(names), key=vietnamese_order) == names


PEOPLE = [
    *("Lê An", "Nguyễn Văn An", "Trần Thị Án", "Lê Anh", "Lê Ân", "Y Biên", "A Dung", "Lê Dung"),
    *("Lê Dũng", "A Đung", "Đỗ Đức", "Lê Hòa", "Lê Hoan", "Lê Thủy", "Y Ƀrech"),
]


def test_people_stand_by_given_name_with_the_tone_after_its_letters():
    assert sorted({*PEOPLE}, key=name_order) == PEOPLE
    assert max(len(name_order(each)) for each in (*PEOPLE, "Đường " * 20)) <= 160
    assert name_order(" - ") == ""


@pytest.mark.parametrize("typed", ["a", "an", "dung", "d", "ho", "thuy", "duc", "ouoadeou", "x"])
@pytest.mark.parametrize("most", [1, 4, 16])
def test_what_is_typed_without_marks_is_found_in_order(typed, most):
    starts = order_ranges(typed, most=most)
    assert len(starts) <= most
    found = [
        each
        for start in starts
        for each in PEOPLE
        if name_order(each).startswith(start) and f"\t{typed}" in name_order(each)
    ]
    assert found == [each for each in PEOPLE if given_key(each).startswith(typed)]
