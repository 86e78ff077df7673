"""Jobs that wait in Redis while the program is replaced: their names may be gone, their work is not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rq import Queue

from outreach.core.job_queue import DEFAULT, SEND
from outreach.core.settings import Settings
from simulator.testing import RunningSimulator
from tests.support.processes import QuickProcesses
from tests.support.world import World, number

PEOPLE = 40
FORMER_NAMES = {SEND: "workers.jobs.send", DEFAULT: "workers.jobs.sweep"}  # as of migration 0044


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[QuickProcesses]:
    started = QuickProcesses(settings, tmp_path / "processes.log")
    yield started
    started.stop()


def test_jobs_under_names_of_an_earlier_version_fail_and_the_sweep_enqueues_their_work(
    world: World, simulator: RunningSimulator, processes: QuickProcesses
) -> None:
    world.add_people(PEOPLE)
    campaign = world.launch()
    redis = world.runtime.redis
    redis.flushdb()  # nothing waits under the present names
    for queue, former in FORMER_NAMES.items():
        Queue(queue, connection=redis).enqueue(former, description=former)
        processes.start("worker", "--queues", queue)
    processes.start("scheduler")
    ends = time.monotonic() + 120
    while world.status(campaign)["state"] != "completed" and time.monotonic() < ends:
        time.sleep(0.2)
    assert Counter(world.sent_to()) == {number(index): 1 for index in range(PEOPLE)}
    assert processes.are_running(), "a job of an unknown name ends no worker"
    assert all(f"job.failed job={former}" in processes.said() for former in FORMER_NAMES.values())
