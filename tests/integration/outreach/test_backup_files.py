"""Backups that cannot be trusted: refused before anything is replaced, and the database is as it was."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from outreach.backups.backup_files import checksum_file
from outreach.backups.create_backup import address_of, create_backup, environment_for
from outreach.backups.restore_backup import restore_backup
from outreach.models.accounts import Organisation
from outreach.models.backups import Backup
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime
from tests.support.servers import both_databases
from tests.support.world import World

KEY = "k" * 32


def back_up(runtime: Runtime, folder: Path, second: int = 0, **more: object) -> Path:
    now = datetime(2026, 11, 1, 2, 15, second, tzinfo=UTC)
    return create_backup(runtime.db, folder, secret_key=KEY, keep=None, now=now, **more).path  # type: ignore[arg-type]


def restore(runtime: Runtime, path: Path, *, identity: Path | None = None) -> None:
    restore_backup(runtime.db, path, secret_key=KEY, replace=True, settle=lambda *_: None, identity=identity)


def code(runtime: Runtime, name: str | None = None) -> str:
    """The name of the organisation, which tells the data of the backup from those of now; `name` changes it."""
    with runtime.db.write() as session:
        organisation = session.scalars(select(Organisation)).one()
        organisation.name = name or organisation.name
        return organisation.name


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    chance = random.Random(7)
    if how == "cut short":
        content = content[: len(content) * 2 // 3]
    elif how == "random pages":
        at = len(content) // 2 // 4096 * 4096
        content = content[:at] + chance.randbytes(8192) + content[at + 8192 :]
    elif how == "one byte":
        at = len(content) // 2
        content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    elif how == "empty":
        content = b""
    else:
        content = "Đây là một bức thư.".encode() * 1000
    path.write_bytes(content)


@both_databases
def test_a_damaged_backup_is_refused_and_the_database_is_as_it_was(world: World, tmp_path: Path) -> None:
    runtime = world.runtime
    world.add_people(300)
    path = back_up(runtime, tmp_path)
    sound = path.read_bytes()
    code(runtime, "Tên mới")
    for how in ("cut short", "random pages", "one byte", "empty", "a letter"):
        damage(path, how)
        with pytest.raises(BadInput):
            restore(runtime, path)
        assert code(runtime) == "Tên mới", how
    # One that was made before checksums, or whose checksum was lost: its pages are looked at.
    checksum_file(path).unlink()
    for how in ("cut short", "random pages", "empty", "a letter"):
        path.write_bytes(sound)
        damage(path, how)
        with pytest.raises(BadInput):
            restore(runtime, path)
        assert code(runtime) == "Tên mới", how
    path.write_bytes(sound)
    restore(runtime, path)
    assert code(runtime) == "Ủy ban MTTQ"


@both_databases
def test_a_restore_that_fails_on_the_way_leaves_the_database_as_it_was(world: World, tmp_path: Path) -> None:
    """The backup is sound and loaded, and what comes after it fails, as an upgrade of wrong data may."""
    runtime = world.runtime
    path = back_up(runtime, tmp_path)
    code(runtime, "Tên mới")

    def fail(session: Session, backup: Backup) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        restore_backup(runtime.db, path, secret_key=KEY, replace=True, settle=fail)
    assert code(runtime) == "Tên mới"
    restore(runtime, path)
    assert code(runtime) == "Ủy ban MTTQ"


@both_databases
def test_an_encrypted_backup_opens_for_its_key_alone(world: World, tmp_path: Path) -> None:
    runtime, folder = world.runtime, tmp_path / "backups"
    holder, stranger = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    keys = []
    for number, identity in enumerate((holder, stranger)):
        keys.append(tmp_path / f"key-{number}")
        keys[-1].write_text(f"# age\n{identity}\n")
    path = back_up(runtime, folder, recipients=[str(holder.to_public())])
    assert "Ủy ban".encode() not in path.read_bytes()
    assert sorted(folder.iterdir()) == [path, checksum_file(path)], "nothing plain is left"
    code(runtime, "Tên mới")
    for identity, error in ((None, "backup_encrypted"), (keys[1], "backup_not_decrypted")):
        with pytest.raises(BadInput, match=error):
            restore(runtime, path, identity=identity)
    assert code(runtime) == "Tên mới"
    restore(runtime, path, identity=keys[0])
    assert code(runtime) == "Ủy ban MTTQ"
    assert sorted(folder.iterdir()) == [path, checksum_file(path)]


def test_what_an_interrupted_backup_left_is_removed(world: World, tmp_path: Path) -> None:
    left, running = tmp_path / "loa-1Z.dump.unfinished", tmp_path / "loa-2Z.dump.unfinished"
    for file in (left, running):
        file.write_text("names and numbers")
    os.utime(left, (time.time() - 86_400,) * 2)
    back_up(world.runtime, tmp_path)
    assert not left.exists()
    assert running.exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://loa:hunter2@db/loa?sslmode=require",
        "postgresql+psycopg://loa@db/loa?password=hunter2&sslmode=require",
    ],
)
def test_no_password_stands_in_a_programs_arguments(url: str) -> None:
    assert address_of(make_url(url)) == "postgresql://loa@db/loa?sslmode=require"
    assert environment_for(make_url(url))["PGPASSWORD"] == "hunter2"
