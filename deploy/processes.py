"""Linux functions that prevent processes from outliving their parent."""

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
# Loaded once, before any fork: a child must not import or load anything between fork and exec.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def die_with_parent(how: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn`: the kernel signals the new process when the thread that started it ends."""
    parent = os.getpid()

    def set_signal() -> None:
        _prctl(PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os._exit(1)

    return set_signal


def follow_parent(how: signal.Signals) -> None:
    """Let the kernel send this process the signal `how` when its parent ends."""
    _prctl(PR_SET_PDEATHSIG, how)


def name_process(name: str) -> None:
    """Set the name of this process in `ps -o comm` and `top`: at most 15 bytes."""
    _prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that it can find and end them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> set[int]:
    """Return the ids of this process's children, zombies included."""
    own_pid = str(os.getpid())
    pids = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # "pid (name) state ppid …": the name may contain spaces and brackets, the rest does not.
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if parent == own_pid:
            pids.add(int(entry.name))
    return pids


def end_orphans(known: set[int]) -> int:
    """Kill and reap every child not in `known`, and their orphans. Returns the number killed."""
    ended = 0
    while orphans := children() - known:
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            ended += 1
    return ended


def describe_end(code: int) -> str:
    """Return an exit code in words, negative for a signal; only the kernel kills where no person or supervisor did."""
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"signal {name}" + (" (often out of memory: see journalctl -k)" if name == "SIGKILL" else "")
