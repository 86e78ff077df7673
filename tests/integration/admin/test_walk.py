"""The main job from an empty directory: `make run`, then by command and as a resident, until the share has risen."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from sqlalchemy import text

from deploy.run import plan_run
from deploy.servers import is_empty
from outreach.core.db import Database
from outreach.core.schema import upgrade
from tests.support.simulator import RunningSimulator

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "tests" / "data" / "contacts_sample.csv"
CAMPAIGN = """
name = "Bluezone ở tổ 1"
text = "[Chào {name}, ]mời ông/bà cài Bluezone: {link}"
lists = ["Tổ 1"]
sender = "MTTQ"
[goal]
share = 0.5
denominator = 60
date = 2020-08-15
source = "Tổ dân phố rà soát"
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Clone:
    """A fresh clone's directory, running."""

    def __init__(self, folder, database_url):
        self.folder, self.port, self.simulator_port = folder, free_port(), free_port()
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        names = subprocess.check_output(listing, cwd=ROOT, text=True).splitlines()
        for name in names:
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # What is compiled comes along: that every process compiles it anew is not what is tried here.
        for compiled in {(ROOT / name).parent / "__pycache__" for name in names if name.endswith(".py")}:
            if compiled.is_dir():
                shutil.copytree(compiled, folder / compiled.relative_to(ROOT))
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        self.environment = {
            **kept,
            "PORT": str(self.port),
            "SIMULATOR_PORT": str(self.simulator_port),
            # The packages of the environment that runs this test: installing them is not what is tried here.
            "VENV": sys.prefix,
            "DATABASE_URL": database_url,
        }
        self.database = Database(database_url).engine
        self.log = (folder / "run.log").open("w")
        self.make = subprocess.Popen(
            ["make", "run"],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def says(self):
        return (self.folder / "run.log").read_text()

    def wait_until_running(self):
        ends = time.monotonic() + 400
        while "Loa is running" not in self.says():
            assert self.make.poll() is None, self.says()[-3000:]
            assert time.monotonic() < ends, self.says()[-3000:]
            time.sleep(0.2)

    def flask(self, *arguments, stdin=""):
        """A command typed in a second shell: it knows the database and Redis without being told."""
        environment = {k: v for k, v in self.environment.items() if k != "DATABASE_URL"}
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, *arguments):
        return json.loads(self.flask(*arguments, "--json"))

    def wait_until(self, query, *expected):
        """Wait until a query of the database gives this row: a command each time would take all of a processor."""
        ends = time.monotonic() + 400
        while (row := self.read(query)) != expected:
            assert time.monotonic() < ends, row
            time.sleep(0.2)

    def read(self, query):
        with self.database.connect() as connection:
            row = connection.execute(text(query)).one_or_none()
        return tuple(row) if row else None

    def stop(self):
        os.killpg(self.make.pid, signal.SIGINT)  # as a terminal's Ctrl-C: to everyone in the foreground
        self.make.wait(timeout=60)
        self.log.close()
        self.database.dispose()


@pytest.fixture
def clone(tmp_path, empty_database_url):
    folder = tmp_path / "clone"
    folder.mkdir()
    opened = Clone(folder, empty_database_url)
    try:
        yield opened
    finally:
        if opened.make.poll() is None:
            opened.stop()


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_args, **_more):
        return None


def press(link, answer):
    """A resident presses a button on the answer page; the status of what comes back."""
    try:
        with build_opener(_NoRedirect).open(
            Request(link, urlencode({"answer": answer}).encode())
        ) as response:
            return int(response.status)
    except OSError as answered:
        return int(getattr(answered, "code", 0))


@pytest.mark.rest
def test_from_an_empty_directory_to_a_risen_share(clone):
    clone.wait_until_running()
    assert "canbo@loa.example" in clone.says()

    clone.flask("organisations", "create", "TO1", "Tổ dân phố 1", "--kind", "mass", "--parent", "MTTQ")
    for email, role in (("soan@loa.example", "staff"), ("ky@loa.example", "approver")):
        clone.flask("users", "create", email, "--role", role, "--password-stdin", stdin="một mật khẩu dài\n")
    counts = clone.ask("contacts", "import", str(SAMPLE), "--list", "Tổ 1", "--organisation", "TO1")
    assert counts["rows"] == 110
    outcomes = ("created", "updated", "merged", "unchanged", "review", "rejected")
    assert sum(counts[each] for each in outcomes) == counts["rows"]

    file = clone.folder / "to1.toml"
    file.write_text(CAMPAIGN, encoding="utf-8")
    campaign = str(clone.ask("campaigns", "create", str(file), "--as", "soan@loa.example")["id"])
    for action, email in (("submit", "soan"), ("approve", "ky"), ("launch", "soan")):
        clone.ask("campaigns", action, campaign, "--as", f"{email}@loa.example")
    clone.wait_until(f"SELECT state FROM campaigns WHERE id = {campaign}", "completed")
    status = clone.ask("campaigns", "status", campaign)
    assert sum(status["steps"][0]["messages"].values()) == status["recipients"] > 70
    assert status["self_reported"]["share"] == 0

    simulator = RunningSimulator(
        f"http://127.0.0.1:{clone.simulator_port}",
        *(
            re.search(rf"^{name}=(.*)$", (clone.folder / "var/env").read_text(), re.M)[1]
            for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
        ),
    )
    ledger = [line for line in simulator.ledger() if "mời ông/bà" in line["Body"]]
    assert len({line["To"] for line in ledger}) == len(ledger) == status["recipients"]

    # One answers on the page behind the link, one by SMS from the training phone, one asks to be left alone.
    link = re.search(r"http\S+$", ledger[0]["Body"])
    assert press(link[0], "installed") == 303
    simulator.reply(ledger[1]["To"], "Em cài rồi nhé", ledger[1]["From"])
    simulator.reply(ledger[2]["To"], "TC", ledger[2]["From"])
    answers = f"SELECT count(*) FROM recipients WHERE campaign_id = {campaign} AND answer IS NOT NULL"
    clone.wait_until(answers, 3)
    status = clone.ask("campaigns", "status", campaign)
    assert status["answers"] == {"installed": 2, "opt_out": 1}
    assert status["self_reported"]["installed"] == 2
    assert status["self_reported"]["share"] == pytest.approx(2 / 60)

    # The acknowledgement and the confirmation arrive on the phones.
    ends = time.monotonic() + 80
    while {line["To"] for line in simulator.ledger()[len(ledger) :]} < {ledger[1]["To"], ledger[2]["To"]}:
        assert time.monotonic() < ends
        time.sleep(0.2)

    clone.stop()
    assert clone.make.returncode in (0, 130, -2, 2)


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_another_database_is_named_by_the_environment_alone(tmp_path, empty_database_url):
    given = {"DATABASE_URL": empty_database_url, "PORT": str(free_port()), "SIMULATOR_PORT": str(free_port())}
    plan = plan_run(tmp_path, {**given, "REDIS_URL": "redis://127.0.0.1:1/0"})
    assert plan.variables["DATABASE_URL"] == empty_database_url
    assert f"DATABASE_URL={empty_database_url}\n" in (tmp_path / "env").read_text()
    assert is_empty(empty_database_url)
    database = Database(empty_database_url)
    upgrade(database)
    database.close()
    assert not is_empty(empty_database_url)
