"""Worker processes, their supervisor, and the scheduler.

A worker moves each job that it takes into a list of its own (`BLMOVE`), so that a job taken just before a crash stays in
Redis. The scheduler enqueues the sweep every few seconds; two schedulers enqueue it no more often than one.
"""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError
from redis import TimeoutError as RedisTimeoutError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy

from deploy.processes import describe_end, die_with_parent, name_process
from outreach.core import job_queue
from outreach.core.db import DATABASE_AWAY
from outreach.core.logs import begin_request
from outreach.core.settings import Settings
from outreach.rules.errors import BadInput
from outreach.runtime import open_runtime
from outreach.use_cases import enqueue_sweep
from workers import context, jobs  # noqa: F401 - jobs before any fork, so that all share them
from workers.context import database_process

log = logging.getLogger(__name__)


MAINTENANCE_S = 60
RESTART_AFTER_S = 1.0
LOG_EVERY_S = 30.0
TURN_S = 0.2  # how long a worker at several queues waits at one of them before it looks at the others
# Queues that keep a process of their own where one worker serves several: sending waits for nobody, and an import takes
# minutes, in which a cry for help must not wait.
ALONE = (job_queue.SEND, job_queue.IMPORTS)
# Niceness of a process that serves these queues alone: if processors are short, somebody who waits for a page goes first.
# A worker sends 4,900 messages/s where a sender's name has 100/s by contract. The others bring cries for help and tell of them.
NICENESS = {job_queue.SEND: 5, job_queue.IMPORTS: 10}
# An unavailable server is no fault of a job: one log line, and the sweep enqueues it again. RQ's own two mean that
# the job's record is gone: Redis has come back without it.
SERVER_ERRORS = (RedisError, *DATABASE_AWAY, InvalidJobOperation, NoSuchJobError)


class QueueInTurn(Queue):
    """RQ queue for a worker at several: RQ itself would pop their jobs, and lose one with the worker that popped it."""

    @classmethod
    def lmove(cls, connection: Redis, queue_key: str, timeout: int | None) -> Any:
        # RQ asks a worker to stop by an exception, at whatever line the signal finds it; a line that passes over
        # exceptions would let it wait here for minutes.
        if context.stop_requested.is_set():
            raise StopRequested
        return super().lmove(connection, queue_key, timeout)

    @classmethod
    def dequeue_any(
        cls, queues: Iterable[Queue], timeout: int | None, connection: Redis, *args: Any, **kwargs: Any
    ) -> tuple[Job, Queue] | None:
        in_order = list(queues)
        if len(in_order) == 1:
            return super().dequeue_any(in_order, timeout, connection, *args, **kwargs)
        ends_at = time.monotonic() + (timeout or 0)
        while True:
            for queue in in_order:
                if found := super().dequeue_any([queue], None, connection, *args, **kwargs):
                    return found
            if timeout is None:
                return None
            if time.monotonic() >= ends_at:
                raise DequeueTimeout(timeout, [queue.key for queue in in_order])
            with suppress(DequeueTimeout):
                # RQ passes the seconds on to Redis, which takes fractions.
                return super().dequeue_any(in_order[:1], TURN_S, connection, *args, **kwargs)  # type: ignore[arg-type]


class LoaWorker(SimpleWorker):
    """RQ worker that runs jobs in its own process, so that the event loop and connections outlive them."""

    max_connection_wait_time = 5.0  # seconds between attempts to reconnect to Redis

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        super().prepare_job_execution(job, remove_from_intermediate_queue=True)

    def execute_job(self, job: Job, queue: Queue) -> Any:
        # The job has started: what is enqueued from now on is new and gets its own job.
        try:
            self.connection.delete(job_queue.pending_key(job.description or ""))
        except RedisError as error:
            log.warning("worker.pending_not_cleared error=%s", type(error).__name__)
        begin_request(job.meta.get(job_queue.REQUEST) or job.id)
        return super().execute_job(job, queue)

    def handle_job_success(self, job: Job, *args: Any, **kwargs: Any) -> None:
        super().handle_job_success(job, *args, **kwargs)
        self._note_result(job, has_failed=False)

    def _note_result(self, job: Job, *, has_failed: bool) -> None:
        with suppress(RedisError):  # RQ itself meets the same error and says so
            job_queue.note_result(self.connection, job.description or "", has_failed=has_failed)

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

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        # For the same reason the message is not stored in Redis.
        is_last_try = not job.retries_left
        super().handle_job_failure(job, *args, **{**kwargs, "exc_string": "see the worker's log"})
        if is_last_try:
            self._note_result(job, has_failed=True)


def parse_queues(names: str | None) -> list[str]:
    """Parse queue names from `--queues a,b`; all queues if empty. Raises BadInput for an unknown one."""
    queues = [name.strip() for name in (names or "").split(",") if name.strip()] or list(job_queue.QUEUES)
    if unknown := [name for name in queues if name not in job_queue.QUEUES]:
        raise BadInput("queue_unknown", names=unknown, queues=list(job_queue.QUEUES))
    return queues


def share_out(queues: Sequence[str]) -> list[list[str]]:
    """Return the queues of each process that serves them: those in `ALONE` one each, the others together."""
    together = [name for name in queues if name not in ALONE]
    return [*([name] for name in queues if name in ALONE), *([together] if together else [])]


def create_worker(queues: Sequence[str], redis: Redis) -> LoaWorker:
    """Return a worker at these queues that runs our own jobs alone and unpickles nothing."""
    return LoaWorker(
        [job_queue.open_queue(queue, redis, QueueInTurn) for queue in queues],
        connection=redis,
        queue_class=QueueInTurn,
        job_class=job_queue.AllowedJob,
        serializer=JSONSerializer,
        maintenance_interval=MAINTENANCE_S,
    )


def niceness_of(queues: Sequence[str]) -> int:
    """Return the niceness of a process that serves these queues: as high as its most urgent one allows."""
    return min(NICENESS.get(queue, 0) for queue in queues)


def work(settings: Settings, queues: Sequence[str]) -> None:
    """Work on one queue, or several in turn, until asked to stop or until Redis is unavailable when a job ends."""
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness_of(queues), os.getpriority(os.PRIO_PROCESS, 0)))
    with ExitStack() as at_the_end:
        # Whatever ends this: the interpreter waits for its children first, and would wait for ever for this one.
        at_the_end.callback(lambda: database_process().end())
        if job_queue.SEND in queues:
            database_process().start()  # before this process has a connection or a second thread
        at_the_end.callback(context.close_gateways)
        logging.getLogger("rq.worker").addFilter(_is_not_redis_error)
        runtime = open_runtime(settings)
        _wait_for_redis(runtime.redis)
        if job_queue.SEND in queues:
            context.sending_gateways()  # a centre's receipts and replies come on its connection, also while nothing is sent
        context.shares_process = len(queues) > 1
        threading.Thread(target=_say_alive, args=(settings, queues), name="alive", daemon=True).start()
        # Also of a Redis that hangs by now: RQ asks it as soon as there is a worker.
        with suppress(RedisError):
            worker = create_worker(queues, runtime.redis)
            # RQ has set a longer timeout than ours, for waiting at the queue; connections made before keep ours.
            runtime.redis.connection_pool.reset()
            worker.work(logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)


def work_alone(settings: Settings, queue: str) -> None:
    """Work on one queue until asked to stop, even if Redis is unavailable meanwhile."""
    work(settings, [queue])
    if not context.stop_requested.is_set():
        # RQ gives up if Redis is unavailable when a job ends. The same process starts again.
        log.warning("worker.starts_again queue=%s", queue)
        os.execv(sys.executable, [sys.executable, "-m", "workers", queue])  # noqa: S606 - our own command line


def _say_alive(settings: Settings, queues: Sequence[str]) -> None:
    """Note again and again that this process lives, also in the middle of a long job."""
    redis = open_runtime(settings).redis
    while True:
        with suppress(RedisError):
            job_queue.note_alive(redis, queues, context.worker_name())
        time.sleep(job_queue.ALIVE_EVERY_S)


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


def worker_tasks(settings: Settings, queues: Sequence[str]) -> dict[str, Callable[[], None]]:
    """Return what the processes do that serve these queues, by their names."""
    return {"+".join(names): partial(work, settings, names) for names in share_out(queues)}


_ENDING = (signal.SIGTERM, signal.SIGINT)


def supervise(tasks: Mapping[str, Callable[[], None]]) -> None:
    """Run a child process for each task, restarted when it ends, until asked to stop.

    All of them end with this process, however it ends. They are forked, so that all share the memory of what
    is loaded (a process of its own for each took 130 MB and 1.3 s of CPU at its start); this process must
    have no connection open.
    """
    children: dict[str, ForkProcess] = {}
    is_ending = False

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_ending
        is_ending = True
        for child in children.values():
            child.terminate()

    for number in _ENDING:
        signal.signal(number, end)
    while not is_ending:
        for name, task in tasks.items():
            if name in children and not children[name].is_alive():
                log.warning(
                    "process.ended name=%s reason=%s", name, describe_end(children[name].exitcode or 0)
                )
            if name in children and children[name].is_alive():
                continue
            # A signal waits until the child is known to `end`, and in the child until it would end it.
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            if not is_ending:
                args = (name, task, die_with_parent(signal.SIGTERM))
                children[name] = ForkProcess(target=_run_as_child, args=args)
                children[name].start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        time.sleep(RESTART_AFTER_S)
    for child in children.values():
        child.join()


def _run_as_child(name: str, task: Callable[[], None], follow: Callable[[], None]) -> None:
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    follow()
    name_process(f"loa {name}")
    task()


def run_scheduler(settings: Settings) -> None:
    """Enqueue the sweep at intervals until asked to stop.

    A sweep that has not started yet is not enqueued again, so none pile up.
    """
    runtime = open_runtime(settings)
    stop = threading.Event()
    for number in _ENDING:
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        enqueue_sweep(runtime)
        stop.wait(runtime.settings.sweep_s)
