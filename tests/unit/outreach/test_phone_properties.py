"""What holds for any cell at all."""

import random
import re

import phonenumbers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
from tests.support.tables import words

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
