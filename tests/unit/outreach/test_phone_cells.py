"""What each cell of a phone column becomes. Numbers are sample numbers: +84 xxx 000 xxx."""

import datetime
import random
import re

import phonenumbers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from outreach.rules import phone_numbers
from outreach.rules.phone_numbers import PhoneCell, PhoneStatus, PhoneWarning, Reason, read_phone_cell
from tests.support.tables import cases, each_of, words

A, B, C = "+84905000123", "+84913000248", "+84866000377"
LEGACY, ZERO, EXACT, SEVERAL, TWICE, TEXT, LANDLINE, _STRUCK = PhoneWarning


def ok(*numbers, warnings=()):
    return PhoneCell(PhoneStatus.OK, numbers, None, tuple(warnings))


def review(reason, *numbers, warnings=()):
    return PhoneCell(PhoneStatus.REVIEW, numbers, reason, tuple(warnings))


def reject(reason):
    return PhoneCell(PhoneStatus.REJECT, (), reason, ())


@cases(
    *each_of(
        "0905000123 | 0905 000 123 | 0905.000.123 | 0905-000-123 | 0905–000—123 | 0905‑000‑123 | "
        "0905_000_123 | 0905,000,123 | 0905·000·123 | 0905/000/123 | 0905 - 000 - 123 | (0905) 000123 | "
        "0905000123; | 0 9 0 5 0 0 0 1 2 3 | 09 05 00 01 23 | '0905000123 | 0905000123.0 | ０９０５０００１２３ | "
        "٠٩٠٥٠٠٠١٢٣ | ☎ 0905000123 | 0905000123² | +84905000123 | + 84 905 000 123 | (+84) 905 000 123 | "
        "(84)905000123 | 84.905000123 | 84 90 500 0123 | 0084905000123 | 00 84 905 000 123 | "
        '+84(0)905000123 | +84 (0) 905 000 123 | 840905000123 | +0905000123 | ="0905000123" | '
        "0905\u200b000\u200d123 | \u202a0905000123\u202c | \u200e0905000123 | \ufeff0905000123 | "
        "0905\xa0000\xa0123 | 0905\xad000123"
    ),
    " 0905000123 ",
    84905000123,
    84905000123.0,
)
def test_one_mobile_however_it_is_written(cell):
    assert read_phone_cell(cell) == ok(A)


@cases(
    *each_of("905000123 | 905.000.123 | 905000123.0 | 905.000.123,00", ok(A, warnings=[ZERO])),
    ("59 300 09 30", ok("+84593000930", warnings=[ZERO])),
    (905000123, ok(A, warnings=[ZERO])),
    (905000123.0, ok(A, warnings=[ZERO])),
    *each_of("9.05000123E+08 | 9,05000123E+08 | 8.4905000123E+10", ok(A, warnings=[EXACT])),
    ("1.225000123E+09", ok("+84775000123", warnings=[LEGACY, EXACT])),
    ("9.0500012E+08", reject(Reason.LOSSY_SCIENTIFIC)),  # one digit too few
    *each_of("9.05E+08 | 3,85E+08", reject(Reason.LOSSY_SCIENTIFIC)),
    (385000000.0, reject(Reason.LOSSY_SCIENTIFIC)),  # 3.85E+08 saved again as a number
    ("385000001", ok("+84385000001", warnings=[ZERO])),
    ("9.050001235E+08", reject(Reason.NO_VALID_NUMBER)),
    (905000123.5, reject(Reason.NO_VALID_NUMBER)),
    (-905000123, reject(Reason.NO_VALID_NUMBER)),
)
def test_what_spreadsheets_do_to_numbers(cell, expected):
    assert read_phone_cell(cell) == expected


@cases(
    *[("120", "70"), ("121", "79"), ("122", "77"), ("126", "76"), ("128", "78")],
    *[("123", "83"), ("124", "84"), ("125", "85"), ("127", "81"), ("129", "82")],
    *[("162", "32"), ("163", "33"), ("164", "34"), ("165", "35"), ("166", "36"), ("167", "37")],
    *[("168", "38"), ("169", "39"), ("186", "56"), ("188", "58"), ("199", "59")],
)
def test_eleven_digit_numbers_of_before_2018_are_converted(old, new):
    converted = ok(f"+84{new}5000126", warnings=[LEGACY])
    for cell in (f"0{old}5000126", f"(0{old}) 5000126", f"+84(0){old}5000126", f"84{old}5000126"):
        assert read_phone_cell(cell) == converted
    assert read_phone_cell(f"{old}5000126") == ok(f"+84{new}5000126", warnings=[LEGACY, ZERO])


@cases("0130", "0160", "0161", "0187", "0189", "0198")
def test_other_eleven_digit_prefixes_never_existed(prefix):
    assert read_phone_cell(f"{prefix}5000126") == reject(Reason.INVALID_PREFIX)


@cases(
    *each_of("0845000123 | 840845000123", ok("+84845000123")),
    ("845000123", ok("+84845000123", warnings=[ZERO])),  # nine digits: VinaPhone without its zero
    ("84845000123", ok("+84845000123")),  # eleven: the country code
    ("8450001234", reject(Reason.TOO_SHORT)),  # ten can be neither
    ("084905000123", review(Reason.UNPARSED_REMAINDER, A)),  # +84 mistyped, or an identity number
)
def test_84_is_a_country_code_or_the_start_of_a_number(cell, expected):
    assert read_phone_cell(cell) == expected


@cases(
    *each_of("090500012 | 90500012 | +8490500012 | 0126200069 | 12 | 090500012?", Reason.TOO_SHORT),
    ("0905***123", Reason.TOO_SHORT),
    *each_of("0905 000 1234 | +849050001234 | 9050001234", Reason.TOO_LONG),
    (10**400, Reason.TOO_LONG),
    *each_of("0735000130 | 0715000128 | 84735000130", Reason.INVALID_PREFIX),
)
def test_wrong_lengths_and_prefixes_are_rejected(cell, reason):
    assert read_phone_cell(cell) == reject(reason)


@cases(
    *each_of("0905000123/0913000248 | 0905000123 và 0913000248", ok(A, B, warnings=[SEVERAL])),
    ("0905 000 123 hoặc 0913 000 248", ok(A, B, warnings=[SEVERAL])),
    *each_of("0905.000.123-0913.000.248 | 0905 000 123 0913 000 248", ok(A, B, warnings=[SEVERAL])),
    *each_of("0905000123 + 0913000248 | +84905000123 +84913000248", ok(A, B, warnings=[SEVERAL])),
    ("0905000123\n0913000248", ok(A, B, warnings=[SEVERAL])),
    ("0905000123|0913 000 248", ok(A, B, warnings=[SEVERAL])),
    ("0905000123, 0913000248; 0866000377", ok(A, B, C, warnings=[SEVERAL])),
    ("0905000123/913000248", ok(A, B, warnings=[ZERO, SEVERAL])),
    ("01225000123 & 0913000248", ok("+84775000123", B, warnings=[LEGACY, SEVERAL])),
    ("0905000123 / +84 905 000 123", ok(A, warnings=[TWICE])),
    ("01225000123 - 0775000123", ok("+84775000123", warnings=[LEGACY, TWICE])),
    *each_of("0905000123 / 02603000620 | 0260 3000 351 - 0905000123", ok(A, warnings=[LANDLINE])),
    *each_of("0905000123/079800016 | 079800016/0905000123", review(Reason.SECOND_NUMBER_TOO_SHORT, A)),
    *each_of("0905 000 123 - 079800016 | 0905000123/124", review(Reason.SECOND_NUMBER_TOO_SHORT, A)),
    *each_of("0905000123/0735000130 | 0905000123 + 913000248", review(Reason.UNPARSED_REMAINDER, A)),
    ("09050001230913000248", review(Reason.CONCATENATED_NUMBERS, A, B, warnings=[SEVERAL])),
    ("905000123913000248", review(Reason.CONCATENATED_NUMBERS, A, B, warnings=[ZERO, SEVERAL])),
    ("0905000123091300024", reject(Reason.TOO_LONG)),
    *each_of("02603000158; 02603000159 | 0260300015802603000159; 02603000158", reject(Reason.LANDLINE)),
    ("0000000000 - 02603000159", reject(Reason.PLACEHOLDER)),
)
def test_several_numbers_in_one_cell(cell, expected):
    assert read_phone_cell(cell) == expected


@cases(
    ("0905000123 gọi giờ hành chính", ok(A, warnings=[TEXT])),
    ("A Tuấn: 0905 000 123", ok(A, warnings=[TEXT])),
    ("0905 000 123 (mới)", ok(A, warnings=[TEXT])),
    ("ĐT0905000123", ok(A, warnings=[TEXT])),
    ("0905000123 gọi sau 17h30", ok(A, warnings=[TEXT])),
    ("SĐT 1: 0905000123, SĐT 2: 0913000248", ok(A, B, warnings=[SEVERAL, TEXT])),
    *each_of(
        "0905000123 (sai số) | 0905000123 (cũ) | không phải 0905000123 | 0905000123x | 0905000123 tổ 3 | "
        "không có, gọi nhờ 0905000123 | CMND 233000123, ĐT 0905000123",
        review(Reason.UNPARSED_REMAINDER, A, warnings=[TEXT]),
    ),
    ("0905000123?", review(Reason.UNPARSED_REMAINDER, A)),
    ("0905000123 -> 0913000248", review(Reason.UNPARSED_REMAINDER, A, B, warnings=[SEVERAL])),
    ("0905000123 đổi thành 0913000248", review(Reason.UNPARSED_REMAINDER, A, B, warnings=[SEVERAL, TEXT])),
    # A number cut short beside a stray digit must not pass for a whole one.
    ("09050001 23 tuổi", review(Reason.UNPARSED_REMAINDER, A, warnings=[TEXT])),
    ("090500012 (3)", review(Reason.UNPARSED_REMAINDER, A)),
    ("tổ 9 05000123", review(Reason.UNPARSED_REMAINDER, A, warnings=[ZERO, TEXT])),
    ("090500012 - 3 con", reject(Reason.TOO_SHORT)),
)
def test_words_beside_a_number(cell, expected):
    assert read_phone_cell(cell) == expected


@cases(
    *each_of("0905000123 con Tuấn | gọi nhờ 0905000123 | 0905000123 (của A Na) | 0905000123 người nhà"),
    *each_of(
        "0905000123 hư | 0905000123 (khóa) | 0905000123 bỏ | 0905000123 tắt máy | dùng chung 0905000123"
    ),
    *each_of("0905000123 gọi không được | 0905000123 thuê bao | 0905000123 (mợ) | 0905000123 (Lan-con)"),
    *each_of("nhà bên: 0905000123 | nhà cháu nội: 0905000123 | ĐT thị giả 0905000123 | 0905000123 con dùng"),
)
def test_a_number_that_is_anothers_or_out_of_use_is_for_review(cell):
    assert read_phone_cell(cell).status is PhoneStatus.REVIEW


@cases(
    *each_of(
        "0913000248 hư, gọi 0905000123 | 0905000123 (mới) 0913000248 (cũ) | 0913000248 cũ, mới 0905000123"
    ),
    *each_of("0913000248 (không dùng) - 0905000123 | 0913000248 đã khóa; 0905000123"),
    *each_of("bỏ số cũ 0913000248, số mới 0905000123 | 0905000123 gọi không được thì 0913000248"),
)
def test_of_two_numbers_the_one_that_is_out_of_use_is_left_out(cell):
    assert (read_phone_cell(cell).status, read_phone_cell(cell).numbers) == (PhoneStatus.OK, (A,))


def test_one_sign_between_all_groups_shows_where_a_number_ends():
    assert read_phone_cell("0905.0001.23") == ok(A)
    assert read_phone_cell("0905.0001 23").status is PhoneStatus.REVIEW


@cases("09O5OOO123", "O9O5OOO123", "o905000123", "0905 OOO l23", "0905ООО123")
def test_letters_typed_for_digits_are_for_a_person_to_confirm(cell):
    assert read_phone_cell(cell) == review(Reason.LETTER_SUBSTITUTION, A)


@cases("09O500012", "09OO", "l23")
def test_letters_typed_for_digits_do_not_mend_a_wrong_length(cell):
    assert read_phone_cell(cell).status is PhoneStatus.REJECT


@cases(
    (Reason.MISSING, [None, "", " ", "\u200b", "-", "...", "x", "X", "NULL", "nan", "N/A", "kh«ng cã", "?"]),
    (Reason.MISSING, [float("nan")]),
    (Reason.NO_PHONE_STATED, ["không", "KHÔNG", "không có", "khong co dt", "ko", "k có", "chưa có"]),
    (Reason.NO_PHONE_STATED, ["kho\u0302ng co\u0301", "0 có", "mất máy"]),
    (Reason.NO_PHONE_STATED, ["hộ nghèo, không dùng điện thoại"]),
    (Reason.DITTO, ["nt", "NT.", "-nt-", "như trên", "Như Trên", '"', "”", "〃", "″", "''", "- ” -"]),
    (Reason.SPREADSHEET_ERROR, ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "########"]),
    (Reason.DATE_LIKE, ["27/12/2004", "2004-12-27", "2004-12-27 00:00:00", "5/8/90", "12/2004"]),
    (Reason.DATE_LIKE, ["15-May-90", "5-Thg8", datetime.datetime(2004, 12, 27), datetime.time(1)]),  # noqa: DTZ001
    (Reason.ID_NUMBER, ["233000123", "062090000123", 62090000123.0, "CMND: 332000609"]),
    (Reason.SERVICE_NUMBER, ["113", "114", "115", 113.0, "18001091", "1900 1234", "1900123456", "1022"]),
    (Reason.FOREIGN_NUMBER, ["+856 20 55 000 123", "0085620 55000123", "8562055000123", "+905000123"]),
    (Reason.LANDLINE, ["02603000158", "(0260) 3 000 158", "842603000158", "+84 260 3000158"]),
    (
        Reason.LANDLINE,
        [
            "2603000158",
            "0603000158",
            "060 3 000 158",
            "84603000158",
            "(024) 38000123",
            "máy lẻ 112",
            "Ext. 15",
        ],
    ),
    (Reason.LANDLINE, ["05113000158", "0500 3 000 158", "+84 650 3000158"]),  # three digits until 2017
    (Reason.TOO_LONG, ["0511 000 1234", "0350 000 1234"]),  # no subscriber's number begins with 0
    (Reason.TOO_SHORT, ["90500012.0", "90500012,0", 90500012.0, "9050.0"]),
    (Reason.PLACEHOLDER, ["0", "0000000000", "0" + "9" * 9, "09" * 5, "09" + "0" * 8, "1111111111"]),
    (Reason.PLACEHOLDER, ["0123456789", "0" + "1234567890", "09" + "12345678", "0" + "987654321"]),
    (Reason.NO_VALID_NUMBER, [True, b"0905000123", object(), "/1\u00bd" * 300, float("inf")]),
)
def test_cells_with_nothing_to_text(reason, cells):
    for cell in cells:
        assert read_phone_cell(cell) == reject(reason), cell


def test_seven_equal_digits_at_the_end_are_made_up_and_six_are_not():
    assert read_phone_cell("070" + "0" * 7).reason is Reason.PLACEHOLDER
    assert read_phone_cell("0901000000") == ok("+84901000000")


def test_every_prefix_is_a_mobile_for_us_exactly_where_libphonenumber_says_so():
    for prefix in range(3000, 10_000):
        national = f"{prefix}00123"
        parsed = phonenumbers.PhoneNumber(country_code=84, national_number=int(national))
        says = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
        assert phone_numbers.is_mobile(national) == (says and national[0] in "35789"), national


TAILS = words("000123 123456 987654 012345 111111 000000 121212 500012 345678 876543 0001")
ODD = (
    "",
    *["0", "0905", "０905000123", "0905000१23", "09050001²3", "+905000123", "O905000123"],
    " 905000123",
    "0905 00012",
)
BEGINNINGS = ("05", "09", "33", "12", "98", "77", "55")
MADE_UP = tuple(
    f"09{beginning}{rest}" for beginning in BEGINNINGS for rest in ("050505", "333333", "345678", "765432")
)


def test_a_common_number_is_read_as_any_other(monkeypatch):
    texts = [f"{prefix:04d}{tail}" for prefix in range(1000) for tail in TAILS]
    texts += [f"{prefix:04d}000123"[:length] for prefix in range(1000) for length in (8, 9)]
    texts += [f"{prefix}0001239" for prefix in range(1000, 10_000)]
    texts += (*ODD, *MADE_UP)
    short = {text: read_phone_cell(text) for text in texts}
    taken = {text for text in texts if phone_numbers.read_common_mobile(text)}
    monkeypatch.setattr(phone_numbers, "read_common_mobile", lambda _text: "")
    for text, cell in short.items():
        assert read_phone_cell(text) == cell, text
    assert all(short[text] == PhoneCell(PhoneStatus.OK, (f"+84{text[1:]}",)) for text in taken)
    assert {text[1] for text in taken} == {*"35789"}
    assert taken.isdisjoint(ODD)


_PIECES = words(
    "0905000123 905000123 01225000123 84 + +84 0 (0) 0260 3000158 12 123 / ; . và O l x ? ĐT: CMND E+08"
)
PIECES = st.sampled_from([*_PIECES, "|", " - ", ", ", " ", "\n", "\u200b"])
WRITTEN = st.lists(PIECES, max_size=8).map("".join)
CELLS = st.one_of(
    WRITTEN,
    st.text(max_size=30),
    st.text("0123456789 ./-+OolE", max_size=24),
    st.floats(),
    st.integers(),
    st.none() | st.booleans() | st.dates() | st.datetimes() | st.times() | st.binary(max_size=9),
)
few = settings(max_examples=150, deadline=None)


@few
@given(CELLS)
@example("\ud800")
@example("9" * 5000)
def test_any_cell_is_read_and_only_valid_mobiles_come_out(cell):
    read = read_phone_cell(cell)
    assert (read.status is PhoneStatus.OK) == (read.reason is None)
    assert bool(read.numbers) == (read.status is not PhoneStatus.REJECT)
    assert len(set(read.numbers)) == len(read.numbers)
    for number in read.numbers:
        parsed = phonenumbers.parse(number)
        assert phonenumbers.is_valid_number(parsed)
        assert phonenumbers.number_type(parsed) == PhoneNumberType.MOBILE
        assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number


@few
@given(WRITTEN)
def test_an_ok_number_accounts_for_its_last_seven_digits_in_the_cell(cell):
    read = read_phone_cell(cell)
    digits = "".join(letter for letter in cell if letter.isdigit())
    if read.status is PhoneStatus.OK:
        assert all(number[-7:] in digits for number in read.numbers)


@few
@given(st.integers(0, 999), st.sampled_from(["90", "32", "84", "77", "59"]), st.integers(0, 9))
def test_reading_a_number_that_was_read_changes_nothing(tail, prefix, digit):
    number = f"+84{prefix}{digit}000{tail:03}"
    read = read_phone_cell(number)
    if read.status is PhoneStatus.OK:
        assert read_phone_cell(read.numbers[0]) == read


PLAIN = st.one_of(
    st.text("0123456789", min_size=1, max_size=15),
    st.builds(
        lambda before, parts, sign: before + sign.join(parts),
        st.sampled_from(["0", "84", "+84", "+84 ", "84.", "0 "]),
        st.lists(
            st.sampled_from(["90", "905", "32", "000", "987", "654", "123", "3210"]), min_size=2, max_size=4
        ),
        st.sampled_from([" ", ".", "-"]),
    ),
)


@few
@given(PLAIN)
def test_a_plain_cell_is_read_in_one_look_as_it_would_be_among_marks_that_nobody_sees(cell):
    assert read_phone_cell(cell) == read_phone_cell(cell + "\u200b" * 16)


DIRT = ["", " ", ".", "-", "/", ";", "\n", "\u200b", "\xa0", "(0)", "+84", "84", "0", "O", "l", "?"]
DIRT += [" gọi tối", "CMND ", "E+08", ".0", "x"]


def dirty_cells(count):
    """Numbers as hurried hands type them: cut, doubled, parted, with signs and words within. The same each time."""
    chance = random.Random(91)
    for _ in range(count):
        number = (
            f"0{chance.choice(['90', '32', '84', '126', '168', '260', '12'])}{chance.randrange(10**7):07}"
        )
        for _ in range(chance.randrange(5)):
            at = chance.randrange(len(number) + 1)
            number = number[:at] + chance.choice(DIRT) + number[at + chance.choice([0, 0, 0, 1]) :]
        yield number if chance.random() > 0.1 else float(re.sub(r"\D", "", number) or 0)


def test_of_ten_thousand_dirty_cells_none_raises_and_none_gives_a_number_that_is_none():
    read = [read_phone_cell(cell) for cell in dirty_cells(10_000)]
    numbers = {number for cell in read for number in cell.numbers}
    assert len(numbers) > 3000
    assert [
        number for number in numbers if not phonenumbers.is_valid_number(phonenumbers.parse(number))
    ] == []
    assert {cell.status for cell in read} == set(PhoneStatus)
