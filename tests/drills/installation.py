"""`make check-wheel`, `make check-image`: an installation from nothing to a campaign that was sent, by the command `loa` alone.

`loa` is that of a wheel in an environment of its own, or of a container. The installation is set up from a file, runs as one
service, sends a campaign to the simulator, is looked at by its doctor, backed up, and restored into another database.
Prints each step; exit status 1 where one fails. Root is needed for containers.
"""

import argparse
import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from deploy import VERSION
from deploy.redis_server import find_port
from tests.support.processes import ROOT, environment_of, simulator_settings
from tests.support.servers import create_database, find_postgres, make_folder, start_postgres, start_redis
from tests.support.simulator import running_simulator
from tests.support.wait_until import wait_until
from tests.support.world import number

WITHIN_S = 120.0
# By itself buildah asks for higher limits than a machine may allow.
LIMITS = [
    f"--ulimit={name}={resource.getrlimit(limit)[1]}"
    for name, limit in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
]
PEOPLE = 50
SETUP = """
province = "68"
[administrator]
email = "quantri@loa.example"
[[organisation]]
code = "MTTQ"
name = "Ủy ban MTTQ Việt Nam tỉnh Lâm Đồng"
kind = "front"
[[user]]
email = "canbo@loa.example"
role = "staff"
organisation = "MTTQ"
[[user]]
email = "duyet@loa.example"
role = "approver"
organisation = "MTTQ"
[[sender]]
name = "MTTQLAMDONG"
registered_on = 2026-11-02
"""
CAMPAIGN = """
name = "Thử bản cài đặt"
text = "Mời ông/bà tham gia: {link}"
lists = ["Hội viên"]
sender = "MTTQLAMDONG"
window = ["00:00", "24:00"]
"""


class Loa:
    """The command `loa` of an installation: `prefix` begins its command line, its settings are in the environment."""

    def __init__(self, prefix, variables, *, is_container):
        self.prefix, self.variables, self.is_container = list(prefix), variables, is_container

    def command(self, *arguments):
        if not self.is_container:
            return [*self.prefix, *arguments]
        given = [part for name, value in self.variables.items() for part in ("--env", f"{name}={value}")]
        return [*self.prefix[:-1], *given, self.prefix[-1], "--", "loa", *arguments]

    def environment(self):
        return {**os.environ, **({} if self.is_container else self.variables)}

    def run(self, *arguments):
        done = subprocess.run(
            self.command(*arguments), env=self.environment(), cwd="/", capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"loa {' '.join(arguments)}: {done.stderr[-2000:]}{done.stdout[-500:]}")
        print(f"  loa {' '.join(arguments)[:90]}", flush=True)
        return done.stdout

    def ask(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), env=self.environment(), cwd="/")


def main():
    options = argparse.ArgumentParser(prog="python -m tests.drills.installation")
    options.add_argument(
        "--wheel", type=Path, help="a wheel, which is installed into an environment of its own"
    )
    options.add_argument("--container", action="store_true", help="a container of the image localhost/loa")
    given = options.parse_args()
    folder = make_folder()
    postgres, redis = start_postgres(folder), start_redis(folder)
    port, container = find_port(), ""
    try:
        with running_simulator() as simulator:
            public = {"PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
            settings = simulator_settings(create_database(postgres.url), redis.url, simulator, **public)
            folders = {"UPLOADS_DIR": str(folder / "uploads"), "BACKUPS_DIR": str(folder / "b")}
            ours = {**environment_of(settings), **folders}
            variables = {name: value for name, value in ours.items() if os.environ.get(name) != value}
            if given.container:
                begin = ["buildah", "from", *LIMITS, f"localhost/loa:{VERSION}"]
                (folder / "postgres").chmod(0o711)  # its socket is for the container's user, too
                # The tests' server is newer than the programs of the image, which cannot back it up.
                (programs,) = (folder / "postgres").glob("*/pginstall/bin")
                variables["PATH"] = f"{programs}:/opt/loa/bin:/usr/bin:/bin"
                container = subprocess.run(begin, check=True, capture_output=True, text=True).stdout.strip()
                volume = f"{folder}:{folder}"
                prefix = ["buildah", "run", "--isolation", "chroot", "--volume", volume, container]
            else:
                variables["PATH"] = (
                    f"{find_postgres()}:{os.environ['PATH']}"  # backups need programs as new as the server
                )
                prefix = [str(install(given.wheel, folder / "environment"))]
            loa = Loa(prefix, variables, is_container=bool(given.container))
            play(loa, folder, simulator, port=port)
            restore_elsewhere(loa, folder, create_database(postgres.url))
    finally:
        if container:
            subprocess.run(["buildah", "rm", container], capture_output=True)
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("all of it works")
    return 0


def install(wheel, environment):
    """Install a wheel into an environment of its own. Returns its `loa`."""
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    uv = [Path(sys.executable).parent / "uv", *["pip", "install", "-q", "--python"]]
    subprocess.run([*uv, environment / "bin" / "python", wheel], check=True, cwd=ROOT)
    size = subprocess.run(["du", "-sm", environment], capture_output=True, text=True).stdout.split()[0]
    print(f"installed: {size} MB", flush=True)
    return environment / "bin" / "loa"


def play(loa, folder, simulator, *, port):
    """From an empty database to a campaign that was sent."""
    print(loa.run("--version").strip())
    people = [f"{i + 1},Người {i},{number(i + 1)}" for i in range(PEOPLE)]
    listed = "\n".join(["STT,Họ và tên,Số điện thoại", *people])
    files = {"setup.toml": SETUP, "people.csv": listed, "campaign.toml": CAMPAIGN}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o644)
    folder.chmod(0o777)
    loa.run("setup", "--from", str(folder / "setup.toml"))
    loa.run("contacts", "import", str(folder / "people.csv"), "--list", "Hội viên", "--organisation", "MTTQ")
    service = loa.start("run", "--bind", f"127.0.0.1:{port}")
    try:
        wait_until(lambda: status_of(port, "/readyz") == 200, WITHIN_S)
        campaign = str(
            loa.ask("campaigns", "create", str(folder / "campaign.toml"), "--as", "canbo@loa.example")["id"]
        )
        for action, who in (("submit", "canbo"), ("approve", "duyet"), ("launch", "canbo")):
            loa.run("campaigns", action, campaign, "--as", f"{who}@loa.example")
        wait_until(lambda: loa.ask("campaigns", "status", campaign)["state"] == "completed", WITHIN_S)
        sent = [each["To"] for each in simulator.ledger()]
        assert len(sent) == len(set(sent)) == PEOPLE, f"{len(sent)} messages of {PEOPLE}"
        print(f"sent: {len(sent)}, lost 0, twice 0")
        loa.run("backup")
    finally:
        service.terminate()
        service.wait(timeout=60)


def restore_elsewhere(loa, folder, database_url):
    """Restore the backup into an empty database, and count there."""
    (backup,) = [*(folder / "b").glob("*.dump")]
    there = Loa(loa.prefix, {**loa.variables, "DATABASE_URL": database_url}, is_container=loa.is_container)
    there.run("backup", "restore", str(backup))
    assert there.ask("campaigns", "status", "1")["recipients"] == PEOPLE
    print("restored elsewhere")


def status_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
