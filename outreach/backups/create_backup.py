"""Backing up: one file, whole or not there, that only its owner may read."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.backups.models import Backup, check_of
from outreach.backups.programs import address_of, environment_for, explain, find_programs
from outreach.db import Database
from outreach.errors import BadInput

ENDINGS = {True: ".dump", False: ".sqlite"}  # of PostgreSQL's own form, and of SQLite's


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    size: int  # bytes
    seconds: float
    removed: int  # older files


def create_backup(db: Database, folder: Path, *, secret_key: str, keep: int | None, now: datetime) -> Made:
    """Write `loa-YYYYMMDDTHHMMSSZ` into the folder while everything goes on; of the files there `keep` stay.

    One snapshot: what is committed after its beginning is not in it. Raises BadInput, OSError.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"loa-{now:%Y%m%dT%H%M%SZ}{ENDINGS[db.is_postgresql]}"
    if path.exists():
        raise BadInput(f"Đã có tệp {path}. Hãy chờ một giây rồi thử lại.")
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
        _note(session, backup_id, size=size, now=now)
    return Made(path, size, time.monotonic() - began, _remove_older(folder, path, keep))


def _note(session: Session, backup_id: int, *, size: int, now: datetime) -> None:
    backup = session.get_one(Backup, backup_id)
    backup.size, backup.finished_at = size, now
    audit.record(
        session, actor_id=None, action="backup.create", subject=f"backups:{backup_id}", now=now, bytes=size
    )


def server_version(db: Database) -> int:
    """The server's major version: 15, 18, …"""
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
        raise BadInput(f"pg_dump không sao lưu được: {explain(done.stderr)}")


def _copy(db: Database, path: Path) -> None:
    with sqlite3.connect(str(db.url.database)) as source, sqlite3.connect(path) as target:
        source.backup(target, pages=2000, sleep=0.01)
        found = target.execute("PRAGMA quick_check").fetchone()
    source.close()
    target.close()
    if found != ("ok",):
        raise BadInput("Bản sao SQLite không đọc lại được. Hãy kiểm tra đĩa rồi thử lại.")


def _remove_older(folder: Path, newest: Path, keep: int | None) -> int:
    if keep is None:
        return 0
    # By name, which is by time.
    older = sorted(folder.glob(f"loa-*Z{newest.suffix}"), reverse=True)[keep:]
    for path in older:
        path.unlink()
    return len(older)
