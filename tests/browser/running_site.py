"""A whole office for a browser: web, workers, scheduler and training phones over a database with demo data."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from admin.demo.load_demo import load_demo
from deploy.processes import die_with_parent
from deploy.redis_server import find_port
from outreach.core.schema import upgrade
from outreach.core.settings import Settings
from outreach.runtime import Runtime, open_runtime
from tests.support.processes import ROOT, environment_of
from tests.support.simulator import RunningSimulator, running_simulator

PEOPLE = 600
STARTING = 120.0  # seconds
FLASK = ("flask", "--app", "wsgi")
# The address is this machine's: a proxy that the surroundings name has no business here.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Office:
    """The web is at `url`; `runtime` reaches what it works on; `made` has the ids of what stands in it."""

    url: str
    simulator: RunningSimulator
    runtime: Runtime
    made: dict[str, Any]


@contextmanager
def running_office(folder, redis_url, seed_site, *, people=PEOPLE, **variables):
    """Everything that `make run` starts, for the length of a `with`; `variables` are further settings.

    Raises RuntimeError with their words.
    """
    port = find_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as at_the_end:
        simulator = at_the_end.enter_context(
            running_simulator(inbound_url=f"{url}/webhooks/twilio/inbound", public_url=url)
        )
        simulator.faults(sent_after_s=0.1, delivered_after_s=0.3)
        settings = Settings.from_env(
            {
                "DATABASE_URL": f"sqlite:///{folder}/loa.db",
                "REDIS_URL": redis_url,
                "SECRET_KEY": "tests-only-" + "b" * 32,
                "PUBLIC_BASE_URL": url,
                "TWILIO_API_BASE_URL": simulator.url,
                "TWILIO_ACCOUNT_SID": simulator.account_sid,
                "TWILIO_AUTH_TOKEN": simulator.auth_token,
                "UPLOADS_DIR": str(folder / "uploads"),
                "SWEEP_S": "2",
                **variables,
            }
        )
        runtime = open_runtime(settings)
        at_the_end.callback(runtime.close)
        upgrade(runtime.db)
        load_demo(runtime, contacts=people, now=datetime.now(UTC))
        made = seed_site(runtime)
        log = folder / "processes.log"
        gunicorn = ("gunicorn", "asgi:app", "--bind", f"127.0.0.1:{port}", "--no-control-socket")
        running = []
        at_the_end.callback(_end, running)
        for command in (
            (*gunicorn, "--worker-class", "deploy.web_worker.DrainingWorker", "--graceful-timeout", "1"),
            (*FLASK, "worker"),
            (*FLASK, "scheduler"),
        ):
            running.append(_start(command, log, environment_of(settings)))
        _wait(f"{url}/readyz", log)
        yield Office(url, simulator, runtime, made)


def _start(command, log, environment):
    with log.open("ab") as words:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdout=words,
            stderr=words,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )


def _wait(url, log):
    limit = time.monotonic() + STARTING
    while time.monotonic() < limit:
        try:
            with _opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the office did not start: {log.read_text()[-4000:]}")


def _end(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
