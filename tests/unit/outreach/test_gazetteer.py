"""Which commune a cell means, in Kon Tum in 2020 and in the nation before and after 1/7/2025; units of another day."""

import csv
from datetime import date
from itertools import islice
from pathlib import Path

import pytest

from outreach.places import areas
from outreach.places.areas import former_units, gazetteer_of, units_of, units_of_today
from outreach.rules.errors import BadInput
from outreach.rules.gazetteer import Gazetteer, Ground, PlaceMatch, UnitsOfDay, known_ground, sort_ground
from tests.places import all_measures, measure
from tests.support.places import KONTUM_2020
from tests.support.tables import cases, each_of

UNITS = Path(areas.__file__).with_name("kontum_units.csv")
GAZETTEER = KONTUM_2020
DAK_LONG = PlaceMatch(None, ("23368", "23504"))
DAK_HA = PlaceMatch(None, ("23425", "23500"))


def units():
    with UNITS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_commune_is_found_by_its_own_name_and_district():
    for unit in units():
        found = GAZETTEER.match(unit["commune_name"], unit["district_name"])
        assert found == PlaceMatch(unit["commune_code"]), unit


def test_only_two_names_collide_in_the_province():
    doubtful = {unit["commune_name"] for unit in units() if GAZETTEER.match(unit["commune_name"]).candidates}
    assert doubtful == {"Đắk Long", "Đăk Long", "Đắk Hà"}


@cases(
    *each_of("Dak Cam | X. ĐẮK CẤM | Đăk Cấm | Đắc Cấm | ĐăkCấm", "23311"),
    *each_of("Ngọk Réo | Ngọc Reo", "23518"),
    *each_of("Măng Bút | Mang Buk", "23458"),
    *each_of("xã KRoong | Kroong", "23314"),
    *each_of("Đắk KRoong | Đăk Krong", "23371"),
    *each_of("Hoà Bình | Xã Hòa Bình", "23338"),
    *each_of("Ya ly | Ia Ly", "23554"),
    ("Đắk Rơwa", "23335"),
    ("Đăk Pxy", "23503"),
    ("Đắk R’ve", "23479"),
    ("Đắk Pét", "23353"),
    *each_of("Bo Y | Pờ Y", "23395"),
    ("xã Đăk Plô", "23344"),
    ("ĐắkPne", "23491"),
    ("ĐắkRơÔng", "23417"),
    *each_of("P. Lê Lợi | P.Lê Lợi", "23302"),
    ("T.T Sa Thầy", "23527"),
    ("Thị trấn Măng Đen", "23473"),
    ("xã Sa Thầy", "23527"),  # the kind is wrong, but there is only one
    ("Thôn 4, xã Đắk La", "23524"),
    ("Quyết Thắng, Kon Tum", "23287"),
    ("Đắk Ta\u0306ng", "23461"),  # decomposed
)
def test_spellings_of_a_name_that_is_unique_in_the_province(text, code):
    assert GAZETTEER.match(text) == PlaceMatch(code)


@cases(
    ("Đắk Long", None, DAK_LONG),
    ("xã Đăk Long", "", DAK_LONG),
    ("Dak Long", "Sa Thầy", DAK_LONG),  # neither lies there
    ("Đắk Long", "Đắk Glei", PlaceMatch("23368")),
    ("Đắk Long", "H. Dak Ha", PlaceMatch("23504")),
    ("Đắk Long (Đắk Glei)", None, PlaceMatch("23368")),
    *each_of("xã Đắk Long, huyện Đắk Hà, tỉnh Kon Tum | Đắk Long H.Đắk Hà", None, PlaceMatch("23504")),
    ("xã Đăk Long", "Kon Plông", PlaceMatch("23473")),  # until 2019; Măng Đen since
    ("Đắk Long, H. KonPlong", None, PlaceMatch("23473")),
    ("Đắk Hà", None, DAK_HA),
    ("TT. Đắk Hà", None, PlaceMatch("23500")),  # the kind tells the town from the commune
    ("T.T Dak Ha", None, PlaceMatch("23500")),
    ("xã Đắk Hà", None, PlaceMatch("23425")),
    ("Đắk Hà", "Tu Mơ Rông", PlaceMatch("23425")),
)
def test_colliding_names_are_settled_by_kind_or_district_or_left_open(text, district, expected):
    assert GAZETTEER.match(text, district) == expected


@cases(("Quyết Thắn", "23287"), ("Đắk Ruôg", "23488"), ("Trần Hưng Đao", "23308"), ("Măng Cànhh", "23470"))
def test_a_slip_of_one_letter_in_a_long_name_is_mended(text, code):
    assert GAZETTEER.match(text) == PlaceMatch(code)


@cases("Đắk Min", "Đắk Non", "Duy Tâm", "Tân Lộc", "Hà Nội", "Kon Tum", "", " - ", "TT")
def test_a_name_that_is_near_several_or_none_is_not_guessed(text):
    assert GAZETTEER.match(text) == PlaceMatch()


@cases(
    *each_of("Thôn 4, xã Đắk La, huyện Đắk Hà | Thôn 4 xã Đắk La huyện Đắk Hà | X. Đắk La", "23524"),
    ("Thôn 4, Đắk La, Đắk Hà", "23524"),
    ("TDP 4, TT Đắk Hà", "23500"),
    ("45 Trần Phú, P. Quyết Thắng, TP Kon Tum", "23287"),
    ("Thôn 4, Đắk Long, Đắk Glei", "23368"),
    ("Làng Kon Rbàng - Ngọk Bay", "23317"),
)
def test_a_commune_is_found_in_an_address(address, code):
    assert GAZETTEER.match_address(address) == PlaceMatch(code)


@cases(
    "Đắk La",  # a village may be called so
    *each_of("Thôn 4 | Thôn 4, tổ 2 | Thôn 4, Đắk Laa"),
    "",
)
def test_an_address_that_names_no_commune_for_sure_gives_none(address):
    assert GAZETTEER.match_address(address) == PlaceMatch()


@cases(
    ("Thôn 4, Đắk Hà", ("23425", "23500")),  # the district or one of its communes
    ("Tổ 1, Sa Thầy, Kon Tum", ("23527",)),
    *each_of("Thôn 4, Hà Mồm, Đắk Hà | Hà Mồm, Đắk Hà", ("23521",)),
)
def test_a_place_that_may_be_its_district_or_is_misspelt_in_it_is_asked_about(text, candidates):
    assert GAZETTEER.match_address(text) == PlaceMatch(None, candidates)


def test_an_empty_gazetteer_knows_no_place():
    assert Gazetteer([]).match("Đắk Cấm") == PlaceMatch()


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


# Until 2025: A and B went whole into X; C was split between X and Y; D alone became Z. In 2026 Z was split into Z1 and Z2.
PAIRS = [("A", "X"), ("B", "X"), ("C", "X"), ("C", "Y"), ("D", "Z"), ("Z", "Z1"), ("Z", "Z2")]
BEFORE, SINCE_2025, SINCE_2026 = "ABCD", "XYZ", ("X", "Y", "Z1", "Z2")


@cases(
    (SINCE_2025, {"A": "X", "B": "X", "C": "XY", "D": "Z", "X": "X", "Z1": "Z", "Z2": "Z"}),
    (BEFORE, {"X": "ABC", "Y": "C", "Z": "D", "A": "A", "Z1": "D"}),
    (SINCE_2026, {"A": "X", "D": ("Z1", "Z2"), "Z": ("Z1", "Z2"), "Y": "Y"}),
    (SINCE_2025, {"nowhere": ""}),
)
def test_the_ground_of_a_unit_on_another_day(day, ground):
    units = UnitsOfDay([*day], PAIRS)
    assert {code: units.ground_of(code) for code in ground} == {
        code: frozenset(places) for code, places in ground.items()
    }


def test_reforms_in_a_circle_end():
    assert UnitsOfDay(["C"], [("A", "B"), ("B", "A")]).ground_of("A") == frozenset()


def places_on(day, codes):
    units = UnitsOfDay([*day], PAIRS)
    return {code: units.ground_of(code) for code in codes}


def test_whole_units_are_counted_exactly_and_split_ones_as_a_range():
    assert sort_ground(places_on(SINCE_2025, "ABCD")) == {
        "X": Ground(["A", "B"], ["C"]),
        "Y": Ground([], ["C"]),
        "Z": Ground(["D"], []),
    }
    assert sort_ground(places_on(BEFORE, "XYZ")) == {
        "A": Ground([], ["X"]),
        "B": Ground([], ["X"]),
        "C": Ground(["Y"], ["X"]),
        "D": Ground(["Z"], []),
    }


def test_a_figure_of_a_part_is_no_figure_of_the_whole():
    ground = places_on(SINCE_2025, "ABCD")
    assert set(known_ground("ABC", ground)) == {"X", "Y"}
    assert set(known_ground("ABD", ground)) == {"Z"}


def test_the_nation_reads_in_both_directions_and_loses_nobody():
    former, today = former_units(), units_of_today()
    keys = {code: f"{code}-2024" for code in former}
    pairs = [(keys[unit.code], code) for unit in former.values() for code in unit.successors]
    forwards, backwards = UnitsOfDay(today, pairs), UnitsOfDay(keys.values(), pairs)
    whole = {unit.code for unit in former.values() if len(unit.successors) == 1}
    assert {code for code in former if len(forwards.ground_of(keys[code])) == 1} == whole
    assert all(forwards.ground_of(key) for key in keys.values())
    assert all(backwards.ground_of(code) for code in today)
    # One of today's communes that came from a single former one, or a part of one, reads back exactly.
    exact = sum(len(backwards.ground_of(code)) == 1 for code in today)
    assert 0 < exact < len(today)
