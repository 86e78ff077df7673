"""Places of the whole nation, before and after 1/7/2025. `make places` measures them all; here a part of them."""

from datetime import date
from itertools import islice

import pytest

from benchmarks.places import all_measures, measure
from outreach.places.areas import former_units, gazetteer_of, units_of, units_of_today
from outreach.rules.errors import BadInput
from outreach.rules.gazetteer import PlaceMatch
from tests.support.tables import cases, each_of

TODAY = date(2026, 1, 1)
QUANG_NGAI = gazetteer_of(frozenset(("51",)), TODAY)


def question(*codes, likely=None):
    return PlaceMatch(None, codes, likely)


def test_every_former_unit_became_one_or_more_of_today():
    former, today = former_units(), units_of_today()
    assert (len(former), len(today)) == (10_035 + 5, 3_321)
    successors = {code for unit in former.values() for code in unit.successors}
    assert successors == today.keys()
    assert sum(len(unit.successors) > 1 for unit in former.values()) == 441


@pytest.mark.parametrize(("title", "cases"), list(all_measures()), ids=lambda value: str(value)[:40])
def test_no_commune_is_taken_for_another_or_lost(title, cases):
    counts = measure(islice(cases, 0, None, 53))
    assert {*counts} <= {"right", "question"}
    if "full" in title and "before, split" not in title and "full name in its" not in title:
        assert {*counts} == {"right"}
    if "split" in title:
        assert {*counts} == {"question"}


@cases(
    *each_of("Xã Đăk Hà, Tỉnh Quảng Ngãi | thị trấn Đăk Hà", PlaceMatch("23500")),
    ("xã Đăk Hà", question("23425", "23500")),  # of today, and a former one of Tu Mơ Rông
    ("xã Đăk Hà, tỉnh Kon Tum", question("23425", "23500")),
    *each_of("xã Đắk Hà, huyện Tu Mơ Rông | H. Tu Mơ Rông, X. Đắk Hà", PlaceMatch("23425")),
    *each_of("xa Dak Hring huyen Dak Ha tinh Kon Tum | dak hring dak ha kon tum", PlaceMatch("23512")),
    *each_of("Đăk-Hring - Đăk-Hà | X. Đăk Hring, H. Đăk Ha, T. Kon Tum", PlaceMatch("23512")),
    ("Đăk Hring H.Đăk Hà KonTum", PlaceMatch("23512")),
    ("xã Đăk Hà, huyện Tu Mơ Rôngg", PlaceMatch("23425")),  # the district is misspelt
    ("xã Đăk Hring, huyện Tu Mơ Rông", PlaceMatch()),  # it never lay there
    *each_of("Đặc khu Lý Sơn | ĐK. Lý Sơn | huyện đảo Lý Sơn", PlaceMatch("21548")),
    ("xã Đăk Hring, tỉnh Gia Lai", PlaceMatch()),  # another province
    *each_of("Tân Lập, Lâm Đồng | thôn 4", PlaceMatch()),
    ("", PlaceMatch()),
)
def test_places_of_quang_ngai_today(text, expected):
    assert QUANG_NGAI.match(text) == expected


@cases(
    ("68", "Phường Xuân Hương - Đà Lạt", "24781"),
    ("68", "P. Xuân Hương-Đà Lạt, tỉnh Lâm Đồng", "24781"),
    ("68", "phuong xuan huong da lat", "24781"),
    ("01", "Phường Văn Miếu - Quốc Tử Giám, Hà Nội", "00226"),
    ("79", "P.2, Q.3, TP.HCM", "27154"),
    ("79", "Phường 02, Quận 3, TPHCM", "27154"),
    ("79", "Phuong Ben Nghe Quan 1 TPHCM", "26740"),
    ("79", "F12 Q Gò Vấp", "26882"),
    ("79", "Phường Sài Gòn", "26740"),
    ("42", "xã Kỳ Hà, thị xã Kỳ Anh", "18781"),
    ("33", "Xã Ngọc Lâm Thị xã Mỹ Hào", "12133"),  # "thị xã" is one word, and no commune
    ("38", "phuong dong son thi xa bim son", "14812"),
    ("", "xã Mỹ Hưng, huyện Quảng Hòa, Cao Bằng", "01648"),
    ("", "xã Phú Thịnh, huyện Yên Sơn, Tuyên Quang", "02494"),
    ("", "huyện Côn Đảo, Bà Rịa - Vũng Tàu", "26732"),
)
def test_places_of_other_provinces_today(province, text, code):
    assert gazetteer_of(frozenset(filter(None, (province,))), TODAY).match(text) == PlaceMatch(code)


def test_a_split_unit_is_a_question_with_the_likely_successor_named():
    split = next(unit for unit in units_of(frozenset(("51",)), TODAY) if unit.likely)
    match = QUANG_NGAI.match(f"{split.name}, {split.districts[0]}")
    assert match == question(*sorted(split.codes))
    assert match.likely == split.likely
    assert match.former == split.name


def test_a_province_that_ended_stands_for_what_became_of_it():
    kon_tum = gazetteer_of(frozenset(("62",)), TODAY)
    assert kon_tum.match("Đăk Hring") == PlaceMatch("23512")
    assert kon_tum.match("Phường Kon Tum") == PlaceMatch("23293")
    assert kon_tum.match("Đặc khu Lý Sơn") == PlaceMatch()


def test_an_unknown_province_is_an_error():
    with pytest.raises(BadInput):
        gazetteer_of(frozenset(("999",)), TODAY)
    with pytest.raises(BadInput):
        gazetteer_of(frozenset(("03",)), date(2020, 8, 20))


def test_a_hostile_text_costs_no_time():
    for text in (" " * 100_000, "-" * 100_000, "xã " * 50_000, "a, " * 50_000, "tt." * 50_000):
        assert QUANG_NGAI.match(text) == PlaceMatch()


@cases(
    ("UBND XÃ ĐĂK HRING, HUYỆN ĐĂK HÀ NĂM 2024", ("đăk hring", PlaceMatch("23512"))),
    ("Hội LHPN phường Kon Tum tỉnh Quảng Ngãi", ("kon tum", PlaceMatch("23293"))),
    *each_of("DANH SÁCH HỘI VIÊN | xã hội hóa giáo dục", ("", PlaceMatch())),
    ("", ("", PlaceMatch())),
)
def test_a_title_names_a_commune_only_where_it_is_marked_as_one(title, expected):
    assert QUANG_NGAI.match_title(title) == expected
