"""The worker processes. One queue a process: then a job popped just before a crash stays in Redis."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from redis import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job

from deploy.processes import die_with_parent
from outreach.doorbell import QUEUES, ring_key
from outreach.errors import BadInput
from outreach.runtime import Runtime
from workers import context

log = logging.getLogger(__name__)

MAINTENANCE_S = 60
RESTART_AFTER_S = 1.0


class LoaWorker(SimpleWorker):
    """Runs jobs in this very process, so that the event loop and its connections outlive them."""

    def execute_job(self, job: Job, queue: Queue) -> Any:
        # Answered: whoever rings from now on has something new and gets a job of their own.
        try:
            self.connection.delete(ring_key(job.description or ""))
        except RedisError as error:
            log.warning("worker.ring_not_cleared error=%s", type(error).__name__)
        return super().execute_job(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        context.told_to_stop.set()
        super().handle_warm_shutdown_request()


def parse_queues(names: str | None) -> list[str]:
    """Queues from `--queues a,b`; all where none is named. Raises BadInput for one that does not exist."""
    queues = [name.strip() for name in (names or "").split(",") if name.strip()] or list(QUEUES)
    if unknown := [name for name in queues if name not in QUEUES]:
        raise BadInput(f"Không có hàng đợi {', '.join(unknown)}. Các hàng đợi: {', '.join(QUEUES)}.")
    return queues


def work(runtime: Runtime, queue: str) -> None:
    """Work on one queue until told to stop."""
    worker = LoaWorker(
        [Queue(queue, connection=runtime.redis)],
        connection=runtime.redis,
        maintenance_interval=MAINTENANCE_S,
    )
    worker.work(logging_level="WARNING")


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
