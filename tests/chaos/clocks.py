"""Clocks of a process that a test moves, by a small C library that is loaded before all others."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clocks.c")
_SECOND = 1_000_000_000


class NoCompiler(Exception):
    """No C compiler, or it failed; `str()` says what to do."""


def build_clocks(folder: Path) -> Path:
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
    """Clocks of one process and its children, started with `environment`."""

    def __init__(self, library: Path, file: Path) -> None:
        file.write_bytes(bytes(16))
        with file.open("r+b") as opened:
            self._offsets = mmap.mmap(opened.fileno(), 16)
        self.environment = {"LD_PRELOAD": str(library), "LOA_CLOCKS": str(file)}

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._add(wall=seconds)

    def freeze(self, seconds: float) -> None:
        """Take from the monotonic clock the time for which its host was suspended."""
        self._add(monotonic=-seconds)

    def _add(self, *, wall: float = 0, monotonic: float = 0) -> None:
        now = struct.unpack("<qq", self._offsets[:16])
        moved = (now[0] + int(wall * _SECOND), now[1] + int(monotonic * _SECOND))
        self._offsets[:16] = struct.pack("<qq", *moved)
