"""Which message goes as a notice first, and what its end says of the number."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from campaigns.rules.delivery import (
    FORGOTTEN_AFTER,
    goes_as_notice,
    keep_reason,
    learned_of,
    may_be_passed_on,
)
from campaigns.rules.states import AttemptReport, AttemptState, MessageKind
from tests.support.tables import cases, each_of

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
LONG_AGO, LATELY = NOW - FORGOTTEN_AFTER, NOW - timedelta(days=1)
STEP = {"notice_template": "228386", "texts": {}}


@cases(
    ({}, True),
    ({"of": STEP | {"notice_template": ""}}, False),
    (
        {"of": STEP | {"texts": {"jra": "…"}}, "language": "jra"},
        False,
    ),  # they get the text in their own language
    ({"language": "jra"}, True),  # there is none in it
    ({"n": 2}, False),  # its text follows, never a second notice
    ({"kind": MessageKind.ACKNOWLEDGEMENT}, False),
    ({"kind": MessageKind.TEST}, False),
    ({"notices": "answered", "notices_at": LATELY}, True),
    ({"notices": "no_account", "notices_at": LATELY}, False),
    ({"notices": "declined", "notices_at": LATELY}, False),
    ({"notices": "no_account", "notices_at": LONG_AGO}, True),
    ({"notices": "declined", "notices_at": LONG_AGO}, True),
)
def test_a_notice_goes_first_and_not_in_vain(changes, goes):
    usual = {
        "kind": MessageKind.STEP,
        "n": 1,
        "of": STEP,
        "language": None,
        "notices": None,
        "notices_at": None,
    }
    row = usual | changes
    assert goes_as_notice(SimpleNamespace(**row | {"of": SimpleNamespace(**row["of"])}), now=NOW) is goes


@cases(
    ("passed", "no_account", "no_account"),
    ("passed", "declined", "declined"),
    ("passed", "notice_limit", None),  # of the office, not of the number
    ("passed", "expired", None),
    *each_of("passed | delivered | accepted", None, None),
)
def test_the_end_of_a_notice_says_what_is_known_of_its_number(state, cause, learned):
    assert learned_of(AttemptState(state), cause) == learned


@cases(("zalo", "host-1", True), ("zalo", "restored-3", False), *each_of("both | sms", "host-1", False))
def test_a_text_follows_by_itself_where_all_is_known_that_followed_its_notice(channel, worker, follows):
    assert may_be_passed_on(SimpleNamespace(channel=channel, worker=worker)) is follows


@cases(
    (None, [("sent", "declined"), ("delivered", "other")], [("sent", "declined"), ("delivered", "declined")]),
    ("declined", [("delivered", "other")], [("delivered", "declined")]),  # told before
    (None, [("delivered", "other")], [("delivered", "other")]),  # why its notice did not arrive was lost
    (None, [("delivered", None)], [("delivered", None)]),  # the notice
    ("declined", [("undelivered", "unreachable")], [("undelivered", "unreachable")]),  # nor did the text
)
def test_what_arrives_after_a_notice_did_not_keeps_why(cause, told, kept):
    reports = [AttemptReport(1, AttemptState(state), cause=why) for state, why in told]
    assert [(each.state, each.cause) for each in keep_reason(cause, reports)] == kept
