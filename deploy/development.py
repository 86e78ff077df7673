"""The variables of a run on a developer's machine: what is set counts, the rest is made once and kept.

`var/env` tells them to commands typed in another shell of the clone, one KEY=value a line.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.redis_server import RedisServer, can_listen, prepare_redis


class CannotRun(Exception):
    """The system cannot be started; `str()` says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What one run needs: the `variables` of every process, where to listen, and a Redis to start, if any."""

    variables: dict[str, str]
    port: int
    simulator_port: int
    redis: RedisServer | None


def plan_run(var: Path, given: Mapping[str, str]) -> Plan:
    """Settle every variable, and keep in `var` what the next start must find again. Raises CannotRun."""
    port = read_port(given, "PORT", 8000)
    simulator_port = read_port(given, "SIMULATOR_PORT", 8001)
    if port == simulator_port:
        raise CannotRun(f"PORT and SIMULATOR_PORT are both {port}: give them different values.")
    redis = None if given.get("REDIS_URL") else prepare_own_redis(var / "redis")
    defaults = {
        "DATABASE_URL": f"sqlite:///{var.resolve()}/loa.db",
        "REDIS_URL": redis.url if redis else "",
        "SECRET_KEY": keep_secret(var / "secret_key", lambda: secrets.token_hex(32)),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "SMS_GATEWAY": "simulator",
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{simulator_port}",
        "TWILIO_ACCOUNT_SID": keep_secret(var / "twilio_account_sid", lambda: "AC" + secrets.token_hex(16)),
        "TWILIO_AUTH_TOKEN": keep_secret(var / "twilio_auth_token", lambda: secrets.token_hex(16)),
        "TWILIO_FROM": "LOA",
    }
    variables = {name: given.get(name) or default for name, default in defaults.items()}
    write_private(var / "env", "".join(f"{name}={value}\n" for name, value in variables.items()))
    return Plan(variables, port, simulator_port, redis)


def prepare_own_redis(folder: Path) -> RedisServer:
    """A Redis that keeps its data in `folder`, on the port of the last run where that is still free."""
    folder.mkdir(parents=True, exist_ok=True)
    remembered = folder / "port"
    last = int(remembered.read_text()) if remembered.exists() else None
    redis = prepare_redis(
        folder, password=keep_secret(folder / "password", lambda: secrets.token_hex(16)), keep=True, port=last
    )
    remembered.write_text(str(redis.port))
    return redis


def read_port(given: Mapping[str, str], name: str, default: int) -> int:
    """The port that a variable names, which must be free. Raises CannotRun."""
    text = given.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CannotRun(f"{name}={text} is not a port: a number from 1 to 65535 is needed.")
    if not can_listen(int(text)):
        raise CannotRun(
            f"Port {text} is in use by another program: end it, or choose another port with {name}, "
            f"for example `make run {name}={int(text) % 65000 + 100}`."
        )
    return int(text)


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file, made at the first call and readable by its owner alone."""
    if not path.exists():
        write_private(path, make() + "\n")
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, so that nobody reads half of it; only its owner may read it."""
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
