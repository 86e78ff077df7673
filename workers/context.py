"""What a worker process keeps: runtime, loop, gateway, database process.

What a worker's process keeps between jobs: the runtime, one event loop with its gateway, and the wish to stop.

A second process beside a sending worker's own: it talks to the database while the event loop talks to the gateway.

In one process the two would want the same interpreter: while a claim was read and written, replies waited.
"""

from __future__ import annotations

import asyncio
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

from campaigns.delivery.send_messages import BackendUnavailable, call_backend
from deploy.processes import follow_parent
from outreach.core.settings import Settings
from outreach.rules.gateway import Gateway
from outreach.runtime import Runtime, freeze_loaded_objects, open_runtime

T = TypeVar("T")
# Set when the process was asked to end: no request starts after that.
stop_requested = threading.Event()
WORKER_NAME = f"{socket.gethostname()[:30]}-{os.getpid()}"


@cache
def runtime() -> Runtime:
    """Opened at the first job, not at import: a forked child must not share its parent's connections."""
    return open_runtime(Settings.from_env())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    # The loop is never kept waiting for long by a thread of this process.
    sys.setswitchinterval(0.001)
    return uvloop.new_event_loop()


@cache
def gateway() -> Gateway:
    """One pool of connections that outlives the jobs."""

    async def open_it() -> Gateway:
        return runtime().open_gateway()

    return run(open_it())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on the process's own event loop."""
    return _loop().run_until_complete(work)


# Where processors are short the event loop goes first: the clerk works ahead of it, and need only keep up.
GIVES_WAY = 5
P = ParamSpec("P")


class DatabaseProcess:
    """Calls functions in a process of its own that outlives the jobs, one at a time, with its own runtime."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def __call__(
        self, function: Callable[Concatenate[Runtime, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`function` of that process's runtime and `args`. Raises Away, also when the process ended meanwhile."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _call, function, args, kwargs)
        except BrokenProcessPool as error:
            # Killed from outside. What it had claimed comes to light when the leases end.
            if self._pool is pool:
                self.end()
            raise BackendUnavailable(type(error).__name__) from error

    def end(self) -> None:
        """End the process; the next call starts another."""
        if self._pool:
            self._pool.shutdown()
            self._pool = None


@cache
def database_process() -> DatabaseProcess:
    """This worker's own."""
    return DatabaseProcess()


def _begin() -> None:
    """The worker alone is told to stop, and lets go of this process when everything is recorded."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_parent(signal.SIGKILL)
    os.nice(GIVES_WAY)
    runtime()
    freeze_loaded_objects()


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call_backend(runtime(), function, *args, **kwargs)
