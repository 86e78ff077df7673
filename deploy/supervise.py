"""Supervisor of processes: restarts those that end, collects their output, ends them all together.

Everything runs in one thread and one event loop. Each process has its own session, so that
Ctrl-C reaches only the supervisor, which then ends the others in order. If the supervisor itself is killed,
the kernel sends its processes SIGTERM. Orphans of a killed process become children of the supervisor,
and are killed.
"""

import asyncio
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.processes import adopt_orphans, describe_end, die_with_parent, end_orphans

MAX_QUEUED = 10_000  # lines


class Printer:
    """Printer of lines with the name of their process, in its own thread.

    If the terminal is stopped (Ctrl-S) or the reader does not read, lines are dropped, which are also in the logs; the
    supervisor is never blocked.
    """

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_QUEUED)
        self._thread = threading.Thread(target=self._print, daemon=True)
        self._thread.start()

    def say(self, name: str, text: str) -> None:
        """Print one line with the name of its process."""
        self.show(f"{name:<9} | {text}")

    def show(self, text: str) -> None:
        """Print a text unchanged."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            return

    def close(self, patience: float = 1.0) -> None:
        """Print the remaining lines, for at most `patience` seconds."""
        try:
            self._lines.put(None, timeout=patience)
        except queue.Full:
            return
        self._thread.join(patience)

    def _print(self) -> None:
        while (text := self._lines.get()) is not None:
            data = memoryview((text + "\n").encode())
            try:
                while data:
                    data = data[os.write(sys.stdout.fileno(), data) :]
            except OSError:
                return  # the reader is gone


FIRST_PAUSE = 0.5  # seconds before the first restart, doubled up to the longest
LONGEST_PAUSE = 10.0
SETTLED = 20.0  # seconds of running after which the pauses start again at the first
CHUNK = 65536
Process = subprocess.Popen[bytes]


@dataclass
class Service:
    """Service to keep running; `running` is its process, or None."""

    name: str
    command: Sequence[str]
    running: Process | None = None


class Supervisor:
    """Supervisor of the processes of one run. Create it inside the event loop."""

    def __init__(
        self, *, environment: Mapping[str, str], logs: Path, printer: Printer, keep_open: Sequence[int] = ()
    ) -> None:
        """Take over child processes; `keep_open` are file descriptors that every process inherits."""
        self._environment = dict(environment)
        self._logs = logs
        self._printer = printer
        self._keep_open = keep_open
        self._services: list[Service] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._pipes: dict[str, int] = {}
        self._processes: dict[int, tuple[Process, asyncio.Future[int]]] = {}
        adopt_orphans()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def start(self, name: str, command: Sequence[str]) -> Service:
        """Start a process and keep it running until `stop`."""
        service = Service(name, command)
        self._services.append(service)
        self._keepers.append(asyncio.create_task(self._keep(service), name=name))
        return service

    async def run(self, name: str, command: Sequence[str]) -> int:
        """Run a command to its end. Returns its exit code, negative for a signal."""
        process, ended = self._spawn(name, command)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            os.killpg(process.pid, signal.SIGKILL)
            raise

    async def stop(self, *, patience: float, last: Sequence[str] = ()) -> None:
        """End all processes with SIGTERM, those named in `last` after the others.

        Those still running after `patience` seconds are killed with their children.
        """
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        first = [service for service in self._services if service.name not in last]
        await self._end(first, patience)
        await self._end(self._services, patience / 3)
        end_orphans(known=set())

    async def _keep(self, service: Service) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                service.running, ended = self._spawn(service.name, service.command)
                # Shielded: the future must still report the end of the process if this task is cancelled.
                outcome = f"ended ({describe_end(await asyncio.shield(ended))})"
            except OSError as error:
                outcome = f"did not start ({error})"
            service.running = None
            if time.monotonic() - began > SETTLED:
                pause = FIRST_PAUSE
            self._printer.say(service.name, f"{outcome}; starting again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _end(self, services: Sequence[Service], patience: float) -> None:
        running = [service.running for service in services if service.running is not None]
        pending = [self._processes[process.pid][1] for process in running if process.pid in self._processes]
        for process in running:
            process.terminate()
        if pending:
            _, late = await asyncio.wait(pending, timeout=patience)
            if late:
                for process in running:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                await asyncio.wait(late)

    def _spawn(self, name: str, command: Sequence[str]) -> tuple[Process, asyncio.Future[int]]:
        output = self._pipe(name)
        process = subprocess.Popen(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=self._keep_open,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._processes[process.pid] = process, ended
        return process, ended

    def _reap(self) -> None:
        """Handle the end of children: set the results of their futures, and kill their orphans."""
        finished = [pid for pid, (process, _) in self._processes.items() if process.poll() is not None]
        for pid in finished:
            process, ended = self._processes.pop(pid)
            if not ended.done():
                ended.set_result(process.returncode)
        end_orphans(known=set(self._processes))

    def _pipe(self, name: str) -> int:
        """Return the write end of a pipe whose lines go to the screen and to the log of that name."""
        if name not in self._pipes:
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            path = self._logs / f"{name}.log"
            if path.exists():
                path.replace(path.with_suffix(".log.1"))
            log = path.open("ab", buffering=0)
            rest = bytearray()

            def read() -> None:
                with contextlib.suppress(BlockingIOError):
                    chunk = os.read(reading, CHUNK)
                    log.write(chunk)
                    rest.extend(chunk)
                    *lines, last = rest.split(b"\n")
                    rest[:] = last
                    for line in lines:
                        self._printer.say(name, line.decode(errors="replace"))

            asyncio.get_running_loop().add_reader(reading, read)
            self._pipes[name] = writing
        return self._pipes[name]
