"""What a worker's process keeps between jobs: the runtime, one event loop with its gateway, and the wish to stop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

import uvloop

from outreach.runtime import Runtime, open_runtime
from outreach.settings import Settings
from outreach.sms.gateway import Gateway

T = TypeVar("T")

# Set when the process was asked to end: no request starts after that.
told_to_stop = threading.Event()

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
