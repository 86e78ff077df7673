"""What stands between a claim and its request: the line of a sending job."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from campaigns.delivery.claims import Claim
from campaigns.delivery.lanes import SERVICE_LANE


@dataclass(slots=True, eq=False)
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


class _Ready(asyncio.Queue[Job | None]):
    """First in, first out; but answers to residents and tests go ahead of every campaign."""

    def _put(self, item: Job | None) -> None:
        if item is not None and item.claim.lane == SERVICE_LANE:
            self._queue.appendleft(item)  # type: ignore[attr-defined]
        else:
            self._queue.append(item)  # type: ignore[attr-defined]


class Line:
    """Jobs that are due, and those whose moment is yet to come: a slow campaign holds up no other."""

    def __init__(self) -> None:
        self._ready = _Ready()
        self._later: dict[Job, asyncio.TimerHandle] = {}
        self.is_ended = False

    def __len__(self) -> int:
        return self._ready.qsize() + len(self._later)

    @property
    def later(self) -> int:
        """How many wait for their moment."""
        return len(self._later)

    def put(self, job: Job) -> None:
        wait = job.starts_at - time.monotonic()
        if wait <= 0:
            self._ready.put_nowait(job)
        else:
            self._later[job] = asyncio.get_running_loop().call_later(wait, self._come_due, job)

    def _come_due(self, job: Job) -> None:
        del self._later[job]
        self._ready.put_nowait(job)

    async def get(self) -> Job | None:
        """The next job that is due; None after the end."""
        return await self._ready.get()

    def release(self) -> None:
        """Nothing more will start: hand all of them out at once, to be put back."""
        for job, timer in list(self._later.items()):
            timer.cancel()
            self._come_due(job)

    def end(self, takers: int) -> None:
        """Tell as many takers that nothing follows."""
        self.is_ended = True
        for _ in range(takers):
            self._ready.put_nowait(None)

    def left_over(self) -> list[Job]:
        """What nobody took, after the end."""
        jobs = []
        while not self._ready.empty():
            if job := self._ready.get_nowait():
                jobs.append(job)
        return jobs


def monotonic_of(moment: datetime) -> float:
    """`moment` by the worker's own clock."""
    return time.monotonic() + (moment - datetime.now(UTC)).total_seconds()
