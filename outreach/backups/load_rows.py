"""The rows of a backup, into tables that this program made itself. Nothing else of the file is used.

Whatever a changed file may carry (triggers, functions, views, statements) is not executed: of a dump only the rows of known
tables and the positions of known sequences are read, of an SQLite file only the rows of known tables.
"""

import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from outreach.core.db import Database
from outreach.core.progress import advance
from outreach.core.schema import upgrade, upgrade_on
from outreach.rules.errors import BadInput, LoaError

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
