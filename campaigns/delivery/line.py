"""What stands between a claim and its request: the line of a sending job."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from campaigns.delivery.claims import Batch, Claim
from campaigns.delivery.lanes import Lane


@dataclass(slots=True)
class Job:
    """A claim in the line. It may start from `starts_at` on, and no later than `fence` or once its hours close.

    All three are the worker's own monotonic seconds.
    """

    claim: Claim
    starts_at: float
    fence: float
    closes_at: float


@dataclass(slots=True)
class Counts:
    """What one job did."""

    claimed: int = 0
    requested: int = 0
    put_back: int = 0
    skipped: int = 0


def line_up(lane: Lane, batch: Batch, starts_at: float, fence: float) -> list[Job]:
    """The claims of a batch in the order and at the moments in which they may start."""
    jobs = []
    for item in batch.claims:
        jobs.append(Job(item, starts_at, fence, monotonic_of(item.closes_at)))
        if lane.pace:
            starts_at += item.segments / lane.pace
    return jobs


def monotonic_of(moment: datetime) -> float:
    """`moment` by the worker's own clock."""
    return time.monotonic() + (moment - datetime.now(UTC)).total_seconds()
