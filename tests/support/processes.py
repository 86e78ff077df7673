"""Loa's own processes, as an operator starts them, for tests that kill and restart them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask.cli import main as flask_command

from outreach.core.settings import Settings
from tests.support.simulator import RunningSimulator

ROOT = Path(__file__).resolve().parents[2]


def python_of(checkout: Path) -> str:
    """The interpreter with a checkout's own libraries, where it has an environment."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() and checkout != ROOT else sys.executable


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give a process these settings."""
    given = {}
    for item in settings.variables().values():
        value = getattr(settings, item.name)
        # Words are said also where they are the default: the clone may hold the settings of `make run`.
        if value != item.default or (value and isinstance(value, str)):
            given[item.name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    return {**os.environ, **given}


def simulator_settings(
    database_url: str, redis_url: str, simulator: RunningSimulator, **variables: object
) -> Settings:
    """Settings of an installation that sends to a simulator, with short waits; `variables` are further or other ones."""
    return Settings.from_env(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "drill-only-" + "k" * 32,
            "TWILIO_API_BASE_URL": simulator.url,
            "TWILIO_ACCOUNT_SID": simulator.account_sid,
            "TWILIO_AUTH_TOKEN": simulator.auth_token,
            "LIST_DELAY_S": "0",
            "SEND_TIMEOUT_S": "3",
            "LEASE_S": "8",
            "RECONCILE_S": "2",
            "SWEEP_S": "1",
            **{name: str(value) for name, value in variables.items()},
        }
    )


class Processes:
    """Processes started by `flask --app wsgi …` in a checkout; `stop` ends all. Their output goes to `log` if given.

    `inside` are the words before each command that has it run in another host.
    """

    def __init__(
        self,
        settings: Settings,
        log: Path | None = None,
        *,
        checkout: Path = ROOT,
        inside: Sequence[str] = (),
    ) -> None:
        self.log, self.checkout, self.python, self.inside = log, checkout, python_of(checkout), inside
        self.environment = environment_of(settings)
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process that goes on until it is ended."""
        return self.start_program("flask", "--app", "wsgi", *arguments)

    def start_program(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python module as a program that goes on until it is ended."""
        return self.start_command(self.python, "-m", *arguments)

    def start_command(self, *command: str) -> subprocess.Popen[bytes]:
        """Any program that goes on until it is ended."""
        with open(self.log or os.devnull, "ab") as words:
            process = subprocess.Popen(
                [*self.inside, *command],
                cwd=self.checkout,
                env=self.environment,
                stdout=words if self.log else None,
                stderr=words if self.log else None,
            )
        self.running.append(process)
        return process

    def start_web(
        self, port: int, *options: str, app: str = "asgi:app", bind: str = "127.0.0.1"
    ) -> subprocess.Popen[bytes]:
        """The web's server, as `make run` starts it."""
        served = f"{app} --bind {bind}:{port} --worker-class deploy.web_worker.DrainingWorker"
        return self.start_program("gunicorn", *served.split(), "--no-control-socket", *options)

    def said(self) -> str:
        """What they have said so far."""
        return self.log.read_text() if self.log else ""

    def are_running(self) -> bool:
        return all(process.poll() is None for process in self.running)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9: no goodbye."""
        process.send_signal(signal.SIGKILL)
        process.wait()

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [self.python, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=self.checkout,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
        )

    def ask(self, *arguments: str) -> Any:
        """A command's JSON; fails with its message where it fails."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["admin.app", "workers.jobs", "tests.support.processes"])


class QuickProcesses(Processes):
    """The same commands, each forked from a process that has loaded the program: loading it takes 1.3 s of CPU."""

    def start(self, *arguments: str) -> ForkedProcess:
        process = ForkedProcess(self.environment, self.log, arguments)
        self.running.append(process)
        return process


class ForkedProcess:
    """A `flask --app wsgi …` command with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, environment: dict[str, str], log: Path | None, arguments: tuple[str, ...]) -> None:
        if log:
            log.touch()  # it can be read before the process has begun
        self._process = _forks.Process(target=_run_command, args=(environment, log, arguments))
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("flask", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _run_command(environment: dict[str, str], log: Path | None, arguments: tuple[str, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if log:
        words = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.dup2(words, sys.stdout.fileno())
        os.dup2(words, sys.stderr.fileno())
    sys.argv = ["flask", "--app", "wsgi", *arguments]
    flask_command()
