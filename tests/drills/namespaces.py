"""Hosts of a network of their own, inside this machine: Linux's network namespaces, joined by cables that can be pulled.

Needs root and `ip` (apt-get install iproute2). Nothing of it can be reached from outside, nor reaches out.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# A cable each: .1 is the main host's end, .2 the worker host's.
NET = "10.203"


class NoNamespaces(Exception):
    """This machine lets us make none; `str()` says why."""


@dataclass(frozen=True)
class Hosts:
    """The main host and the worker hosts, by their namespaces' names; worker host i (1, 2, …) reaches main at `main_at(i)`."""

    main: str
    workers: tuple[str, ...]

    def main_at(self, worker: int) -> str:
        return f"{NET}.{worker}.1"

    def cut(self, worker: int) -> None:
        """Pull the cable: packets are lost in both directions, and nobody is told."""
        self._set(worker, "down")

    def join(self, worker: int) -> None:
        self._set(worker, "up")

    def _set(self, worker: int, state: str) -> None:
        ip("-n", self.main, "link", "set", f"to{worker}", state)


def ip(*arguments: str) -> None:
    """Raises NoNamespaces."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def hosts(workers: int) -> Iterator[Hosts]:
    """Make them, and take them down at the end. Raises NoNamespaces."""
    if os.geteuid() != 0:
        raise NoNamespaces("only root may make network namespaces")
    if shutil.which("ip") is None:
        raise NoNamespaces("there is no `ip`: apt-get install iproute2")
    own = f"loa{os.getpid()}"
    made = Hosts(f"{own}-main", tuple(f"{own}-w{i}" for i in range(1, workers + 1)))
    try:
        for name in (made.main, *made.workers):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for i, name in enumerate(made.workers, start=1):
            ends = (f"to{i}", "netns", made.main, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "add", "name", *ends)
            for host, cable, address in ((made.main, f"to{i}", 1), (name, "eth0", 2)):
                ip("-n", host, "address", "add", f"{NET}.{i}.{address}/30", "dev", cable)
                ip("-n", host, "link", "set", cable, "up")
        yield made
    finally:
        for name in (made.main, *made.workers):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
