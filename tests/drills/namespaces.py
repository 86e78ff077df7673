"""Hosts of a network of their own, inside this machine: Linux's network namespaces, joined by cables that can be pulled.

Needs root and `ip` (apt-get install iproute2). Nothing of it can be reached from outside, nor reaches out.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass

# .1 is the main host, .2 and so on are the others, each with a cable to a switch in the main host.
NET = "10.203.0"
NOT_HERE = 2  # exit status


class NoNamespaces(Exception):
    """This machine lets us make none; `str()` says why."""


@dataclass(frozen=True)
class Hosts:
    """The main host and the others, by their namespaces' names; the others are counted from 1."""

    main: str
    others: tuple[str, ...]

    def inside(self, host):
        """The words before a command that runs in this host; 0 is the main host."""
        return ["ip", "netns", "exec", self._name(host)]

    def cut(self, host):
        """Pull the cable: packets are lost in both directions, and nobody is told."""
        self._set(host, "down")

    def join(self, host):
        self._set(host, "up")

    def kill_all(self, host):
        """The power fails: its cable is dead, and each of its processes is gone."""
        self.cut(host)
        _kill_all(self._name(host))

    def _set(self, host, state):
        ip("-n", self.main, "link", "set", f"to{host}", state)

    def _name(self, host):
        return self.others[host - 1] if host else self.main


def address(host):
    return f"{NET}.{host + 1}"


def _kill_all(name):
    while found := ip("netns", "pids", name).split():  # also what they have started meanwhile
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)


def ip(*arguments):
    """Raises NoNamespaces."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def hosts(others):
    """Make them, and take them down at the end. Raises NoNamespaces."""
    if os.geteuid() != 0:
        raise NoNamespaces("only root may make network namespaces")
    if shutil.which("ip") is None:
        raise NoNamespaces("there is no `ip`: apt-get install iproute2")
    own = f"loa{os.getpid()}"
    made = Hosts(f"{own}-main", tuple(f"{own}-{i}" for i in range(1, others + 1)))
    try:
        for name in (made.main, *made.others):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", made.main, "link", "add", "switch", "type", "bridge")
        for i, name in enumerate(made.others, start=1):
            ends = (f"to{i}", "netns", made.main, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "add", "name", *ends)
            ip("-n", made.main, "link", "set", f"to{i}", "master", "switch", "up")
        for i, (name, card) in enumerate([(made.main, "switch"), *((name, "eth0") for name in made.others)]):
            ip("-n", name, "address", "add", f"{address(i)}/24", "dev", card)
            ip("-n", name, "link", "set", card, "up")
        yield made
    finally:
        for name in (made.main, *made.others):
            with suppress(NoNamespaces):  # not made yet
                _kill_all(name)
                ip("netns", "delete", name)


def play_inside(module, others, run):
    """Run a drill's program in the main host, so that all it starts is there: it is started anew with the hosts' names."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--inside"]:
        names = arguments[1].split(",")
        return run(Hosts(names[0], tuple(names[1:])), arguments[2:])
    try:
        with hosts(others) as made:
            names = ",".join([made.main, *made.others])
            command = [*made.inside(0), sys.executable, "-m", module, "--inside", names, *arguments]
            return subprocess.run(command).returncode
    except NoNamespaces as error:
        print(f"The drill cannot be played here: {error}", file=sys.stderr)
        return NOT_HERE
