"""Environment variables of `make run`: unset ones are generated once and stored.

Commands typed in another shell of the clone read them from `var/env`, one KEY=value a line.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.redis_server import RedisServer, can_listen, prepare_redis


class CannotRun(Exception):
    """Failure to start the system; `str()` says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """Plan of a run: variables of all processes, ports, and a Redis server to start, if any."""

    variables: dict[str, str]
    port: int
    simulator_port: int
    redis: RedisServer | None


def plan_run(var: Path, environ: Mapping[str, str]) -> Plan:
    """Determine all variables, and store in `var` those that the next start needs. Raises CannotRun."""
    port = read_port(environ, "PORT", 8000)
    simulator_port = read_port(environ, "SIMULATOR_PORT", 8001)
    if port == simulator_port:
        raise CannotRun(f"PORT and SIMULATOR_PORT are both {port}: give them different values.")
    redis = None if environ.get("REDIS_URL") else prepare_own_redis(var / "redis")
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
    variables = {name: environ.get(name) or default for name, default in defaults.items()}
    write_private(var / "env", "".join(f"{name}={value}\n" for name, value in variables.items()))
    return Plan(variables, port, simulator_port, redis)


def prepare_own_redis(folder: Path) -> RedisServer:
    """Prepare a Redis server with its data in `folder`, on the port of the last run if it is free."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file = folder / "port"
    last_port = int(port_file.read_text()) if port_file.exists() else None
    redis = prepare_redis(
        folder,
        password=keep_secret(folder / "password", lambda: secrets.token_hex(16)),
        keep=True,
        port=last_port,
    )
    port_file.write_text(str(redis.port))
    return redis


def read_port(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return the port in a variable. Raises CannotRun if it is invalid or in use."""
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CannotRun(f"{name}={text} is not a port: a number from 1 to 65535 is needed.")
    if not can_listen(int(text)):
        raise CannotRun(
            f"Port {text} is in use by another program: end it, or choose another port with {name}, "
            f"for example `make run {name}={int(text) % 65000 + 100}`."
        )
    return int(text)


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in the file, created at the first call and readable only by its owner."""
    if not path.exists():
        write_private(path, make() + "\n")
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner may read it."""
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
