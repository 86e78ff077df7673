"""When a gateway says that something came."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from outreach.rules.sms_inbound import parse_timestamp

AT = datetime(2020, 8, 15, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2020-08-15T08:00:00+07:00", AT),
        ("2020-08-15T01:00:00.000Z", AT),
        ("2020-08-15 08:00:00", AT),
        (" 1597453200 ", AT),
        ("1597453200.0", AT),
        ("1597453200000", AT),
        ("", None),
        ("hôm qua", None),
        ("0001-01-01T00:00:00", None),
        ("1970-01-01T00:00:10Z", None),
        ("9999-12-31T23:59:59-07:00", None),
        ("nan", None),
    ],
)
def test_a_moment_is_read_in_each_form_and_what_is_none_is_left_out(
    said: str, moment: datetime | None
) -> None:
    assert parse_timestamp(said) == moment
