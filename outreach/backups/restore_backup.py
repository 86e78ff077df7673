"""Restore of a backup in place of the database, with all sending stopped from the first moment.

Workers that are still running find the data as soon as they look again. So the switch that stops sending is set in the
same transaction as the data; `campaigns.delivery.after_restore` removes it once it is known which messages may have been
sent since the backup.

Rows go into tables that this program made itself. Nothing else that a changed file may carry (triggers, functions, views,
statements) is executed: of a dump only the rows of known tables and the positions of known sequences are read, of an SQLite
file only the rows of known tables.
"""

import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from outreach.backups.backup_files import check_checksum, check_signature, decrypted
from outreach.backups.create_backup import (
    explain,
    find_programs,
    is_intact,
    newest_row,
    read_through,
    server_version,
    value_in,
)
from outreach.core.db import Database
from outreach.core.progress import advance
from outreach.core.schema import is_known, newest, oldest, upgrade, upgrade_on
from outreach.models.accounts import User
from outreach.models.office import Backup, check_of
from outreach.rules.errors import BadInput, LoaError, WrongState
from outreach.rules.keys import split_keys

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
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
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
    driver: psycopg.Connection[Any], source: IO[bytes], table: str, columns: list[str], known: set[str] | None
) -> None:
    """Copy the rows up to the block's end into a table; those of a table that is not ours (`known` is None) are passed over."""
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
    restored = Database(f"sqlite:///{new}", audit_keys=db.audit_keys)
    try:
        load_file(path, new, revision=revision)
        _upgrade_and_settle(restored, settle=settle)
        with restored.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise BadInput("backup_damaged", reason=LoaError("backup_pages_damaged")) from error
    finally:
        restored.close()
    for file in _files_of(target)[1:]:
        file.unlink(missing_ok=True)
    new.replace(target)


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
