"""Runner of the whole system on this machine, in the foreground, until Ctrl-C (`make run`)."""

import asyncio
import contextlib
import fcntl
import http.client
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.processes import describe_end, follow_parent
from deploy.redis_server import NoRedis, RedisServer, can_listen, prepare_redis
from deploy.servers import EMPTY, READY
from deploy.supervise import Printer, Supervisor


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


VAR = Path("var")
LOGINS = VAR / "logins"  # output of `demo load`
ENDING = 15.0  # seconds to wait for an earlier run that is still ending
STOPPING = 7.0  # seconds for the processes to end after SIGTERM
GIVES_BACK = {"MALLOC_TRIM_THRESHOLD_": "131072"}  # else glibc keeps large blocks that are free
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]


async def run(plan: Plan, printer: Printer, lock: int) -> None:
    """Set up and start everything, and keep it running until this task is cancelled. Raises CannotRun."""
    supervisor = Supervisor(
        environment={**os.environ, **plan.variables, "PYTHONUNBUFFERED": "1", **GIVES_BACK},
        logs=VAR / "log",
        printer=printer,
        keep_open=[lock],
    )
    try:
        if plan.redis:
            supervisor.start("redis", plan.redis.command)
        await set_up_database(supervisor)
        for name, command in services(plan).items():
            supervisor.start(name, command)
        await welcome(plan, printer)
        await asyncio.get_running_loop().create_future()
    finally:
        printer.show("\nEnding everything; the data stays in var/")
        await supervisor.stop(patience=STOPPING, last=["redis"])


def services(plan: Plan) -> dict[str, list[str]]:
    """Return the command of each process of a run, besides Redis."""
    simulator = (
        f"-m simulator --port {plan.simulator_port} --data {VAR}/simulator"
        f" --inbound-url http://127.0.0.1:{plan.port}/webhooks/twilio/inbound --public-url"
    )
    serve = f"serve --bind 127.0.0.1:{plan.port}"
    return {
        "simulator": [sys.executable, *simulator.split(), plan.variables["PUBLIC_BASE_URL"]],
        "loa": [*FLASK, *serve.split()],
    }


async def set_up_database(supervisor: Supervisor) -> None:
    """Upgrade the database, and load the demo data if it was empty. Raises CannotRun, also where Redis does not answer."""
    # This file survives an interrupted start, so that the next one loads the data again.
    marker = VAR / "demo-wanted"
    # In a process of its own, whose libraries this one would keep: 20 MB.
    found = await supervisor.run("servers", [sys.executable, "-m", "deploy.servers"])
    if found == EMPTY:
        marker.touch()
    elif found:
        raise CannotRun("Redis or the database cannot be used: see above, or var/log/servers.log.")
    await run_step(supervisor, "database", "db", "upgrade")
    if marker.exists():
        try:
            await run_step(supervisor, "demo", "demo", "load")
        except CannotRun:
            marker.unlink()  # the next start continues with the data as it is
            raise
        (VAR / "log/demo.log").replace(LOGINS)
        marker.unlink()


async def run_step(supervisor: Supervisor, name: str, *arguments: str) -> None:
    """Run a flask command to its end. Raises CannotRun if it fails."""
    code = await supervisor.run(name, [*FLASK, *arguments])
    if code:
        command = " ".join(["flask --app wsgi", *arguments])
        raise CannotRun(f"`{command}` failed ({describe_end(code)}): see above, or var/log/{name}.log.")


async def welcome(plan: Plan, printer: Printer) -> None:
    """Wait until everything answers, then print the addresses."""
    web, phones = f"http://127.0.0.1:{plan.port}", f"http://127.0.0.1:{plan.simulator_port}"
    try:
        await wait_for("The SMS simulator", lambda: answers_http(plan.simulator_port, "/"), log="simulator")
        await wait_for("The web", lambda: answers_http(plan.port, "/healthz"), log="loa")
        await wait_for("The system", lambda: answers_http(plan.port, "/readyz"), log="loa")
    except CannotRun as error:
        printer.show(f"\n{error}\nIt is being tried on. Ctrl-C ends everything.\n")
        return
    printer.show(
        f"\nLoa is running.\n  web      {web}/login\n  phones   {phones}   (what residents receive)\n"
    )
    if LOGINS.exists():
        printer.show(LOGINS.read_text().rstrip())
    printer.show("\nCtrl-C ends everything; the data stays in var/. Logs: var/log/\n")


async def wait_for(what: str, answers: Callable[[], bool], *, log: str) -> None:
    """Wait until `answers` returns True. Raises CannotRun after `READY` seconds."""
    end = asyncio.get_running_loop().time() + READY
    while not await asyncio.to_thread(answers):
        if asyncio.get_running_loop().time() > end:
            raise CannotRun(f"{what} has not answered for {READY:g} s: see var/log/{log}.log")
        await asyncio.sleep(0.2)


def answers_http(port: int, path: str) -> bool:
    """Check whether a server on this machine answers with a status below 400."""
    # Not by urllib, which would use a proxy even for this machine.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False


def take_lock(path: Path) -> int:
    """Lock a clone for one run; every process of the run keeps the file open. Returns the descriptor.

    Raises CannotRun if another run does not end in time.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + ENDING
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > end:
                raise CannotRun("`make run` is already running in this clone: end that one first.") from None
        time.sleep(0.2)


async def run_until_told(plan: Plan, printer: Printer, lock: int) -> None:
    """Run until SIGINT, SIGTERM or the end of the terminal."""
    task = asyncio.create_task(run(plan, printer, lock))
    loop = asyncio.get_running_loop()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:  # a second signal must not interrupt the shutdown, which takes a few seconds at most
            stopping = True
            task.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(sign, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Run the system until it is stopped."""
    if "MAKELEVEL" in os.environ:
        follow_parent(signal.SIGTERM)  # if make is killed, Ctrl-C would no longer reach this process
    os.umask(0o077)  # only the owner may read the data, logs and secrets in var/
    printer = Printer()
    try:
        (VAR / "log").mkdir(parents=True, exist_ok=True)
        lock = take_lock(VAR / "run.lock")
        asyncio.run(run_until_told(plan_run(VAR, os.environ), printer, lock))
    except (CannotRun, NoRedis) as error:
        sys.exit(str(error))
    finally:
        printer.close()


if __name__ == "__main__":
    main()
