"""Installation of Chromium and fonts for the browser tests: `python3 deploy/chromium.py`.

The distribution's package is used, as no wheel contains Chromium: root installs it, other users are shown the command.
It is the one without a window: the whole program took half again as much processor time for the same tests (203 s, 132 s).
Needs nothing but the standard library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Playwright's driver is linked with libatomic, which Chromium of Debian 12 does not bring.
PACKAGES = ("chromium-headless-shell", "fonts-noto-core", "libatomic1")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", *PACKAGES)


class NoChromium(Exception):
    """Chromium is missing and could not be installed; `str()` says what to do."""


def find_chromium() -> str | None:
    """Return the program's path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install_chromium() -> None:
    """Install the distribution's package, as root. Raises NoChromium."""
    if os.geteuid() != 0:
        raise NoChromium(
            "The browser tests need Chromium. Type this line, then the same command again:\n"
            f"  sudo apt-get update && sudo {' '.join(INSTALL)}"
        )
    print("Installing Chromium for the browser tests (a minute or two, once)", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update"), INSTALL):
        try:
            done = subprocess.run(command, env=quiet, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise NoChromium(
                "The browser tests need Chromium on PATH, and there is no apt-get here."
            ) from error
        if done.returncode:
            raise NoChromium(
                f"`{' '.join(command)}` failed; Chromium is needed for the browser tests:\n"
                f"{(done.stdout + done.stderr).strip()[-2000:]}"
            )
    if find_chromium() is None:
        raise NoChromium("The package was installed, but no Chromium is on PATH: install one by hand.")


if __name__ == "__main__":
    try:
        if find_chromium() is None:
            install_chromium()
    except NoChromium as error:
        sys.exit(str(error))
