"""`make drill-upgrade`: an earlier version is replaced by this one in the middle of a send, by `loa upgrade`.

All are installed as an operator has them, each in a folder of its own; `systemctl` is played by this program, which holds
the web's socket as systemd does. The earliest version, from a checkout with its own environment (`make environment-dev`), migrates an
empty PostgreSQL, imports people, launches a campaign and sends a part of it, while callers ask the web again and again. `loa upgrade`
is run, with a release that does not come up (`--broken`, taken back) or with this one. Of several checkouts each is replaced by the
next, in the middle of the same send, and this version first refuses the earliest. Prints the pauses, what callers got, and how many
messages were lost, sent twice or left open. Exit status 1 if any.
"""

import argparse
import http.client
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from redis import Redis

from tests.support.processes import ROOT, Processes, environment_of, python_of, simulator_settings
from tests.support.servers import create_database, make_folder, start_postgres, start_redis
from tests.support.simulator import running_simulator
from tests.support.wait_until import wait_until
from tests.support.world import APPROVER, AUTHOR, PASSWORD, number

ENDS_AFTER_S = 300.0
SENT_WITHIN_S = 30.0  # so that there is a middle in which to upgrade
LIST = "Upgrade drill"


def main():
    options = argparse.ArgumentParser(prog="python -m tests.drills.upgrade")
    options.add_argument(
        "--earlier",
        type=Path,
        nargs="+",
        required=True,
        help="checkouts of earlier versions, the oldest first",
    )
    options.add_argument("--messages", type=int, default=4000)
    options.add_argument("--broken", action="store_true", help="a release that does not come up, taken back")
    given = options.parse_args()
    folder = make_folder()
    postgres, redis = start_postgres(folder), start_redis(folder)
    try:
        with running_simulator() as simulator:
            settings = simulator_settings(
                create_database(postgres.url),
                redis.url,
                simulator,
                SEND_IN_FLIGHT=50,
                BACKUPS_DIR=folder / "backups",
            )
            return play(
                folder,
                settings,
                simulator,
                checkouts=[each.resolve() for each in given.earlier] + [ROOT],
                messages=given.messages,
                broken=given.broken,
            )
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def play(folder, settings, simulator, *, checkouts, messages, broken):
    home = folder / "home"
    releases = [home / "releases" / str(number) for number in range(len(checkouts))]
    for release, checkout in zip(releases, checkouts, strict=True):
        make_release(release, checkout, is_broken=broken and checkout == ROOT)
    (home / "current").symlink_to(releases[0])
    commands = [Processes(settings, folder / "commands.log", checkout=each) for each in checkouts]
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        port = listening.getsockname()[1]
        units = Units(home, environment_of(settings), listening, folder)
        callers = Callers(port)
        try:
            campaign = launch(commands[0], folder, messages=messages)
            simulator.faults(latency_ms=60, rate_cut=0.03, seed=1, callbacks_off=True)
            units.start()
            callers.start()
            variables = {"LOA_HOME": str(home), "LOA_ADDRESS": f"127.0.0.1:{port}"}

            def upgrade(step):
                done = subprocess.run(
                    [
                        python_of(checkouts[step]),
                        "-m",
                        "deploy.upgrade",
                        "--from",
                        str((home / "current").resolve()),
                    ],
                    cwd=checkouts[step],
                    env=units.environment | variables | {"LOA_RELEASE": str(releases[step])},
                    stderr=subprocess.PIPE,
                    text=True,
                )
                print(done.stderr.strip(), flush=True)
                return done.returncode

            was_refused = len(releases) == 2 or upgrade(-1) == 1
            for step in range(1, len(releases)):
                wait_until(
                    lambda share=0.4 * step: simulator.stats()["accepted"] > messages * share, ENDS_AFTER_S
                )
                at_upgrade, waiting = simulator.stats()["accepted"], jobs_waiting(settings.redis_url)
                units.stopped_at = 0.0
                code = upgrade(step)
                print(f"{at_upgrade} of {messages} had left at the upgrade; jobs waiting in Redis: {waiting}")
                print(f"sending paused {units.paused_s:.1f} s", flush=True)
                if code:
                    break
            in_use = releases.index((home / "current").resolve())
            wait_until(lambda: status(commands[in_use], campaign)["state"] == "completed", ENDS_AFTER_S)
            counts = status(commands[in_use], campaign)["steps"][0]["messages"]
        finally:
            callers.stop()
            units.close()
    sent = Counter(each["To"] for each in simulator.ledger())
    lost, twice = messages - len(sent), sum(times > 1 for times in sent.values())
    still_open = sum(counts.get(state, 0) for state in ("unknown", "sending", "queued"))
    print(
        f"callers: {callers.answered} answered, {len(callers.failed)} failed, the longest waited {callers.longest_s:.1f} s"
    )
    print(f"lost {lost}  twice {twice}  open {still_open}  states {counts}")
    last = len(releases) - 1
    is_as_wanted = was_refused and (code, in_use) == ((1, last - 1) if broken else (0, last))
    return 0 if is_as_wanted and not (lost or twice or still_open or callers.failed) else 1


def make_release(release, checkout, *, is_broken=False):
    """An installed release: `bin/loa` that runs a checkout; a broken one migrates and does not come up."""
    (release / "bin").mkdir(parents=True)
    stop = 'case "$1" in serve) exit 3;; esac\n' if is_broken else ""
    script = f'#!/bin/sh\n{stop}cd {checkout} && exec {python_of(checkout)} -m flask --app wsgi "$@"\n'
    (release / "bin" / "loa").write_text(script)
    (release / "bin" / "loa").chmod(0o755)
    (release / "checkout").symlink_to(checkout)


class Units:
    """Plays systemd: starts and stops what `current` is, and keeps the web's socket meanwhile."""

    def __init__(self, home, variables, listening, folder):
        self.home, self.listening = home, listening
        self.running = []
        self.stopped_at, self.paused_s = 0.0, 0.0
        self.log = (folder / "services.log").open("ab")
        self.server = socketserver.ThreadingUnixStreamServer(str(folder / "units"), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        program = folder / "bin" / "systemctl"
        program.parent.mkdir()
        ask = f"import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect({str(folder / 'units')!r})"
        ask += "; s.sendall(sys.argv[1].encode() + b'\\n'); print(s.makefile().read(), end='')"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{ask}" "$1"\n')
        program.chmod(0o755)
        self.environment = {**variables, "PATH": f"{program.parent}:{variables['PATH']}"}

    def _handler(self):
        units = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                word = self.rfile.readline().decode().strip()
                if word == "stop":
                    units.stop()
                elif word == "start":
                    units.start()
                else:
                    self.wfile.write(b"loa.service loaded active running Loa\n")

        return Handler

    def start(self):
        release = self.home / "current"
        if (release / "checkout" / "admin" / "web_server.py").exists():
            commands = [f"{release.resolve()}/bin/loa serve --web 1"]
        else:
            web = "gunicorn asgi:app --workers 1 --worker-class deploy.web_worker.DrainingWorker --graceful-timeout 30"
            python = python_of((release / "checkout").resolve())
            flask = f"{python} -m flask --app wsgi"
            commands = [f"{python} -m {web}", f"{flask} worker", f"{flask} scheduler"]
        for command in commands:
            self.running.append(
                subprocess.Popen(
                    ["sh", "-c", f"export LISTEN_PID=$$ LISTEN_FDS=1; exec {command}"],
                    cwd=(release / "checkout").resolve(),
                    env=self.environment,
                    stdout=self.log,
                    stderr=self.log,
                    preexec_fn=lambda: os.dup2(self.listening.fileno(), 3),
                    pass_fds=[3],
                )
            )
        if self.stopped_at:
            self.paused_s = time.monotonic() - self.stopped_at

    def stop(self):
        self.stopped_at = self.stopped_at or time.monotonic()
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(timeout=90)
        self.running.clear()

    def close(self):
        self.stop()
        self.server.shutdown()


class Callers(threading.Thread):
    """Asks the web again and again, each time with a new connection; notes refusals and answers from 500 on."""

    def __init__(self, port):
        super().__init__()
        self.port, self.answered, self.longest_s = port, 0, 0.0
        self.failed = []
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(0.1):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            try:
                connection.request("GET", "/login")
                status = connection.getresponse().status
                if status >= 500:
                    self.failed.append(str(status))
                self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
            finally:
                connection.close()
            self.longest_s = max(self.longest_s, time.monotonic() - began)

    def stop(self):
        self.is_over.set()
        if self.is_alive():
            self.join()


def launch(processes, folder, *, messages):
    """Set an empty database up and launch a campaign; its id."""
    run(processes, "db", "upgrade")
    run(processes, "organisations", "create", "MTTQ", "Ủy ban MTTQ", "--kind", "front")
    for email, role in ((AUTHOR, "staff"), (APPROVER, "approver")):
        user = ("users", "create", email, "--role", role, "--organisation", "MTTQ", "--password-stdin")
        run(processes, *user, stdin=PASSWORD)
    people = folder / "people.csv"
    rows = [f"{i + 1},A Thun {i},{number(i + 1)}" for i in range(messages)]
    people.write_text("\n".join(["STT,Họ và tên,Số điện thoại", *rows]), encoding="utf-8")
    stored = processes.ask("contacts", "import", str(people), "--list", LIST, "--organisation", "MTTQ")
    assert stored["created"] == messages, stored
    draft = folder / "campaign.toml"
    draft.write_text(
        f'name = "Upgrade"\ntext = "Kính mời ông/bà cài Bluezone: {{link}}"\nlists = ["{LIST}"]\nsender = "MTTQ"\n'
        f'pace = {messages / SENT_WITHIN_S:.0f}\nwindow = ["00:00", "24:00"]\n',
        encoding="utf-8",
    )
    campaign = str(processes.ask("campaigns", "create", str(draft), "--as", AUTHOR)["id"])
    for action, email in (("submit", AUTHOR), ("approve", APPROVER), ("launch", AUTHOR)):
        run(processes, "campaigns", action, campaign, "--as", email)
    return int(campaign)


def run(processes, *arguments, stdin=None):
    done = processes.run(*arguments, stdin=stdin)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"


def status(processes, campaign):
    return processes.ask("campaigns", "status", str(campaign))


def jobs_waiting(url):
    with Redis.from_url(url, decode_responses=True) as redis:
        return {key: redis.llen(key) for key in sorted(redis.keys("rq:queue:*")) if redis.type(key) == "list"}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")  # the earlier checkout stays as it is
    sys.exit(main())
