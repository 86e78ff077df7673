"""State of a worker process between jobs: runtime, event loop, gateway, database process.

The database process is a second process beside a sending worker: it talks to the database while the event
loop talks to the gateway. In one process the two would compete for the interpreter: while a claim was read
and written, replies waited.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from typing import Any, Concatenate, ParamSpec, TypeVar

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.open_gateways import OpenGateways
from campaigns.delivery.send_messages import BackendUnavailable, call_backend
from campaigns.replies.gateway_inbox import GatewayInbox
from deploy.processes import follow_parent, name_process
from outreach.core.settings import Settings
from outreach.runtime import Runtime, freeze_loaded_objects, open_runtime

log = logging.getLogger(__name__)
T = TypeVar("T")
# Set when the process is asked to end: no gateway request starts after that.
stop_requested = threading.Event()
# Whether this process serves several queues, so that a job must not take long.
shares_process = False


@cache
def worker_name() -> str:
    """Return the name of this process among all workers; asked for in a job, hence after any fork."""
    return f"{socket.gethostname()[:30]}-{os.getpid()}"


@cache
def runtime() -> Runtime:
    """Return the runtime, opened at the first job.

    Not at import: a forked child must not share its parent's connections.
    """
    return open_runtime(Settings.from_env())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop, which runs in a thread of its own: a gateway's connection must answer between jobs, too."""
    # Other threads of this process must not keep the event loop waiting for long.
    sys.setswitchinterval(0.001)
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="event-loop", daemon=True).start()
    return loop


REFRESH_EVERY_S = 5.0


@cache
def sending_gateways() -> OpenGateways:
    """Return the gateways of a sending worker, whose connections outlive the jobs and follow changes of the accounts."""

    async def open_all() -> OpenGateways:
        opened = OpenGateways(runtime(), GatewayInbox(runtime()))
        await _refresh(opened)
        _keeper.append(asyncio.create_task(keep_fresh(opened)))
        return opened

    async def keep_fresh(opened: OpenGateways) -> None:
        while True:
            await asyncio.sleep(REFRESH_EVERY_S)
            await _refresh(opened)

    return run(open_all())


_keeper: list[asyncio.Task[None]] = []


async def _refresh(opened: OpenGateways) -> None:
    try:
        await opened.refresh()
    except SQLAlchemyError as error:
        log.warning("gateway.accounts_not_read error=%s", type(error).__name__)


def asking_gateways() -> OpenGateways:
    """Return gateways for asking what became of messages, as they are now. None of them takes reports over a connection."""
    run(_asking().refresh(without_smpp=True))
    return _asking()


@cache
def _asking() -> OpenGateways:
    async def create() -> OpenGateways:
        return OpenGateways(runtime())

    return run(create())


def close_gateways() -> None:
    """Close the gateways' connections before the process ends, so that nothing more is sent to it."""
    for opened in (sending_gateways, _asking):
        if opened.cache_info().currsize:
            while opened is sending_gateways and _keeper:
                _keeper.pop().cancel()
            run(opened().close())
            opened.cache_clear()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the process's own event loop."""
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # RQ's alarm has ended the job
        raise


# Niceness: if processors are short the event loop goes first, as the database process works ahead of it and
# need only keep up.
DATABASE_PROCESS_NICENESS = 5
P = ParamSpec("P")


class DatabaseProcess:
    """Process for database calls, with its own runtime. It outlives the jobs and runs one call at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def start(self) -> None:
        """Start the process by a fork, so that it shares the memory of what is loaded.

        Call it while this process has no other thread and no connection.
        """
        self._pool = self._open("fork")
        self._pool.submit(os.getpid).result()

    def _open(self, method: str) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, mp_context=get_context(method), initializer=_initialise, initargs=(os.getpid(),)
        )

    async def __call__(
        self, function: Callable[Concatenate[Runtime, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `function` with that process's runtime and `args`.

        Raises BackendUnavailable if the database or Redis is unavailable, or the process ended during the
        call.
        """
        if self._pool is None:
            self._pool = self._open("spawn")  # a fork would copy the locks that other threads hold
        pool = self._pool
        try:
            answer = asyncio.get_running_loop().run_in_executor(pool, _call, function, args, kwargs)
            if pool._broken:
                # Python 3.11 loses a call that is passed on just while the pool learns that its process has ended.
                answer.cancel()
                raise BrokenProcessPool
            return await answer
        except BrokenProcessPool as error:
            # Killed from outside. What it had claimed is recovered when the leases expire.
            if self._pool is pool:
                pool.shutdown(wait=False)
                self._pool = None
            raise BackendUnavailable(type(error).__name__) from error

    def end(self) -> None:
        """End the process; the next call starts another."""
        if self._pool:
            self._pool.shutdown()
            self._pool = None


@cache
def database_process() -> DatabaseProcess:
    """Return this worker's database process."""
    return DatabaseProcess()


def _initialise(parent: int) -> None:
    """Set up the database process of the worker with the process id `parent`.

    It ignores signals: the worker alone is asked to stop, and ends this process when everything is recorded.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_parent(signal.SIGKILL)
    name_process("loa database")
    if os.getppid() != parent:
        os._exit(1)  # the worker was killed while this process was starting
    os.nice(DATABASE_PROCESS_NICENESS)
    runtime()
    freeze_loaded_objects()


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call_backend(runtime(), function, *args, **kwargs)
