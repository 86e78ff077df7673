"""When a gateway says that something came."""

from datetime import UTC, datetime

from outreach.rules.sms_inbound import parse_timestamp
from tests.support.tables import cases, each_of

AT = datetime(2020, 8, 15, 1, 0, tzinfo=UTC)


@cases(
    *each_of("2020-08-15T08:00:00+07:00 | 2020-08-15T01:00:00.000Z | 2020-08-15 08:00:00 | 1597453200.0", AT),
    ("1597453200000", AT),
    (" 1597453200 ", AT),
    ("", None),
    *each_of("hôm qua | 0001-01-01T00:00:00 | 1970-01-01T00:00:10Z | 9999-12-31T23:59:59-07:00 | nan", None),
)
def test_a_moment_is_read_in_each_form_and_what_is_none_is_left_out(said, moment):
    assert parse_timestamp(said) == moment
