"""Clocks of a process that a test moves, by a small C library that is loaded before all others."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outreach.rules.gateway import VIETNAM
from tests.support.servers import make_folder

SOURCE = Path(__file__).with_name("clocks.c")
_SECOND = 1_000_000_000


class NoCompiler(Exception):
    """No C compiler, or it failed; `str()` says what to do."""


def build_clocks(folder):
    """Compile the library into `folder`. Raises NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise NoCompiler("no C compiler: apt-get install gcc libc6-dev")
    library = folder / "clocks.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        raise NoCompiler(f"{SOURCE.name} does not compile here: {built.stderr[-500:]}")
    return library


class Clocks:
    """Clocks of one process and its children, started with `environment`; at first they are those of `like`."""

    def __init__(self, library, file, *, like=None):
        if not file.exists():
            file.write_bytes(like._offsets[:16] if like else bytes(16))
        with file.open("r+b") as opened:
            self._offsets = mmap.mmap(opened.fileno(), 16)
        self.environment = {"LD_PRELOAD": str(library), "LOA_CLOCKS": str(file)}

    def step(self, seconds):
        """Set the wall clock forward, or back."""
        self._add(wall=seconds)

    def freeze(self, seconds):
        """Take from the monotonic clock the time for which its host was suspended."""
        self._add(monotonic=-seconds)

    def _add(self, *, wall=0, monotonic=0):
        now = struct.unpack("<qq", self._offsets[:16])
        moved = (now[0] + int(wall * _SECOND), now[1] + int(monotonic * _SECOND))
        self._offsets[:16] = struct.pack("<qq", *moved)


def go_on_at(clock):
    """Run this program anew, and all that it starts, under clocks that a test moves, as if it were `clock` in Vietnam.

    Returns the clocks, in the program that was begun anew. Raises NoCompiler.
    """
    if name := os.environ.get("LOA_CLOCKS"):
        return Clocks(Path(os.environ["LD_PRELOAD"]), Path(name))
    folder = make_folder()
    folder.chmod(0o755)  # PostgreSQL runs as another user
    clocks = Clocks(build_clocks(folder), folder / "clocks")
    clocks.step(seconds_until(clock))
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **clocks.environment})


def seconds_until(clock):
    """Return the seconds from now to `clock` (HH:MM:SS) in Vietnam, less than a day."""
    now = datetime.now(UTC).astimezone(VIETNAM)
    hour, minute, second = map(int, clock.split(":"))
    at = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return ((at - now) % timedelta(days=1)).total_seconds()


MOST_TO_MIDNIGHT_S = 3600.0


def come_to_midnight(*clocks):
    """Set clocks to two seconds before midnight in Vietnam, where they are not past it."""
    left = seconds_until("23:59:58")
    for each in clocks:
        if left < MOST_TO_MIDNIGHT_S:
            each.step(left)
