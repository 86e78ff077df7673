"""The moment after which nothing may leave, by two clocks."""

import time

from outreach.core.fence import Fence
from tests.support.tables import cases


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
