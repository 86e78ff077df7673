"""Jobs that wait in Redis while the program is replaced, or that a stranger put there: only our own are run."""

import os
import time
from collections import Counter

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from outreach.core.job_queue import DEFAULT, SEND, pending_key
from tests.support.processes import QuickProcesses
from tests.support.world import number
from workers.processes import create_worker

PEOPLE = 40
JOBS = {SEND: "send_job", DEFAULT: "sweep_job"}


class WritesWhenRead:
    """A pickle that runs a command in whoever reads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def processes(settings, tmp_path):
    started = QuickProcesses(settings, tmp_path / "processes.log")
    yield started
    started.stop()


def test_pickled_jobs_of_an_earlier_version_are_removed_unread_and_the_sweep_enqueues_their_work(
    world, simulator, processes, tmp_path
):
    campaign = world.launch(people=PEOPLE)
    redis = world.runtime.redis
    redis.flushdb()  # nothing waits as JSON
    trap = tmp_path / "was-read"
    for queue, name in JOBS.items():
        # As that version enqueued it: its name is marked as waiting, too, so that it is not enqueued twice.
        redis.set(pending_key(name), 1, ex=30)
        Queue(queue, connection=redis).enqueue(f"workers.jobs.{name}", WritesWhenRead(trap), description=name)
        processes.start("worker", "--queues", queue)
    processes.start("scheduler")
    ends = time.monotonic() + 120
    while world.status(campaign)["state"] != "completed" and time.monotonic() < ends:
        time.sleep(0.2)
    assert Counter(world.sent_to()) == {number(index): 1 for index in range(PEOPLE)}
    assert processes.are_running(), "a job of an earlier version ends no worker"
    assert processes.said().count("job_queue.discarded") == len(JOBS)
    assert not trap.exists()


def test_what_a_stranger_puts_into_redis_is_not_run(redis_url, tmp_path):
    """A call of any function, arguments that are no ids, functions to be called at the end, a pickled result."""
    trap, ours = tmp_path / "was-run", "workers.jobs.sweep_job"
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
        strangers = Queue(DEFAULT, connection=redis, serializer=JSONSerializer)
        touch = f"touch {trap}"
        strangers.enqueue("os.system", touch)
        strangers.enqueue(ours, touch)
        strangers.enqueue(ours, kwargs={"command": touch})
        for field in ("success_callback_name", "failure_callback_name", "webhooks"):
            job = strangers.enqueue(ours)
            redis.hset(Job.key_for(job.id), field, "os.system")
        redis.hset(Job.key_for(strangers.enqueue(ours).id), mapping={"status": "đang chạy", "timeout": "x"})
        pickled = Queue(DEFAULT, connection=redis).enqueue(ours, meta={"x": WritesWhenRead(trap)})
        # A job whose worker is said to have ended: what cleans up after it reads it, too.
        redis.hset(Job.key_for(pickled.id), "status", "started")
        redis.zadd(StartedJobRegistry(DEFAULT, connection=redis).key, {f"{pickled.id}:1": 1})
        create_worker([DEFAULT], redis).work(burst=True, logging_level="ERROR")
        assert not trap.exists()
        assert redis.keys("rq:job:*") == []
