"""Worker processes, their supervisor, and the scheduler.

Each worker process serves one queue: so a job popped just before a crash stays in Redis. The scheduler
enqueues the sweep every few seconds; two schedulers enqueue it no more often than one.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError
from redis import TimeoutError as RedisTimeoutError
from rq import Queue, SimpleWorker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import InterfaceError, OperationalError

from deploy.processes import die_with_parent, name_process
from outreach.core.job_queue import QUEUES, SEND, AllowedJob, open_queue, pending_key
from outreach.core.settings import Settings
from outreach.enqueue_jobs import enqueue_sweep
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime, open_runtime
from workers import context
from workers.context import database_process

log = logging.getLogger(__name__)


MAINTENANCE_S = 60
RESTART_AFTER_S = 1.0
LOG_EVERY_S = 30.0
# An unavailable server is no fault of a job: one log line, and the sweep enqueues it again. RQ's own two mean that
# the job's record is gone: Redis has come back without it.
SERVER_ERRORS = (RedisError, OperationalError, InterfaceError, InvalidJobOperation, NoSuchJobError)


class LoaWorker(SimpleWorker):
    """RQ worker that runs jobs in its own process, so that the event loop and connections outlive them."""

    max_connection_wait_time = 5.0  # seconds between attempts to reconnect to Redis

    def execute_job(self, job: Job, queue: Queue) -> Any:
        # The job has started: what is enqueued from now on is new and gets its own job.
        try:
            self.connection.delete(pending_key(job.description or ""))
        except RedisError as error:
            log.warning("worker.pending_not_cleared error=%s", type(error).__name__)
        return super().execute_job(job, queue)

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        # RQ connects again after a lost connection, but ends its thread with a stack trace after a timeout. A Redis
        # that hangs causes either, depending on the moment.
        lost = RedisConnectionError(str(exc)) if isinstance(exc, RedisTimeoutError) else exc
        super()._pubsub_exception_handler(lost, pubsub, pubsub_thread)

    def handle_warm_shutdown_request(self) -> None:
        context.stop_requested.set()
        super().handle_warm_shutdown_request()

    def set_shutdown_requested_date(self) -> None:
        # Runs in the signal handler, in the middle of a job that must not be interrupted.
        with suppress(RedisError):
            super().set_shutdown_requested_date()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log where a job failed, without the error's message: SQLAlchemy quotes numbers and texts in it."""
        error = exc_info[1]
        if isinstance(error, SERVER_ERRORS):
            log.warning("job.server_away job=%s error=%s", job.description, type(error).__name__)
            return
        stack = "".join(traceback.format_tb(exc_info[2]))
        log.error("job.failed job=%s error=%s\n%s", job.description, type(error).__name__, stack)

    def handle_job_failure(self, *args: Any, **kwargs: Any) -> None:
        # For the same reason the message is not stored in Redis.
        super().handle_job_failure(*args, **{**kwargs, "exc_string": "see the worker's log"})


def parse_queues(names: str | None) -> list[str]:
    """Parse queue names from `--queues a,b`; all queues if empty. Raises BadInput for an unknown one."""
    queues = [name.strip() for name in (names or "").split(",") if name.strip()] or list(QUEUES)
    if unknown := [name for name in queues if name not in QUEUES]:
        raise BadInput("queue_unknown", names=unknown, queues=list(QUEUES))
    return queues


def create_worker(queue: str, redis: Redis) -> LoaWorker:
    """Return a worker at a queue that runs our own jobs alone and unpickles nothing."""
    return LoaWorker(
        [open_queue(queue, redis)],
        connection=redis,
        job_class=AllowedJob,
        serializer=JSONSerializer,
        maintenance_interval=MAINTENANCE_S,
    )


def work(runtime: Runtime, queue: str) -> None:
    """Work on one queue until asked to stop, even if Redis is unavailable meanwhile."""
    logging.getLogger("rq.worker").addFilter(_is_not_redis_error)
    _wait_for_redis(runtime.redis)
    if queue == SEND:
        context.sending_gateways()  # a centre's receipts and replies come on its connection, also while nothing is sent
    worker = create_worker(queue, runtime.redis)
    # RQ has set a longer timeout than ours, for waiting at the queue; open connections still have ours.
    runtime.redis.connection_pool.disconnect()
    with suppress(RedisError):
        worker.work(logging_level="WARNING")
    context.close_gateways()
    database_process().end()  # before the interpreter ends: it waits for its children first
    if not context.stop_requested.is_set():
        # RQ gives up if Redis is unavailable when a job ends. The same process starts again.
        log.warning("worker.starts_again queue=%s", queue)
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "worker", "--queues", queue]
        os.execv(sys.executable, command)  # noqa: S606 - our own command line


def _wait_for_redis(redis: Redis) -> None:
    """Wait until Redis answers."""
    logged_at = float("-inf")
    while True:
        try:
            redis.ping()
        except RedisError as error:
            if time.monotonic() - logged_at > LOG_EVERY_S:
                logged_at = time.monotonic()
                log.warning(
                    "worker.waits_for_redis error=%s Chưa kết nối được Redis, sẽ tự thử lại. "
                    "Hãy kiểm tra REDIS_URL và máy chủ Redis.",
                    type(error).__name__,
                )
            time.sleep(RESTART_AFTER_S)
        else:
            return


def _is_not_redis_error(record: logging.LogRecord) -> bool:
    """Filter log records: an unavailable Redis takes one line of ours, not a stack trace of RQ's."""
    return not (record.exc_info and isinstance(record.exc_info[1], RedisError))


def supervise_queues(settings: Settings, queues: list[str]) -> None:
    """Run a child process for each queue, restarted when it ends.

    All of them end with this process, however it ends. They are forked, so that all share the memory of what
    is loaded (a process of its own for each took 110 MB and 1.3 s of CPU at its start); this process must
    have no connection open.
    """
    children: dict[str, ForkProcess] = {}
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
            if queue not in children or not children[queue].is_alive():
                children[queue] = ForkProcess(
                    target=_work_as_child, args=(settings, queue, die_with_parent(signal.SIGTERM))
                )
                children[queue].start()
        time.sleep(RESTART_AFTER_S)
    for child in children.values():
        child.join()


def _work_as_child(settings: Settings, queue: str, follow: Callable[[], None]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    follow()
    name_process(f"loa {queue}")
    work(open_runtime(settings), queue)


def run_scheduler(runtime: Runtime) -> None:
    """Enqueue the sweep at intervals until asked to stop.

    A sweep that has not started yet is not enqueued again, so none pile up.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        enqueue_sweep(runtime)
        stop.wait(runtime.settings.sweep_s)
