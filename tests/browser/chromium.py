"""Installation of Chromium and fonts for the browser tests: `python3 tests/browser/chromium.py`.

The distribution's package is used, as no wheel contains Chromium: root installs it, for another user it is unpacked below var/.
It is the one without a window: the whole program took half again as much processor time for the same tests (203 s, 132 s).
Needs nothing but the standard library.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Playwright's driver is linked with libatomic, which Chromium of Debian 12 does not bring.
PACKAGES = ("chromium-headless-shell", "fonts-noto-core", "libatomic1")
INSTALL = ("install", "-y", "--no-install-recommends", *PACKAGES)
UNPACKED = Path(__file__).resolve().parents[2] / "var" / "chromium"
PROGRAM = UNPACKED / "usr" / "lib" / "chromium" / "chromium-headless-shell"
FONTS = """<fontconfig><dir prefix="relative">usr/share/fonts</dir><cachedir prefix="relative">cache</cachedir></fontconfig>"""


class NoChromium(Exception):
    """Chromium is missing and could not be installed; `str()` says what to do."""


def find_chromium() -> str | None:
    """Return the program's path, or None. For an unpacked one this process's environment is told its libraries and fonts.

    Playwright's driver, which starts it, needs one of the libraries too.
    """
    if installed := next((path for name in NAMES if (path := shutil.which(name))), None):
        return installed
    if not PROGRAM.exists():
        return None
    os.environ["LD_LIBRARY_PATH"] = ":".join(sorted({str(each.parent) for each in UNPACKED.rglob("*.so*")}))
    os.environ["FONTCONFIG_FILE"] = str(UNPACKED / "fonts.conf")
    return str(PROGRAM)


def install_chromium() -> None:
    """Install the distribution's package, or unpack it for a user who is not root. Raises NoChromium."""
    print("Installing Chromium for the browser tests (a minute or two, once)", flush=True)
    if os.geteuid() == 0:
        run_apt("update")
        run_apt(*INSTALL)
    else:
        unpack_chromium()
    if find_chromium() is None:
        raise NoChromium("The package was installed, but no Chromium is on PATH: install one by hand.")


def unpack_chromium() -> None:
    """Unpack the package and those that it needs and this machine has not, with lists of apt's own for this user."""
    shutil.rmtree(UNPACKED, ignore_errors=True)
    apt = UNPACKED / "apt"
    archives = apt / "cache" / "archives"
    for folder in (apt / "state" / "lists" / "partial", archives / "partial"):
        folder.mkdir(parents=True)
    own = {"State": apt / "state", "State::status": "/var/lib/dpkg/status", "Cache": apt / "cache"}
    options = [f"-oDir::{name}={path}" for name, path in own.items()]
    run_apt(*options, "update")
    run_apt(*options, "-oDebug::NoLocking=1", "--download-only", *INSTALL)
    unpack = ["dpkg-deb", "-x"]
    for package in archives.glob("*.deb"):
        subprocess.run([*unpack, str(package), str(UNPACKED)], check=True)
    (UNPACKED / "fonts.conf").write_text(FONTS)
    shutil.rmtree(apt)


def run_apt(*arguments: str) -> None:
    """Run apt-get. Raises NoChromium with what it says, and with the line that root may type."""
    command, quiet = ["apt-get", *arguments], {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=quiet, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoChromium("The browser tests need Chromium on PATH, and there is no apt-get here.") from error
    if done.returncode:
        raise NoChromium(
            f"{(done.stdout + done.stderr).strip()[-2000:]}\n"
            "The browser tests need Chromium. Type this line, then the same command again:\n"
            f"  sudo apt-get update && sudo apt-get {' '.join(INSTALL)}"
        )


if __name__ == "__main__":
    try:
        if find_chromium() is None:
            install_chromium()
    except NoChromium as error:
        sys.exit(str(error))
