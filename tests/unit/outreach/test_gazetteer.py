"""Which commune a cell means. The names and codes are those of Kon Tum in 2020."""

import csv
from pathlib import Path

from outreach.places import areas
from outreach.rules.gazetteer import Gazetteer, PlaceMatch
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
