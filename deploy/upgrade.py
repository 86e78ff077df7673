"""`loa upgrade SOURCE`: another release takes the place of this one, or everything is as it was.

SOURCE is a wheel or a folder with the program. It is installed beside the release in use and takes over itself: checks,
backup, services stopped, migration, services started, a look at `/readyz`. Whatever fails after the stop is taken back by
the migrations' way back, or else by the backup. The socket stays with systemd, so callers wait and none is refused. Needs
only the standard library.
"""

import argparse
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from deploy import VERSION
from deploy.command import speak, translate

HOME = Path(os.environ.get("LOA_HOME", "/srv/loa"))
ADDRESS = os.environ.get("LOA_ADDRESS", "127.0.0.1:8000")
READY_WITHIN_S = 90.0  # sending is paused meanwhile; a busy machine took more than 30
# Faults of the doctor with which nothing is begun; others (mail, the gateway) have nothing to do with the program.
STOPPING = {"database", "disk", "encoding", "versions", "connections"}
EXPECTED = {"database_older"}
# What the upgrade stops and starts; the socket and the training phones go on.
PATTERNS = ("loa.service", "loa-worker@*.service")


class CannotUpgrade(Exception):
    """Failure before anything was changed; `str()` says what to do, in the reader's language."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(translate(sentence, **values))


class Failed(Exception):
    """Failure of a step after the services were stopped; `str()` is what the step said."""


class NotTakenBack(Exception):
    """Failure of an upgrade after which the former release does not run either; `str()` says why, and names the backup."""


def say(sentence: str, **values: object) -> None:
    """Tell the operator, at once."""
    print(translate(sentence, **values), file=sys.stderr, flush=True)


def version_of(source: Path) -> str:
    """Return the version of a wheel, by its name, or of a folder with the program. Raises CannotUpgrade."""
    if found := re.match(r"loa-(\d+\.\d+\.\d+)-", source.name):
        return found[1]
    try:
        text = (source / "deploy" / "__init__.py").read_text(encoding="utf-8")
        return re.search(r'VERSION = "(\d+\.\d+\.\d+)"', text)[1]  # type: ignore[index]
    except (OSError, TypeError):
        raise CannotUpgrade("{source} is no wheel of Loa and no folder with it.", source=source) from None


def require_checksum(wheel: Path, sha256: str | None) -> None:
    """Compare a wheel with the checksum that came with it by another way. Raises CannotUpgrade."""
    if not sha256:
        raise CannotUpgrade("Add --sha256 with the checksum from the notice of {file}.", file=wheel.name)
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != sha256.strip().lower():
        raise CannotUpgrade("{file} is damaged or changed: another SHA-256. Fetch it again.", file=wheel)


def install(source: Path, sha256: str | None = None) -> Path:
    """Install a release into an environment of its own, unless it is there, its libraries by their hashes.

    Returns the environment. Raises CannotUpgrade, also for a wheel without the right checksum.
    """
    environment = HOME / "releases" / version_of(source)
    if source.is_file():
        require_checksum(source, sha256)
    if (environment / "installed").exists():
        return environment
    say("- Installing the new version into {folder}", folder=environment)
    # What an earlier build of a folder left would be packed, too.
    shutil.rmtree(source / "build", ignore_errors=True)
    listed, pip = read_libraries(source), str(environment / "bin" / "pip")
    libraries = environment.with_suffix(".libraries")
    environment.parent.mkdir(parents=True, exist_ok=True)
    libraries.write_bytes(listed)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        [pip, "install", "-q", "--require-hashes", "-r", str(libraries)],
        # What builds a folder is of the list, too: an isolated build would fetch it without a hash.
        [pip, "install", "-q", "--no-deps", "--no-build-isolation", str(source)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(environment, ignore_errors=True)
            raise CannotUpgrade("It cannot be installed:\n{error}", error=(done.stdout + done.stderr)[-2000:])
    (environment / "installed").touch()
    return environment


def read_libraries(source: Path) -> bytes:
    """Return the list of libraries with their hashes, of a wheel, or of a folder with what builds it. Raises CannotUpgrade."""
    try:
        if source.is_file():
            return zipfile.ZipFile(source).read("deploy/requirements.txt")
        return b"".join((source / name).read_bytes() for name in ("requirements.txt", "deploy/build.txt"))
    except (OSError, KeyError, zipfile.BadZipFile):
        raise CannotUpgrade("{source} has no list of libraries with hashes.", source=source) from None


def call(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a release to its end."""
    return subprocess.run([environment / "bin" / "loa", *arguments], capture_output=True, text=True)


def ask(environment: Path, *arguments: str) -> dict[str, object]:
    """Run a command of a release and return its JSON. Raises Failed."""
    done = call(environment, *arguments, "--json")
    if done.returncode:
        raise Failed((done.stderr or done.stdout).strip()[-2000:])
    return dict(json.loads(done.stdout))


def systemctl(*arguments: str) -> str:
    """Run systemctl. Raises Failed."""
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True)  # noqa: S607 - wherever it is
    if done.returncode:
        raise Failed((done.stdout + done.stderr).strip())
    return done.stdout


def running_services() -> list[str]:
    """Return the services that the upgrade has to stop. Raises Failed."""
    listed = systemctl("list-units", "--plain", "--no-legend", "--state=active", *PATTERNS)
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def switch_to(environment: Path) -> None:
    """Make a release the one in use, in one step."""
    link = HOME / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(environment)
    link.replace(HOME / "current")


def is_ready() -> str:
    """Return "" once the web says that it is ready, else what is missing after READY_WITHIN_S."""
    ends = time.monotonic() + READY_WITHIN_S
    said = ""
    while time.monotonic() < ends:
        connection = http.client.HTTPConnection(ADDRESS, timeout=READY_WITHIN_S)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            said = response.read().decode(errors="replace").strip()
            if response.status == 200:
                return ""
        except (OSError, http.client.HTTPException) as error:
            said = type(error).__name__
        finally:
            connection.close()
        time.sleep(0.5)
    return said


def find_obstacles(new: Path) -> list[str]:
    """Return the faults with which no upgrade is begun, by the new release's doctor. Raises CannotUpgrade."""
    done = call(new, "doctor", "--json")
    try:
        checks = json.loads(done.stdout)["checks"]
    except (ValueError, KeyError):
        raise CannotUpgrade(done.stderr.strip()[-2000:]) from None
    return [
        each["problem"]
        for each in checks
        if each["level"] == "fault" and each["check"] in STOPPING and each["code"] not in EXPECTED
    ]


def upgrade(former: Path, new: Path) -> None:
    """Put `new` in the place of `former`. Raises CannotUpgrade before anything was changed, Failed once it is taken back, else NotTakenBack."""
    if obstacles := find_obstacles(new):
        raise CannotUpgrade("\n".join(obstacles))
    try:
        revision = str(ask(new, "db", "version")["revision"] or "")
        services = running_services()
        # The folder as an argument, which earlier releases need.
        folder = str(ask(new, "db", "version")["backups_dir"])
        backup = str(ask(former, "backup", "create", folder)["file"])
    except Failed as error:
        raise CannotUpgrade(str(error)) from error
    say("- Backed up: {file}", file=backup)
    stopped_at = time.monotonic()
    try:
        if services:
            systemctl("stop", *services)
        say("- Sending is stopped; the data are migrated")
        ask(new, "db", "upgrade")
        switch_to(new)
        if services:
            systemctl("start", *services)
            if missing := is_ready():
                raise Failed(f"/readyz: {missing}")
    except Failed as error:
        say("! Failed: {error}\n- The former version is brought back", error=error)
        try:
            take_back(former, new, services, revision=revision, backup=backup)
        except Failed as another:
            raise NotTakenBack(
                translate("{error}\nThe backup: {file}", error=another, file=backup)
            ) from error
        raise
    paused = round(time.monotonic() - stopped_at)
    say("- Done: Loa {version}; sending was paused for {s} seconds.", version=VERSION, s=paused)


def take_back(former: Path, new: Path, services: Sequence[str], *, revision: str, backup: str) -> None:
    """Bring back the former release: by the migrations' way back, or else by the backup. Raises Failed."""
    if services:
        systemctl("stop", *services)
    done = call(new, "db", "downgrade", revision, "--json")
    if done.returncode:
        say("! {error}\n- Restoring the backup", error=done.stderr.strip())
        ask(former, "backup", "restore", backup, "--replace")
    switch_to(former)
    if services:
        systemctl("start", *services)
        if missing := is_ready():
            raise Failed(f"/readyz: {missing}")
    say("- The former version runs again; nothing is lost.")


def main() -> int:
    """Upgrade. Returns 1 if everything is as it was before, 2 if the former release does not run either."""
    speak()
    options = argparse.ArgumentParser(prog="loa upgrade")
    add = options.add_argument
    add("source", nargs="?", type=Path, help=translate("a wheel, or a folder with the program"))
    add("--sha256", help=translate("the wheel's checksum, as the release's notice states it"))
    add("--from", dest="former", type=Path, help=translate("the release in use, else `current`"))
    given = options.parse_args()
    former = (given.former or HOME / "current").resolve()
    try:
        if not (former / "bin" / "loa").exists():
            raise CannotUpgrade("No installation at {folder}: see docs/installation.md.", folder=former)
        if given.source:
            new = install(given.source.resolve(), given.sha256)
            python = new / "bin" / "python"
            os.execv(python, [str(python), "-m", "deploy.upgrade", "--from", str(former)])  # noqa: S606
        upgrade(former, Path(os.environ.get("LOA_RELEASE", sys.prefix)))
    except CannotUpgrade as error:
        say("loa upgrade: nothing was changed.\n{error}", error=error)
        return 1
    except NotTakenBack as error:
        say("loa upgrade: neither the new nor the former version runs. Mend it now.\n{error}", error=error)
        return 2
    except Failed as error:
        say("loa upgrade: all is as it was.\n{error}", error=error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
