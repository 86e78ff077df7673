"""Queues with a job for each message: RQ's SimpleWorker, and Celery with two processes.

Both send with the library's own client, which reuses its connection, and both start with a full queue.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from celery import Celery
from redis import Redis
from rq import Queue
from twilio.rest import Client

from benchmarks.contestants import Run
from benchmarks.contestants.loop import BODY, number
from benchmarks.gateway import Gateway
from benchmarks.ground import Ground
from benchmarks.measures import cpu_s, peak_mb
from deploy.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 60.0
ENDS_AFTER_S = 180.0
GATEWAY, BROKER = "BENCH_GATEWAY", "BENCH_BROKER"
app = Celery("bench", broker=os.environ.get(BROKER))
app.conf.task_ignore_result = True
client = Client("AC" + "0" * 32, "benchmark")
client.api.base_url = os.environ.get(GATEWAY, "http://127.0.0.1:1")


def send(index: int) -> None:
    """Send one message: the job."""
    client.messages.create(
        to=number(index),
        from_="MTTQ",
        body=BODY.format(index),
        status_callback=f"http://127.0.0.1:8000/webhooks/twilio/status/{index}",
        validity_period=3600,
    )


celery_send = app.task(send)


def run_rq(on: Ground, gateway: Gateway, *, messages: int) -> Run:
    on.flush_redis()
    queue = Queue(connection=Redis.from_url(on.redis.url))
    queue.enqueue_many([Queue.prepare_data(send, args=(i,), result_ttl=0) for i in range(1, messages + 1)])
    worker = ["rq", "worker", "--url", on.redis.url, "--worker-class", "rq.SimpleWorker", "--quiet"]
    return _run(on, gateway, worker, messages)


def run_celery(on: Ground, gateway: Gateway, *, messages: int) -> Run:
    on.flush_redis()
    app.conf.broker_url = on.redis.url
    with app.pool.acquire(block=True) as connection, app.amqp.producer_pool.acquire(block=True) as producer:
        assert connection
        for i in range(1, messages + 1):
            celery_send.apply_async((i,), producer=producer)
    worker = ["celery", "-A", __name__, "worker", "--concurrency", "2", "--loglevel", "ERROR"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return _run(on, gateway, worker, messages)


def _run(on: Ground, gateway: Gateway, worker: list[str], messages: int) -> Run:
    """Measure from the first accepted message to the last, without the start of the worker."""
    program = str(Path(sys.executable).with_name(worker[0]))
    with (on.folder / "queues.log").open("ab") as words:
        process = subprocess.Popen(
            [program, *worker[1:]],
            cwd=ROOT,
            env={**os.environ, GATEWAY: gateway.url, BROKER: on.redis.url, "PYTHONPATH": str(ROOT)},
            stdout=words,
            stderr=words,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    try:
        seen = gateway.wait_for(1, seconds=STARTS_WITHIN_S, look_every_s=0.01).accepted
        before, served = cpu_s([process.pid]), cpu_s(on.server_pids())
        stats = gateway.wait_for(messages, seconds=ENDS_AFTER_S)
        share = messages / max(1, messages - seen)  # corrects for messages sent before the first check
        senders, servers = cpu_s([process.pid]) - before, cpu_s(on.server_pids()) - served
        return Run(
            messages, stats.last - stats.first, senders * share, servers * share, peak_mb([process.pid])
        )
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
