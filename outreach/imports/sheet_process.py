"""Reading of handed-in files in a child process with limits on memory, CPU and wall time.

A file from outside may be made to exhaust the process that parses it. So no process of Loa parses one itself: a small server of
its own, started once with an empty environment, forks a child for each file. The child sends the rows as lines of JSON
through a pipe and ends; one that goes beyond a limit is ended by the kernel, and the file is refused.

`python -m outreach.imports.sheet_process FD` is the server; it ends when its socket is closed.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from outreach.imports.file_reader import HiddenContent, RawSheet, read_file
from outreach.rules.errors import BadList, LoaError, error_from_json

MEMORY = 512 * 2**20  # bytes of address space
CPU_S = 120  # for a file
WALL_S = 60  # for what is read at once; the time in which nobody takes it does not count
AT_ONCE = 2  # files in one process of ours; others wait
WAIT_S = 60
_ROWS_AT_ONCE = 200
_LONGEST_LINE = 16 * 2**20  # bytes of JSON
_ROOT = Path(__file__).resolve().parents[2]
_Types = dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]]
_MOMENTS: _Types = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "span": (timedelta, timedelta.total_seconds, lambda seconds: timedelta(seconds=seconds)),
}
_slots = threading.BoundedSemaphore(AT_ONCE)
_lock = threading.Lock()
_server: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def _forget_server() -> None:
    """Drop what belongs to the parent of a forked process: its server, and its files under way."""
    global _slots, _lock, _server
    if _server:
        _server[1].close()
    _slots, _lock, _server = threading.BoundedSemaphore(AT_ONCE), threading.Lock(), None


os.register_at_fork(after_in_child=_forget_server)


def read_sheets(path: Path, unseen: HiddenContent | None = None) -> Iterator[RawSheet]:
    """Yield each visible sheet of the file with its rows, as `read_file` does; to be read before the next is asked for.

    Raises BadList as `read_file` does, for a file that goes beyond a limit, and if too many are being read.
    """
    unseen = HiddenContent() if unseen is None else unseen
    with _slot(), _receive(path) as frames:
        for frame in frames:
            if "unseen" in frame:
                unseen.sheets[:], unseen.rows = frame["unseen"]
            if "sheet" in frame:
                merged = frozenset((row, position) for row, position in frame["merged"])
                struck = {(row, position): kept for row, position, kept in frame["struck"]}
                yield RawSheet(frame["sheet"], _rows(frames), merged, struck)


def _rows(frames: Iterator[dict[str, Any]]) -> Iterator[list[object]]:
    for frame in frames:
        if "rows" not in frame:
            return
        yield from frame["rows"]


@contextmanager
def _slot() -> Iterator[None]:
    slots = _slots
    if not slots.acquire(timeout=WAIT_S):
        raise BadList("file_readers_busy")
    try:
        yield
    finally:
        slots.release()


@contextmanager
def _receive(path: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """Let the server read a file, and give what it sends."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        try:
            _ask_server(os.fsencode(path.absolute()), writing)
        finally:
            os.close(writing)
        yield _frames(pipe, path)


def _frames(pipe: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a child sends. Raises BadList for the error that it found, or if it was ended."""
    while (line := pipe.readline(_LONGEST_LINE)).endswith(b"\n"):
        frame = json.loads(line, object_hook=_cell)
        if "error" in frame:
            refused = BadList("file_damaged", name=path.name)
            if error := error_from_json(frame["error"]):
                refused.code, refused.parameters = error.code, error.parameters
            raise refused
        yield frame
        if "end" in frame:
            return
    raise BadList("file_too_costly", name=path.name)


def _ask_server(message: bytes, writing: int) -> None:
    global _server
    with _lock:
        for attempt in (1, 2):
            if _server is None:
                _server = _start_server()
            try:
                socket.send_fds(_server[1], [message], [writing])
            except OSError:  # it was ended from outside
                _server[1].close()
                _server[0].wait()
                _server = None
                if attempt == 2:
                    raise
            else:
                return


def server_pid() -> int | None:
    """Return the server's process id, None before the first file and after its end."""
    return _server[0].pid if _server and _server[0].poll() is None else None


def _start_server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            env={"PYTHONPATH": str(_ROOT), "LANG": "C.UTF-8", "PATH": os.defpath},
            cwd="/",
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return process, ours


def _cell(data: dict[str, Any]) -> Any:
    kind = data.get("kind")
    return _MOMENTS[kind][2](data["value"]) if kind in _MOMENTS else data


# -- the server, and its children ------------------------------------------------------------------


def serve(fd: int) -> None:
    """Fork a child for each path that comes with the end of a pipe, until the socket is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(fileno=fd) as asked:
        while True:
            message, fds, _flags, _address = socket.recv_fds(asked, 65_536, 1)
            if not message:
                return
            if os.fork() == 0:
                asked.close()
                _read_and_end(Path(os.fsdecode(message)), fds[0])
            os.close(fds[0])


def _read_and_end(path: Path, fd: int) -> NoReturn:
    """Send a file's sheets within the limits, then end this process."""
    with suppress(BaseException):  # the process that waits sees the end of the pipe
        set_limits()
        with os.fdopen(fd, "wb", buffering=0) as pipe:
            try:
                _send_sheets(path, lambda frame: _send(pipe, frame))
            except MemoryError:
                pass
            except LoaError as error:
                _send(pipe, {"error": error.as_json()})
            except BrokenPipeError:
                pass
            except BaseException:
                _send(pipe, {"error": LoaError("file_damaged", name=path.name).as_json()})
    os._exit(0)


def set_limits() -> None:
    """Limit this process for good; also let the kernel end it first when the machine is out of memory."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, WALL_S)


def _send_sheets(path: Path, send: Callable[[dict[str, Any]], None]) -> None:
    unseen = HiddenContent()
    for sheet in read_file(path, unseen):
        struck = [[*cell, kept] for cell, kept in sheet.struck.items()]
        send({"sheet": sheet.name, "merged": sorted(sheet.merged), "struck": struck})
        rows = iter(sheet.rows)
        for first in rows:
            send({"rows": [first, *islice(rows, _ROWS_AT_ONCE - 1)]})
        send({"below": None})
    send({"end": None, "unseen": [unseen.sheets, unseen.rows]})


def _send(pipe: Any, frame: dict[str, Any]) -> None:
    line = json.dumps(frame, default=_as_json).encode("ascii") + b"\n"
    if len(line) >= _LONGEST_LINE:
        raise MemoryError
    signal.setitimer(signal.ITIMER_REAL, 0)
    unsent = memoryview(line)
    while unsent:
        unsent = unsent[pipe.write(unsent) :]
    signal.setitimer(signal.ITIMER_REAL, WALL_S)


def _as_json(value: object) -> dict[str, Any]:
    for kind, (class_, write, _read) in _MOMENTS.items():
        if isinstance(value, class_):
            return {"kind": kind, "value": write(value)}
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
