"""What stands between a claim and its request: the line of a sending job."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.delivery.claims import Batch, Claim
from campaigns.delivery.lanes import Lane


@dataclass(slots=True)
class Job:
    """A claim in the line. It may start from `starts_at` on, and no later than `fence` (both monotonic)."""

    claim: Claim
    starts_at: float
    fence: float


@dataclass(slots=True)
class Counts:
    """What one job did."""

    claimed: int = 0
    requested: int = 0
    put_back: int = 0
    skipped: int = 0


def line_up(lane: Lane, batch: Batch, starts_at: float, fence: float) -> list[Job]:
    jobs = []
    for item in batch.claims:
        jobs.append(Job(item, starts_at, fence))
        if lane.pace:
            starts_at += item.segments / lane.pace
    return jobs
