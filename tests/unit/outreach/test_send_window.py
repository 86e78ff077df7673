"""How many requests may be under way, one answer after the other, and after which moment nothing may leave."""

import time

import pytest

from outreach.core.fence import Fence
from outreach.rules.gateway import Accepted, Cause, OutcomeUnknown, Refused, Throttled, next_size
from tests.support.tables import cases


def test_a_new_window_doubles_with_each_time_that_it_was_accepted_and_is_lowered_like_any_other():
    size = 2.0
    for _ in range(2):
        size = next_size(size, Accepted("x"), under_way=int(size), most=50, is_stale=False, is_new=True)
    assert size == 4
    assert next_size(50, Accepted("x"), under_way=50, most=50, is_stale=False, is_new=True) == 50
    assert next_size(4, Accepted("x"), under_way=1, most=50, is_stale=False, is_new=True) == 4
    assert next_size(10, Throttled(), under_way=10, most=50, is_stale=False, is_new=True) == 7


@cases(
    (50, Throttled(), 50, False, 35),
    (50, Throttled(), 10, False, 7),  # of what was really under way
    (50, Throttled(), 50, True, 50),  # asked before it was lowered
    (1, Throttled(), 1, False, 1),
    (50, Throttled(retry_after_s=2), 50, False, 35),
    (50, Throttled(fault="connection"), 50, False, 50),
    (50, Refused(Cause.ACCOUNT, "103"), 50, False, 35),  # no balance
    (50, Refused(Cause.BAD_NUMBER, "21211"), 50, False, 50),
    (50, OutcomeUnknown("TimeoutError"), 50, False, 50),
    (4, Accepted("x"), 4, False, 4 + 1 / 32),
    (4, Accepted("x"), 3, False, 4),  # it was not full
    (50, Accepted("x"), 50, False, 50),  # no wider than the settings say
)
def test_window_after_an_answer(size, outcome, under_way, is_stale, after):
    assert next_size(size, outcome, under_way=under_way, most=50, is_stale=is_stale) == pytest.approx(after)


@cases(
    (9, 9, False),
    (10, 9, True),  # the wall clock was set back
    (9, 10, True),  # the other clock stood still
    (11, 11, True),
)
def test_the_first_of_two_clocks_counts(monkeypatch, boot_s, wall_s, expected):
    monkeypatch.setattr(time, "clock_gettime", lambda clock: {time.CLOCK_BOOTTIME: 0.0}[clock])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    fence = Fence.after(10)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: {time.CLOCK_BOOTTIME: boot_s}[clock])
    monkeypatch.setattr(time, "time", lambda: wall_s)
    assert fence.is_over() is expected
