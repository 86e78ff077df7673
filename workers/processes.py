"""Worker processes, supervisor, scheduler.

The worker processes. One queue a process: then a job popped just before a crash stays in Redis.

The clock: rings the sweep every few seconds. Two of them ring no more often than one.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from types import FrameType
from typing import Any

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from sqlalchemy.exc import InterfaceError, OperationalError

from campaigns.enqueue_jobs import enqueue_sweep
from deploy.processes import die_with_parent
from outreach.core.job_queue import QUEUES, pending_key
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime
from workers import context
from workers.context import database_process

log = logging.getLogger(__name__)


MAINTENANCE_S = 60
RESTART_AFTER_S = 1.0
SAY_EVERY_S = 30.0
# A server away is no fault of a job: one line tells it, and the sweep rings again. RQ's own two say that
# the job's record is gone: Redis has come back without it.
SERVER_AWAY = (RedisError, OperationalError, InterfaceError, InvalidJobOperation, NoSuchJobError)


class LoaWorker(SimpleWorker):
    """Runs jobs in this very process, so that the event loop and its connections outlive them."""

    max_connection_wait_time = 5.0  # seconds between two looks for a Redis that is away

    def execute_job(self, job: Job, queue: Queue) -> Any:
        # Answered: whoever rings from now on has something new and gets a job of their own.
        try:
            self.connection.delete(pending_key(job.description or ""))
        except RedisError as error:
            log.warning("worker.pending_not_cleared error=%s", type(error).__name__)
        return super().execute_job(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        context.stop_requested.set()
        super().handle_warm_shutdown_request()

    def set_shutdown_requested_date(self) -> None:
        # Runs in the signal's handler, in the middle of a job that must come to its end.
        with suppress(RedisError):
            super().set_shutdown_requested_date()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log where a job failed. The error's own words stay out: SQLAlchemy quotes numbers and texts in them."""
        error = exc_info[1]
        if isinstance(error, SERVER_AWAY):
            log.warning("job.server_away job=%s error=%s", job.description, type(error).__name__)
            return
        places = "".join(traceback.format_tb(exc_info[2]))
        log.error("job.failed job=%s error=%s\n%s", job.description, type(error).__name__, places)

    def handle_job_failure(self, *args: Any, **more: Any) -> None:
        # For the same reason they are not kept in Redis.
        super().handle_job_failure(*args, **{**more, "exc_string": "see the worker's log"})


def parse_queues(names: str | None) -> list[str]:
    """Queues from `--queues a,b`; all where none is named. Raises BadInput for one that does not exist."""
    queues = [name.strip() for name in (names or "").split(",") if name.strip()] or list(QUEUES)
    if unknown := [name for name in queues if name not in QUEUES]:
        raise BadInput(f"Không có hàng đợi {', '.join(unknown)}. Các hàng đợi: {', '.join(QUEUES)}.")
    return queues


def work(runtime: Runtime, queue: str) -> None:
    """Work on one queue until told to stop, whatever Redis does meanwhile."""
    logging.getLogger("rq.worker").addFilter(_without_stack)
    _wait_for(runtime.redis)
    worker = LoaWorker(
        [Queue(queue, connection=runtime.redis)],
        connection=runtime.redis,
        maintenance_interval=MAINTENANCE_S,
    )
    # RQ has set a longer patience than ours, for waiting at the queue; what is open has ours still.
    runtime.redis.connection_pool.disconnect()
    with suppress(RedisError):
        worker.work(logging_level="WARNING")
    if not context.stop_requested.is_set():
        # RQ gives up where Redis is away as a job ends. The same process starts afresh.
        log.warning("worker.starts_again queue=%s", queue)
        database_process().end()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


def _wait_for(redis: Redis) -> None:
    """Return once Redis answers."""
    said_at = float("-inf")
    while True:
        try:
            redis.ping()
        except RedisError as error:
            if time.monotonic() - said_at > SAY_EVERY_S:
                said_at = time.monotonic()
                log.warning(
                    "worker.waits_for_redis error=%s Chưa kết nối được Redis, sẽ tự thử lại. "
                    "Hãy kiểm tra REDIS_URL và máy chủ Redis.",
                    type(error).__name__,
                )
            time.sleep(RESTART_AFTER_S)
        else:
            return


def _without_stack(record: logging.LogRecord) -> bool:
    """A filter: that Redis went away takes one line of ours, not a stack of RQ's."""
    return not (record.exc_info and isinstance(record.exc_info[1], RedisError))


def keep_children(queues: list[str]) -> None:
    """A child for each queue, restarted when it ends; all end with this process, however it ends."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    is_ending = False

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_ending
        is_ending = True
        for child in children.values():
            child.terminate()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    while not is_ending:
        for queue in queues:
            if queue not in children or children[queue].poll() is not None:
                children[queue] = _start_child(queue)
        time.sleep(RESTART_AFTER_S)
    for child in children.values():
        child.wait()


def _start_child(queue: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "worker", "--queues", queue]
    return subprocess.Popen(command, preexec_fn=die_with_parent(signal.SIGTERM))  # noqa: S603


def run_scheduler(runtime: Runtime) -> None:
    """Ring until told to stop. A ring that is not answered yet stands for the next ones, so none pile up."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        enqueue_sweep(runtime.job_queue)
        stop.wait(runtime.settings.sweep_s)
