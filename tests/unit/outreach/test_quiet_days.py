"""Days without sending, as a setting names them."""

from datetime import date

import pytest

from outreach.rules.errors import BadInput
from outreach.rules.quiet_days import NO_DAYS, parse_quiet_days
from tests.support.tables import cases, each_of

TET = "2027-02-05..2027-02-11 nghỉ Tết"


@cases(
    ("sun", date(2027, 2, 7), "weekday.6"),
    ("sun", date(2027, 2, 8), None),
    ("sat, sun", date(2027, 2, 6), "weekday.5"),
    (TET, date(2027, 2, 4), None),
    (TET, date(2027, 2, 5), "nghỉ Tết"),
    (TET, date(2027, 2, 11), "nghỉ Tết"),
    (TET, date(2027, 2, 12), None),
    (f"sun,{TET}", date(2027, 2, 7), "nghỉ Tết"),
    ("2027-02-05", date(2027, 2, 5), ""),
    ("none", date(2027, 2, 7), None),
)
def test_a_day_is_quiet_for_what_the_setting_names(text, day, why):
    assert parse_quiet_days(text).why(day) == why
    assert parse_quiet_days(str(parse_quiet_days(text))) == parse_quiet_days(text)


@cases(
    *each_of("sunday | 2027-02-30 | 2027-02-05...2027-02-11", "quiet_days_part"),
    *each_of("2027-02-11..2027-02-05 | 2027-02-05..2028-02-11", "quiet_days_period"),
    ("mon,tue,wed,thu,fri,sat,sun", "quiet_days_all"),
)
def test_what_cannot_be_meant_is_refused(text, code):
    with pytest.raises(BadInput) as refused:
        parse_quiet_days(text)
    assert refused.value.code == code


def test_none_is_no_day():
    assert parse_quiet_days("none") == NO_DAYS
