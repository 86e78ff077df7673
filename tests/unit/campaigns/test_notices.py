"""Which message goes as a notice first, and what its end says of the number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.rules.notices import FORGOTTEN_AFTER, goes_as_notice, learned_of
from campaigns.rules.states import AttemptState, MessageKind

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
LONG_AGO, LATELY = NOW - FORGOTTEN_AFTER, NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "goes"),
    [
        ({}, True),
        ({"has_notice": False}, False),
        ({"n": 2}, False),  # its text follows, never a second notice
        ({"kind": MessageKind.ACKNOWLEDGEMENT}, False),
        ({"kind": MessageKind.TEST}, False),
        ({"reach": "answered", "known_at": LATELY}, True),
        ({"reach": "no_account", "known_at": LATELY}, False),
        ({"reach": "declined", "known_at": LATELY}, False),
        ({"reach": "no_account", "known_at": LONG_AGO}, True),
        ({"reach": "declined", "known_at": LONG_AGO}, True),
    ],
)
def test_a_notice_goes_first_and_not_in_vain(changes: dict[str, object], goes: bool) -> None:
    usual = {
        "kind": MessageKind.STEP,
        "n": 1,
        "has_notice": True,
        "reach": None,
        "known_at": None,
        "now": NOW,
    }
    assert goes_as_notice(**(usual | changes)) is goes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "cause", "learned"),
    [
        ("delivered", None, None),
        ("passed", "no_account", "no_account"),
        ("passed", "declined", "declined"),
        ("passed", "notice_limit", None),  # of the office, not of the number
        ("passed", "expired", None),
        ("passed", None, None),
        ("accepted", None, None),
    ],
)
def test_the_end_of_a_notice_says_what_is_known_of_its_number(
    state: str, cause: str | None, learned: str | None
) -> None:
    assert learned_of(AttemptState(state), cause) == learned
