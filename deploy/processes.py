"""What Linux offers so that no process outlives the one it was started for."""

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# Looked up once, before any fork: the child between fork and exec must not import or load anything.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def die_with_parent(how: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the kernel signals the new process when the thread that started it ends."""
    parent = os.getpid()

    def ask_kernel() -> None:
        _prctl(PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def follow_parent(how: signal.Signals) -> None:
    """This process gets `how` when its own parent ends."""
    _prctl(PR_SET_PDEATHSIG, how)


def adopt_orphans() -> None:
    """Descendants whose parent ends become children of this process, so that it can find and end them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> set[int]:
    """The ids of this process's children, zombies included."""
    me = str(os.getpid())
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # "pid (name) state ppid …": the name may hold spaces and brackets, the rest does not.
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if parent == me:
            found.add(int(entry.name))
    return found


def end_orphans(known: set[int]) -> int:
    """Kill and reap every child that is not `known`, and what they leave in turn; the number ended."""
    ended = 0
    while orphans := children() - known:
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            ended += 1
    return ended
