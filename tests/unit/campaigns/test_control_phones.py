"""When a copy came, from the time of day that its holder typed."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.rules.control_phones import read_came_at
from campaigns.rules.sending_hours import VIETNAM
from outreach.rules.errors import BadInput
from tests.support.tables import cases

NOW = datetime(2026, 3, 2, 9, 30, 20, tzinfo=VIETNAM)


@cases(
    ("", 1, NOW),
    ("09:30", 1, NOW),  # this very minute
    (" 09:05 ", 1, NOW.replace(minute=5, second=59)),
    ("23:50", 12, (NOW - timedelta(days=1)).replace(hour=23, minute=50, second=59)),
    ("08:30", 1, NOW.replace(hour=8, minute=30, second=59)),  # the minute in which it was queued
)
def test_it_is_the_last_such_moment(typed, queued_before_h, came):
    queued_at = NOW.astimezone(UTC) - timedelta(hours=queued_before_h)
    assert read_came_at(typed, queued_at=queued_at, now=NOW.astimezone(UTC)) == came


@cases(("25:00", "control_time_wrong"), ("sáng", "control_time_wrong"), ("07:00", "control_time_before_copy"))
def test_what_cannot_be_is_refused(typed, code):
    with pytest.raises(BadInput) as refused:
        read_came_at(typed, queued_at=NOW.astimezone(UTC) - timedelta(hours=1), now=NOW.astimezone(UTC))
    assert refused.value.code == code
