"""Make or refresh the virtual environment: `python3 deploy/environment.py REQUIREMENTS`.

Runs on the machine's own Python before anything is installed, so it needs nothing but the standard library.
VENV names the folder (.venv), PYTHON the interpreter to make it with. An environment that exists is kept,
unless PYTHON is given and is of another version. Nothing is installed again until the requirements change.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ASK_VERSION = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"


class CannotSetUp(Exception):
    """The environment cannot be made; `str()` says what to do."""


def ask_version(python: str) -> str | None:
    """The "3.11" of an interpreter, or None where it does not start."""
    try:
        return subprocess.run(
            [python, "-c", ASK_VERSION], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def make_environment(folder: Path, wanted: str) -> None:
    """Make the environment with `wanted`, in place of one of another Python version."""
    version = ask_version(wanted)
    if version is None:
        raise CannotSetUp(f"{wanted} does not start: install Python 3.11 or later, or name one in PYTHON.")
    if tuple(int(part) for part in version.split(".")) < OLDEST_PYTHON:
        raise CannotSetUp(f"{wanted} is Python {version}, 3.11 or later is needed: name one in PYTHON.")
    print(f"Making {folder} with Python {version}", flush=True)
    made = subprocess.run([wanted, "-m", "venv", "--clear", str(folder)], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotSetUp(
            f"{wanted} -m venv failed:\n{(made.stdout + made.stderr).strip()}\n"
            "On Debian and Ubuntu: apt-get install python3-venv"
        )


def install(folder: Path, requirements: Path) -> None:
    """Install the requirements unless this very file is installed already."""
    digest = hashlib.sha256()
    for file in [requirements, Path("requirements.txt")]:
        digest.update(file.read_bytes())
    stamp = folder / f".installed-{requirements.stem}"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(f"Installing {requirements} into {folder} (a minute the first time)", flush=True)
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, "--requirement", str(requirements)]).returncode:
        raise CannotSetUp(
            f"pip could not install {requirements}: see above, then try the same command again."
        )
    stamp.write_text(digest.hexdigest())


def main(requirements: str) -> None:
    folder = Path(os.environ.get("VENV") or ".venv")
    asked_for = os.environ.get("PYTHON")
    # Two makes at once in one clone wait for each other instead of installing into the same files.
    Path("var").mkdir(exist_ok=True)
    with open("var/environment.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = ask_version(str(folder / "bin/python"))
        if present is None or not (folder / "bin/pip").exists():
            make_environment(folder, asked_for or "python3")
        elif asked_for and ask_version(asked_for) != present:
            make_environment(folder, asked_for)
        install(folder, Path(requirements))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except CannotSetUp as error:
        sys.exit(str(error))
