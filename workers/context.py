"""State of a worker process between jobs: runtime, event loop, gateway, database process.

The database process is a second process beside a sending worker: it talks to the database while the event
loop talks to the gateway. In one process the two would compete for the interpreter: while a claim was read
and written, replies waited.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any, TypeVar

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.claim_messages import Claim, claim_next_batch
from campaigns.delivery.open_gateways import OpenGateways
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.delivery.send_messages import BackendUnavailable, call_backend
from campaigns.replies.gateway_inbox import GatewayInbox
from deploy.processes import name_process
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


def runtime() -> Runtime:
    """Return the runtime, with the office's settings of lately."""
    opened = _runtime()
    opened.refresh()
    return opened


@cache
def _runtime() -> Runtime:
    """Open the runtime at the first job, not at import: a forked child must not share its parent's connections."""
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


KEPT = 1 << 18  # requests
RETRY_S = 1.0


class StartedRequests:
    """The last requests that a worker began, in memory that it shares with its database process."""

    def __init__(self) -> None:
        self._ids = RawArray("q", KEPT)
        self._count = RawArray("q", 1)

    @property
    def count(self) -> int:
        return int(self._count[0])

    def note(self, attempt_id: int) -> None:
        """Note that an attempt's request is about to leave."""
        count = self._count[0]
        self._ids[count % KEPT] = attempt_id
        self._count[0] = count + 1

    def since(self, count: int) -> set[int] | None:
        """Return the attempts whose requests began since there were `count`; None if these are more than are kept."""
        if self.count - count > KEPT:
            return None
        return {self._ids[i % KEPT] for i in range(count, self.count)}


class ClaimsInHand:
    """The claims of a worker whose outcomes have not been stored, as its database process sees them pass."""

    def __init__(self, started: StartedRequests) -> None:
        self._started = started
        # By attempt, with the count of requests at that moment.
        self._claims: dict[int, tuple[Claim, int]] = {}

    def note_call(self, function: Callable[..., Any], args: tuple[Any, ...], answer: Any) -> None:
        """Note what a call has done that succeeded; before its answer is passed on."""
        if function is claim_next_batch and answer:
            count = self._started.count
            self._claims |= {task.claim.attempt_id: (task.claim, count) for task in answer[2]}
        elif function is store_outcomes:
            for claim, _outcome in args[0]:
                self._claims.pop(claim.attempt_id, None)

    def give_back(self, runtime: Runtime) -> int:
        """Return what was certainly never sent to the outbox, after the worker's end. Returns how many messages.

        The others are found when their leases are over. Tries again while the database is away, for as long as a lease.
        """
        first = min((count for _claim, count in self._claims.values()), default=0)
        begun = self._started.since(first)
        if begun is None:
            return 0
        unsent = [(claim, None) for claim, _count in self._claims.values() if claim.attempt_id not in begun]
        gives_up_at = time.monotonic() + runtime.settings.lease_s
        while unsent and time.monotonic() < gives_up_at:
            try:
                store_outcomes(runtime, unsent)
            except SQLAlchemyError as error:
                log.warning("send.not_given_back count=%d error=%s", len(unsent), type(error).__name__)
                time.sleep(RETRY_S)
            else:
                log.warning("send.given_back count=%d", len(unsent))
                return len(unsent)
        return 0


# Niceness: if processors are short the event loop goes first, as the database process works ahead of it and
# need only keep up.
DATABASE_PROCESS_NICENESS = 5
Call = tuple[Callable[..., Any], tuple[Any, ...]]


class DatabaseProcess:
    """Process for database calls, with its own runtime. It outlives the jobs and runs one call at a time.

    A pool of `concurrent.futures` does not do: it holds the writing end of its answers itself, so that a process that is
    killed in the middle of an answer leaves it reading for ever, and every later call waiting.
    """

    def __init__(self) -> None:
        # Calls wait here for their turn. This one thread alone knows the process, but for the first start.
        self._calls = ThreadPoolExecutor(1, "database-calls")
        self.started = StartedRequests()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def start(self) -> None:
        """Start the process by a fork, so that it shares the memory of what is loaded.

        Call it while this process has no other thread and no connection.
        """
        self._open("fork")

    def _open(self, method: str) -> Connection:
        context = get_context(method)
        self._connection, theirs = context.Pipe()
        given = (theirs, self._connection, os.getpid(), self.started)
        self._process = context.Process(target=_serve, args=given)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()  # so that its end is the end of the connection
        return self._connection

    async def __call__(self, function: Callable[..., T], *args: Any) -> T:
        """Call `function` with that process's runtime and `args`.

        Raises BackendUnavailable if the database or Redis is unavailable, or the process ended during the
        call.
        """
        return await asyncio.get_running_loop().run_in_executor(self._calls, self._pass_on, (function, args))

    def _pass_on(self, call: Call) -> Any:
        # A fork would copy the locks that other threads hold.
        connection = self._connection or self._open("spawn")
        try:
            connection.send(call)
            answer, error = connection.recv()
        except (EOFError, OSError) as ended:
            # Killed from outside. What it had claimed is recovered when the leases expire.
            self._close()
            raise BackendUnavailable(type(ended).__name__) from ended
        if error:
            raise error
        return answer

    def end(self) -> None:
        """End the process; the next call starts another."""
        self._calls.submit(self._close).result()

    def _close(self) -> None:
        if self._process and self._connection:
            with suppress(OSError):
                self._connection.send(None)
            self._connection.close()
            self._process.join()
            self._process = self._connection = None


@cache
def database_process() -> DatabaseProcess:
    """Return this worker's database process."""
    return DatabaseProcess()


PARENT_LOOKED_FOR_S = 1.0


def _serve(calls: Connection, worker_end: Connection, parent: int, started: StartedRequests) -> None:
    """Answer the calls of the worker with the process id `parent`: with what was returned, or with the error.

    It ignores signals: the worker alone is asked to stop, and ends this process when everything is recorded. After a worker
    that was killed it gives back what that had not begun to send.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker_end.close()  # so that the worker's end is the end of the connection
    name_process("loa database")
    if os.getppid() != parent:
        os._exit(1)  # the worker was killed while this process was starting
    os.nice(DATABASE_PROCESS_NICENESS)
    runtime()
    freeze_loaded_objects()
    in_hand = ClaimsInHand(started)
    with suppress(EOFError, OSError):
        while call := calls.recv():
            function, args = call
            answer, error = None, None
            try:
                answer = call_backend(runtime(), function, *args)
                in_hand.note_call(function, args, answer)
            except Exception as raised:
                error = raised
            calls.send((answer, error))
        return
    ends_at = time.monotonic() + PARENT_LOOKED_FOR_S
    while time.monotonic() < ends_at:
        if os.getppid() != parent:  # it has ended: nothing leaves any more
            in_hand.give_back(runtime())
            return
        time.sleep(0.01)
