"""Set-up of the virtual environment: `python3 deploy/environment.py REQUIREMENTS`.

Runs on the system's Python before anything is installed, so it needs nothing but the standard library.
VENV is the folder (.venv), PYTHON the interpreter to create it with. An existing environment is kept,
unless PYTHON is set and has another version. Nothing is installed again until the requirements change.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ASK_VERSION = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"


class CannotSetUp(Exception):
    """Failure to set up the environment; `str()` says what to do."""


def ask_version(python: str) -> str | None:
    """Return an interpreter's version as "3.11", or None if it does not start."""
    try:
        return subprocess.run(
            [python, "-c", ASK_VERSION], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def make_environment(folder: Path, python: str) -> None:
    """Create the environment with this interpreter, in place of an existing one."""
    version = ask_version(python)
    if version is None:
        raise CannotSetUp(f"{python} does not start: install Python 3.11 or later, or name one in PYTHON.")
    if tuple(int(part) for part in version.split(".")) < OLDEST_PYTHON:
        raise CannotSetUp(f"{python} is Python {version}, 3.11 or later is needed: name one in PYTHON.")
    print(f"Making {folder} with Python {version}", flush=True)
    result = subprocess.run([python, "-m", "venv", "--clear", str(folder)], capture_output=True, text=True)
    if result.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotSetUp(
            f"{python} -m venv failed:\n{(result.stdout + result.stderr).strip()}\n"
            "On Debian and Ubuntu: apt-get install python3-venv"
        )


def install(folder: Path, requirements: Path) -> None:
    """Install the requirements, unless they are unchanged since the last time."""
    digest = hashlib.sha256()
    for file in [requirements, Path("requirements.txt")]:
        digest.update(file.read_bytes())
    stamp = folder / f".installed-{requirements.stem}"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(f"Installing {requirements} into {folder} (a minute the first time)", flush=True)
    # uv needs a second where pip needs half a minute. It knows no pip.conf: where it finds nothing, pip does it.
    with tempfile.TemporaryDirectory(dir="var") as scratch:
        is_installed = install_by_uv(folder, requirements, Path(scratch))
    if not is_installed and run_pip(folder, "--requirement", str(requirements)):
        raise CannotSetUp(
            f"pip could not install {requirements}: see above, then try the same command again."
        )
    stamp.write_text(digest.hexdigest())


def run_pip(folder: Path, *arguments: str) -> int:
    """Run `pip install` of the environment with these arguments, and return its exit status."""
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, *arguments]).returncode


def install_by_uv(folder: Path, requirements: Path, scratch: Path) -> bool:
    """Install the requirements with the uv that `requirements-dev.txt` pins, fetched into `scratch`; False if it cannot."""
    pinned = re.search(
        r"^uv==.*\n(?:    --hash.*\n)*", Path("requirements-dev.txt").read_text(), re.MULTILINE
    )
    if pinned is None:
        return False
    (scratch / "uv.txt").write_text(pinned[0].rstrip("\\\n") + "\n")
    if run_pip(folder, "--target", str(scratch), "--requirement", str(scratch / "uv.txt")):
        return False
    command = [str(scratch / "bin/uv"), "pip", "install", "--quiet", "--requirement", str(requirements)]
    command += ["--python", str(folder / "bin/python")]
    return subprocess.run(command, capture_output=True).returncode == 0


def main(requirements: str) -> None:
    """Create the environment if needed, and install the requirements. Raises CannotSetUp."""
    folder = Path(os.environ.get("VENV") or ".venv")
    requested = os.environ.get("PYTHON")
    # Two runs of make in one clone wait for each other, so that they do not install into the same files.
    Path("var").mkdir(exist_ok=True)
    with open("var/environment.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = ask_version(str(folder / "bin/python"))
        if present is None or not (folder / "bin/pip").exists():
            make_environment(folder, requested or "python3")
        elif requested and ask_version(requested) != present:
            make_environment(folder, requested)
        install(folder, Path(requirements))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except CannotSetUp as error:
        sys.exit(str(error))
