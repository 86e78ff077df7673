"""Restore of a backup in place of the database, with all sending stopped from the first moment.

Workers that are still running find the data as soon as they look again. So the switch that stops sending is set in the
same transaction as the data; `campaigns.delivery.after_restore` removes it once it is known which messages may have been
sent since the backup.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import inspect, select, text
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
from outreach.backups.load_rows import load_dump, load_file
from outreach.core.db import Database
from outreach.core.schema import is_known, newest, oldest, upgrade
from outreach.models.accounts import User
from outreach.models.backups import Backup, check_of
from outreach.rules.errors import BadInput, LoaError, WrongState
from outreach.rules.keys import split_keys

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
