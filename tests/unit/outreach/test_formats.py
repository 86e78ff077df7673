"""Numbers as people in Vietnam write them."""

from decimal import Decimal

import pytest

from outreach.rules.formats import read_decimal, read_whole
from tests.support.tables import cases, each_of


@cases(
    *each_of("1250 | 1.250 | 1 250 | 1\xa0250", "1250"),
    *each_of("5.000.000 | 5,000,000", "5000000"),
    *each_of("12,5 | 12.5", "12.5"),
    ("0,125", "0.125"),
    ("1.25", "1.25"),  # 1.250 that Excel has read as a fraction
    ("1.0", "1"),
    (" 7 ", "7"),
)
def test_a_point_or_a_comma_groups_threes_and_else_begins_a_fraction(text, number):
    assert read_decimal(text) == Decimal(number)


@pytest.mark.parametrize("text", ["1.2.3", "1.250,5", "1.250 000", "1..250", "-3", "²", "1e3", "10 5", "x"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"\A"):
        read_decimal(text)


@pytest.mark.parametrize("text", ["12.5", "1.25", "1,2", "0,5", "1001"])
def test_a_fraction_is_no_number_of_people(text):
    with pytest.raises(ValueError, match=r"\A"):
        read_whole(text, most=1000)


def test_nothing_is_no_number():
    assert read_decimal(" ") is None
    assert read_whole("", most=9) is None
    assert read_whole("1.000", most=1000) == 1000
