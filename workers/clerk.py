"""A second process beside a sending worker's own: it talks to the database while the event loop talks to the gateway.

In one process the two would want the same interpreter: while a claim was read and written, replies waited.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from typing import Any, Concatenate, ParamSpec, TypeVar

from campaigns.delivery.clerk import Away, attend
from deploy.processes import follow_parent
from outreach.runtime import Runtime, spare_what_is_loaded
from workers import context

# Where processors are short the event loop goes first: the clerk works ahead of it, and need only keep up.
GIVES_WAY = 5

P = ParamSpec("P")
T = TypeVar("T")


class ClerkProcess:
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
            raise Away(type(error).__name__) from error

    def end(self) -> None:
        """End the process; the next call starts another."""
        if self._pool:
            self._pool.shutdown()
            self._pool = None


@cache
def clerk() -> ClerkProcess:
    """This worker's own."""
    return ClerkProcess()


def _begin() -> None:
    """The worker alone is told to stop, and lets go of this process when everything is recorded."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_parent(signal.SIGKILL)
    os.nice(GIVES_WAY)
    context.runtime()
    spare_what_is_loaded()


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return attend(context.runtime(), function, *args, **kwargs)
