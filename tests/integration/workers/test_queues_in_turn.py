"""A worker at several queues: it takes their jobs in turn, and a job that it took is in Redis until it has started."""

import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis import TimeoutError as RedisTimeoutError
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.worker import DequeueStrategy

from campaigns.sweep import sweep
from outreach.core import job_queue
from outreach.use_cases import (
    enqueue_apply_callbacks,
    enqueue_invitation_mail,
    enqueue_sweep,
    enqueue_webhooks,
)
from workers import context
from workers.jobs import sweep_job
from workers.processes import QueueInTurn, create_worker, niceness_of, share_out

SHARED = [job_queue.INBOUND, job_queue.DEFAULT, job_queue.HOOKS]


def waiting(runtime):
    return {name: len(job_queue.open_queue(name, runtime.redis)) for name in SHARED}


class AnswerLost(Redis):
    """A Redis whose answer to one request is lost: it hangs, and does later what was asked."""

    lost = 0  # which request

    def execute_command(self, *args, **options):
        answer = super().execute_command(*args, **options)
        self.lost -= 1
        if self.lost == 0:
            raise RedisTimeoutError
        return answer


def test_sending_and_imports_wait_for_nobody_and_the_others_share_a_process():
    assert share_out(job_queue.QUEUES) == [[job_queue.SEND], [job_queue.IMPORTS], SHARED]
    assert share_out([job_queue.DEFAULT, job_queue.INBOUND]) == [[job_queue.DEFAULT, job_queue.INBOUND]]


def test_a_job_that_was_taken_just_before_a_crash_stays_in_redis(runtime):
    runtime.redis.flushdb()
    enqueue_sweep(runtime)
    queues = create_worker(SHARED, runtime.redis).queues
    taken = QueueInTurn.dequeue_any(
        queues, 1, runtime.redis, job_class=job_queue.AllowedJob, serializer=queues[0].serializer
    )
    assert taken is not None
    job, queue = taken
    assert (job.description, queue.name) == ("sweep_job", job_queue.DEFAULT)
    # The worker is killed here: RQ looks there and gives the job back.
    assert queue.intermediate_queue.get_job_ids() == [job.id]
    with pytest.raises(DequeueTimeout):
        QueueInTurn.dequeue_any(queues, 0, runtime.redis)


def test_one_process_runs_the_jobs_of_all_its_queues_in_turn(runtime, monkeypatch):
    done = []
    for name in ("webhooks_job", "apply_callbacks_job", "sweep_job"):
        monkeypatch.setattr(f"workers.jobs.{name}", lambda name=name: done.append(name))
    runtime.redis.flushdb()
    for enqueue in (enqueue_webhooks, enqueue_apply_callbacks, enqueue_sweep):
        enqueue(runtime)
    assert waiting(runtime) == {job_queue.INBOUND: 1, job_queue.DEFAULT: 1, job_queue.HOOKS: 1}
    worker = create_worker(SHARED, runtime.redis)
    worker.work(burst=True, logging_level="ERROR", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
    assert waiting(runtime) == dict.fromkeys(SHARED, 0)
    assert done == ["apply_callbacks_job", "sweep_job", "webhooks_job"]
    assert [queue.intermediate_queue.get_job_ids() for queue in worker.queues] == [[], [], []]


def test_a_mail_that_did_not_go_is_tried_again_once_the_server_may_be_back(world, monkeypatch):
    world.use(smtp_url="smtp://127.0.0.1:1")
    runtime, tried = world.runtime, []

    def fail(user_id):
        tried.append(user_id)
        raise OSError("connection refused")

    monkeypatch.setattr("workers.jobs.invitation_mail_job", fail)
    enqueue_invitation_mail(runtime, 7)
    for minutes in (0, 0, 2, 20, 60, 600):  # how much later the sweep looks
        runtime.job_queue.enqueue_retries(now=datetime.now(UTC) + timedelta(minutes=minutes))
        create_worker([job_queue.DEFAULT], runtime.redis).work(burst=True, logging_level="CRITICAL")
    assert tried == [7, 7, 7, 7]


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_job_whose_request_nobody_heard_of_is_enqueued_by_the_next(runtime, lost):
    runtime.redis.flushall()
    away = AnswerLost(connection_pool=runtime.redis.connection_pool)
    away.lost = lost
    enqueue_sweep(replace(runtime, redis=away, job_queue=job_queue.JobQueue(away)))
    enqueue_sweep(runtime)
    assert waiting(runtime) == {job_queue.INBOUND: 0, job_queue.DEFAULT: 1, job_queue.HOOKS: 0}


@pytest.mark.parametrize("passed_over", [False, True], ids=["told", "passed over"])
def test_a_worker_asked_to_stop_while_it_reads_a_job_stops_and_the_job_stays(
    runtime, monkeypatch, passed_over
):
    def restore(job, raw_data):
        os.kill(os.getpid(), signal.SIGTERM)
        read(job, raw_data)

    read = Job.restore
    monkeypatch.setattr(Job, "restore", restore)
    monkeypatch.setattr(context, "stop_requested", threading.Event())
    monkeypatch.setattr("workers.jobs.sweep_job", lambda: None)
    runtime.redis.flushdb()
    enqueue_sweep(runtime)
    worker = create_worker(SHARED, runtime.redis)
    if passed_over:  # by a line of RQ's
        monkeypatch.setattr(worker, "_shutdown", lambda: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        has_worked = worker.work()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert has_worked is passed_over
    assert bool(runtime.redis.keys("rq:job:*")) is not passed_over


@pytest.mark.parametrize("part", ["confirm_overdue", "days_due", "remove_unconfirmed", "enqueue_due_report"])
def test_a_part_of_the_sweep_that_fails_keeps_no_cry_for_help_and_no_report_waiting(world, monkeypatch, part):
    def fail(*_args, **_more):
        raise OSError("no space left")

    done = []
    for name in ("enqueue_due_alerts", "enqueue_due_report"):
        monkeypatch.setattr(f"workers.jobs.{name}", lambda *_a, name=name, **_k: done.append(name))
    monkeypatch.setattr(f"workers.jobs.{part}", fail)
    before = []

    def sweep_slowly(runtime, *, now):
        before.extend(done)
        return sweep(runtime, now=now)

    monkeypatch.setattr("workers.jobs.sweep_once", sweep_slowly)
    monkeypatch.setattr("workers.jobs.runtime", lambda: world.runtime)
    with pytest.raises(RuntimeError):  # so that the checks find it
        sweep_job()
    assert {*done, part} == {"enqueue_due_alerts", "enqueue_due_report", part}
    assert before == ["enqueue_due_alerts"], "the launch of a large campaign takes a while"


@pytest.mark.parametrize(
    ("queues", "niceness"),
    [([job_queue.SEND], 5), ([job_queue.IMPORTS], 10), ([job_queue.DEFAULT], 0), (job_queue.QUEUES, 0)],
)
def test_sending_and_imports_wait_for_pages_and_what_tells_of_cries_does_not(queues, niceness):
    assert niceness_of(queues) == niceness
