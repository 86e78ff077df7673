"""What is read of safety: status, people, needs and a position, from texts as they are written; and what follows."""

import time
from datetime import UTC, datetime

from campaigns.rules import safety
from tests.support.tables import cases, each_of

SAFE, HELP = safety.SafetyStatus.SAFE, safety.SafetyStatus.HELP
HERE = safety.Position(16.04712, 108.20678)


@cases(
    (SAFE, True, HELP, False, True),  # a cry counts from anybody
    (HELP, True, SAFE, True, True),
    (HELP, False, SAFE, True, True),
    (HELP, False, SAFE, False, False),
    (SAFE, True, SAFE, False, False),
    (SAFE, False, SAFE, False, True),
)
def test_what_anybody_may_have_typed_replaces_no_cry_and_nothing_said_by_the_number(
    known, is_known_verified, said, is_verified, counts
):
    found = safety.may_replace(known, said, is_known_verified=is_known_verified, is_verified=is_verified)
    assert found is counts


@cases(
    *each_of(
        "16.04712, 108.20678 | 16.04712 108.20678 | 16,04712; 108,20678 | 16.04712°N 108.20678°E | "
        "geo:16.04712,108.20678 | https://maps.google.com/?q=16.04712,108.20678 | "
        "https://www.google.com/maps?q=16.04712%2C108.20678&z=17 | "
        "https://www.google.com/maps/search/?api=1&query=16.04712,108.20678 | "
        "https://www.google.com/maps/@16.04712,108.20678,17z | "
        "https://www.google.com/maps/place/Nha/@16.1,108.1,15z/data=!3m1!4b1!4m5!3d16.04712!4d108.20678?entry=ttu | "
        "https://maps.apple.com/?ll=16.04712,108.20678&t=m | "
        "https://www.openstreetmap.org/?mlat=16.04712&mlon=108.20678#map=17 | "
        "16°02'49.632\"N 108°12'24.408\"E"
    ),
    "108.20678,16.04712",  # the other way round
)
def test_a_position_is_read_however_it_is_pasted_and_taken_out_of_the_text(text):
    found, masked = safety.find_position(f"cứu với {text}")
    assert found == HERE
    assert masked.split() == ["cứu", "với", *safety.MASKED.split()]


@cases(
    *each_of(
        "ngày 16.09.2025 | gọi 0905.000.123 | cap 12.5, gió 108.2 km | https://maps.app.goo.gl/AbCdEf123 | "
        "1.500.000 đồng, 2.300.000 đồng"
    ),
    "48.85837, 2.29448",  # Paris
)
def test_what_is_no_position_in_vietnam_stays_as_it_is(text):
    assert safety.find_position(text) == (None, text)


@cases(f"15.1234{' ' * 200}x", "http://" * 4_000, "ca nha toi " * 26, f"an toan{' ca nha' * 26} x")
def test_no_text_keeps_its_reader_busy(text):
    started = time.process_time()
    safety.read_safety(text)
    assert time.process_time() - started < 2


@cases(
    ("16.047123456", "108.206781", safety.Position(16.04712, 108.20678)),
    ("", "", None),
    ("nan", "inf", None),
    ("1e1", "108", None),
    ("0", "0", None),
    ("16", "108", safety.Position(16.0, 108.0)),
)
def test_a_browsers_position_is_checked(latitude, longitude, expected):
    assert safety.read_position(latitude, longitude) == expected


@cases(
    *each_of("AN TOAN | an toàn | Gia dinh toi an toan a", SAFE, None, ()),
    *each_of("Tôi và gia đình vẫn an toàn, cảm ơn cán bộ | cả nhà đều an toàn rồi", SAFE, None, ()),
    *each_of("chưa an toàn | khong an toan | ở đây có an toàn không? | an toàn?", None, None, ()),
    ("CUU 5 nguoi mai nha", HELP, 5, (safety.Need.BOAT,)),
    ("CỨU", HELP, None, ()),
    ("cuu voi, 12 nguoi dang o tren noc nha", HELP, 12, (safety.Need.BOAT,)),
    ("cứu ba người, có bà bầu sắp sinh", HELP, 3, (safety.Need.BIRTH,)),
    (
        "cuu, bi thuong, het gao, het thuoc",
        HELP,
        None,
        (safety.Need.WOUNDED, safety.Need.MEDICINE, safety.Need.FOOD),
    ),
    ("Cứu trợ đã nhận, cảm ơn", None, None, ()),
    ("cừu nhà tôi chết hết", None, None, ()),
    ("nha toi bi co lap", None, None, (safety.Need.ISOLATED,)),
    ("16.04712, 108.20678", HELP, None, ()),
    ("em o 16.04712, 108.20678 ba gio co gao", HELP, None, (safety.Need.FOOD,)),
    ("AN TOAN 16.04712, 108.20678", SAFE, None, ()),
    ("", None, None, ()),
)
def test_safety_is_read_by_plain_words(text, status, people, needs):
    said = safety.read_safety(text)
    assert (said.status, said.people, said.needs) == (status, people, needs)


@cases(
    ([safety.Need.BIRTH, safety.Need.FOOD], None, True, 3),
    ([safety.Need.WOUNDED], 1, False, 3),
    ([safety.Need.BOAT], 2, True, 2),
    ([], None, True, 2),  # who says nothing may be worst off
    ([safety.Need.FOOD], 12, True, 2),
    ([safety.Need.FOOD], 3, True, 1),
    ([], None, False, 0),
)
def test_danger_orders_the_cries(needs, people, is_cry, danger):
    assert safety.danger_of(needs, people, is_cry=is_cry) == danger


def test_a_case_is_new_taken_and_on_the_way():
    at = datetime(2026, 11, 30, tzinfo=UTC)
    states = ((False, None), (True, None), (True, at))
    assert [safety.state_of(taken=taken, handed_at=handed) for taken, handed in states] == list(
        safety.CryState
    )


def test_cases_at_one_place_are_found_by_nearness_or_by_the_same_words():
    cries = [
        safety.CryPlace(1, HERE, "24", ""),
        safety.CryPlace(2, safety.Position(16.0475, 108.2069), "24", ""),  # 44 m away
        safety.CryPlace(3, safety.Position(16.0512, 108.2069), "24", ""),  # 450 m
        safety.CryPlace(4, None, "24", "Thôn 3, gần nhà rông"),
        safety.CryPlace(5, None, "24", "thon 3 gan nha rong"),
        safety.CryPlace(6, None, "25", "thon 3 gan nha rong"),  # another commune
        safety.CryPlace(7, None, "24", "thôn 3"),  # too little said
        safety.CryPlace(8, None, "24", "thôn 3"),
        safety.CryPlace(9, HERE, "26", "Gần nhà rông"),
        safety.CryPlace(
            10, safety.Position(16.2, 108.3), "26", "gần nhà rông"
        ),  # positions tell more than words
    ]
    assert safety.same_places(cries[:8]) == {2: 1, 5: 4}
    assert safety.same_places(cries[8:]) == {}


@cases(
    ({1: 1, 2: 1}, [1, 1]),
    ({1: 1, 2: 1, 3: 2}, [1, 1, 1]),  # what a case was joined to was joined on, or reopened below another
    ({1: 2, 2: 3, 3: 1, 4: 3}, [1, 1, 1, 1]),  # a ring, and one that was joined to it
)
def test_no_case_is_hidden_below_one_that_belongs_to_another(joined, leads):
    assert [safety.lead_of(each, joined) for each in joined] == leads


def test_what_is_typed_is_read_or_left_out():
    assert [safety.read_people(text) for text in ("5", " 12 ", "", "nhiều", "0", "9999")] == [
        5,
        12,
        *[None] * 4,
    ]
    assert safety.chosen_needs(["food", "boat", "gold"]) == ["boat", "food"]
