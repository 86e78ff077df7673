"""Moment after which a worker may no longer send what it has claimed."""

from __future__ import annotations

import time
from typing import NamedTuple


class Fence(NamedTuple):
    """A moment by two clocks of this host, in seconds; the first of them to reach it counts.

    CLOCK_BOOTTIME goes on while the host is suspended, where CLOCK_MONOTONIC stands still, and is the same for all
    processes of the host. The wall clock is a second witness, for a virtual machine whose other clocks stood still.
    """

    boot_s: float
    wall_s: float

    @classmethod
    def after(cls, seconds: float) -> Fence:
        return cls(time.clock_gettime(time.CLOCK_BOOTTIME) + seconds, time.time() + seconds)

    def is_over(self) -> bool:
        return time.clock_gettime(time.CLOCK_BOOTTIME) >= self.boot_s or time.time() >= self.wall_s
