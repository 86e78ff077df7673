"""Gateway of the benchmarks: a C program that answers more than 100,000 requests a second on one core."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.measures import wait_until
from deploy.processes import die_with_parent
from deploy.redis_server import find_port

SOURCE = Path(__file__).with_name("gateway.c")


class NoCompiler(Exception):
    """Missing C compiler; `str()` says what to do."""


@dataclass(frozen=True)
class Stats:
    """Counts of the gateway. `first` and `last` are Unix times of accepted messages, 0 for none."""

    accepted: int
    distinct: int  # numbers
    throttled: int
    most: int  # requests in flight at once
    first: float
    last: float


@dataclass(frozen=True)
class Gateway:
    """Running gateway."""

    url: str
    pid: int
    latency_ms: int
    limit: int  # requests in flight at once; 0 for none

    @property
    def smpp_url(self) -> str:
        """Address of the same gateway as an operator's centre."""
        return f"smpp://bench:bench@{self.url.removeprefix('http://')}"

    def stats(self) -> Stats:
        return Stats(**json.loads(self._get("_stats")))

    def wait_for(self, accepted: int, *, seconds: float) -> Stats:
        """Wait until so many messages are accepted. Raises TimeoutError."""
        what = f"{accepted} messages were not accepted"
        wait_until(lambda: self.stats().accepted >= accepted, what, seconds=seconds)
        return self.stats()

    def _get(self, page: str) -> str:
        with urlopen(f"{self.url}/{page}", timeout=10) as answer:
            return str(answer.read().decode())


def build(folder: Path) -> Path:
    """Compile the gateway into `folder`. Raises NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("The benchmarks' gateway is a C program: apt-get install gcc libc6-dev")
    program = folder / "gateway"
    subprocess.run([compiler, "-O2", "-o", str(program), str(SOURCE)], check=True)
    return program


@contextmanager
def running(program: Path, *, latency_ms: int = 0, limit: int = 0) -> Iterator[Gateway]:
    """Run a new gateway."""
    port = find_port()
    process = subprocess.Popen(
        [program, str(port), str(latency_ms), str(limit)],
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield Gateway(f"http://127.0.0.1:{port}", process.pid, latency_ms, limit)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
