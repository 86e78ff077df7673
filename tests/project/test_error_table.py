"""The reference's tables of the gateway's errors are what the code does."""

from __future__ import annotations

import re

from admin.wording.filters import LABELS
from campaigns.delivery.streams import FIRST_HALT_S, LONGEST_HALT_S
from campaigns.rules.delivery import (
    FAILED_SHARE,
    FAILURE_WINDOW,
    FEWEST_FAILURES,
    GIVES_UP_AFTER,
    TRANSACTIONAL_GIVES_UP_AFTER,
    back_off_s,
    failure_policy,
)
from outreach.rules.gateway import Cause, Outcome, OutcomeUnknown, Refused, Throttled
from outreach.rules.twilio_errors import ERRORS, cause_of, read_answer
from tests.project.test_docs import REFERENCE, section, table

SECTION = section(REFERENCE, "What the gateway's errors mean")
ANSWERS, CODES = re.findall(r"(?:^\|.*\n)+", SECTION, re.MULTILINE)
# What no status tells is seen in tests/integration/outreach/test_twilio.py.
STATUSES: list[tuple[str, Outcome]] = [
    ("401, 403, 404", read_answer(401, None)),
    ("429", read_answer(429, None)),
    ("any other 4xx with a code but 408", read_answer(400, "99999")),
    ("any other 4xx, 3xx, 5xx", read_answer(400, None)),
    (
        "no connection within half of `SEND_TIMEOUT_S`, or a certificate that is not valid",
        Throttled(fault="connection"),
    ),
    ("connection cut, or no answer within `SEND_TIMEOUT_S`", OutcomeUnknown("TimeoutError")),
]
REPORTED_FROM = 30_000
AT_REQUEST_TOO = {"63038"}


def what_follows(outcome: Outcome) -> tuple[str, str, str, str]:
    """Tried again, number left alone, campaign paused, what staff read."""
    if isinstance(outcome, Throttled):
        return "by itself, after the wait", "", "", ""
    if isinstance(outcome, OutcomeUnknown):
        return "once, after its absence is proved", "", "", LABELS["message.unknown"]
    assert isinstance(outcome, Refused)
    policy = failure_policy(outcome.cause)
    again = "when the campaign goes on" if policy.pauses else "no"
    return again, *consequences(outcome.cause)


def consequences(cause: Cause) -> tuple[str, str, str]:
    policy = failure_policy(cause)
    alone = f"yes: {LABELS[f'suppression.{policy.suppresses}']}" if policy.suppresses else ""
    return alone, "yes" if policy.pauses else "", str(LABELS[f"cause.{cause.value}"])


def code_row(code: str) -> list[str]:
    if int(code) >= REPORTED_FROM and code not in AT_REQUEST_TOO:
        return [code, ERRORS[code][1], "no", *consequences(cause_of(code))]
    return [code, ERRORS[code][1], *what_follows(read_answer(400, code))]


def test_the_reference_has_a_row_for_each_code_and_says_what_follows() -> None:
    assert table(CODES) == [code_row(code) for code in ERRORS]


def test_the_reference_says_what_each_answer_to_a_request_means() -> None:
    assert table(ANSWERS) == [[answer, *map(str, what_follows(outcome))] for answer, outcome in STATUSES]


def test_statuses_that_share_a_row_mean_the_same() -> None:
    for group in ((401, 403, 404), (408, 301, 302, 500, 502, 503, 504)):
        assert len({what_follows(read_answer(status, None)) for status in group}) == 1


def test_the_waits_of_the_reference_are_those_of_the_code() -> None:
    first, longest = back_off_s(0, None, seed=0), back_off_s(99, None, seed=0)
    minutes = FAILURE_WINDOW.total_seconds() / 60
    for said in (
        f"{first:g} s, doubling up to {longest:g} s",
        f"from {FIRST_HALT_S:g} s, doubling up to {LONGEST_HALT_S:g} s",
        f"refused {GIVES_UP_AFTER} times",
        f"{TRANSACTIONAL_GIVES_UP_AFTER:,} times",
        f"{FEWEST_FAILURES} messages and {FAILED_SHARE:.0%} of the outcomes of {minutes:g} minutes",
    ):
        assert said in " ".join(SECTION.split()), said
