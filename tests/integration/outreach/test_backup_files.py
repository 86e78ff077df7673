"""Backups that cannot be trusted: refused before anything is replaced, and the database is as it was."""

import os
import random
import time
from datetime import UTC, datetime

import pyrage
import pytest
from sqlalchemy import inspect, make_url, select, text

from outreach.accounts.audit import read_head
from outreach.backups import backups
from outreach.core.db import Database
from outreach.core.schema import upgrade
from outreach.models.accounts import Organisation
from outreach.models.office import Backup
from outreach.rules.errors import BadInput
from tests.support.servers import both_databases, create_database, drop_database
from tests.support.tables import cases

KEY = "k" * 32


def back_up(runtime, folder, second=0, **more):
    now = datetime(2026, 11, 1, 2, 15, second, tzinfo=UTC)
    return backups.create_backup(runtime.db, folder, secret_key=KEY, keep=None, now=now, **more).path


def restore(runtime, path, *, secret_key=KEY, **more):
    return backups.restore_backup(
        runtime.db, path, secret_key=secret_key, replace=True, settle=lambda *_: None, **more
    )


def without_signature(path):
    """The backup as 1.2.0 wrote it, stored in its place with a checksum of its own."""
    content = path.read_bytes().rpartition(b"\nLoa-Signature: ")[0]
    path.write_bytes(content)
    backups.write_checksum(path)
    return content


def code(runtime, name=None):
    """The name of the organisation, which tells the data of the backup from those of now; `name` changes it."""
    with runtime.db.write() as session:
        organisation = session.scalars(select(Organisation)).one()
        organisation.name = name or organisation.name
        return organisation.name


def damage(path, how):
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
def test_a_damaged_backup_is_refused_and_the_database_is_as_it_was(world, tmp_path):
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
    backups.checksum_file(path).unlink()
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
def test_a_backup_that_was_changed_unsigned_or_of_another_installation_is_refused(world, tmp_path):
    runtime = world.runtime
    path = back_up(runtime, tmp_path)
    sound = path.read_bytes()
    head = restore(runtime, path)
    with runtime.db.read() as session:
        assert head == str(read_head(session)), "nothing was recorded between, so the signed end is the log's"
    code(runtime, "Tên mới")
    # Data added to the file, with a checksum that fits: the former signature, no signature, or another's.
    path.write_bytes(sound.replace(b"\nLoa-Signature: ", b"more\nLoa-Signature: "))
    backups.write_checksum(path)
    for accept in (False, True):
        with pytest.raises(BadInput, match="backup_changed"):
            restore(runtime, path, accept_foreign=accept)
    path.write_bytes(sound)
    backups.write_checksum(path)
    without_signature(path)
    with pytest.raises(BadInput, match="backup_not_signed"):
        restore(runtime, path)
    with runtime.db.write() as session:
        session.execute(text("UPDATE organisations SET name = 'Tên của người khác'"))
    now = datetime(2026, 11, 2, tzinfo=UTC)
    others = backups.create_backup(runtime.db, tmp_path, secret_key="x" * 32, keep=None, now=now).path
    with pytest.raises(BadInput, match=backups.signer_of("x" * 32)):
        restore(runtime, others)
    assert code(runtime) == "Tên của người khác"
    restore(runtime, path, accept_foreign=True)
    assert code(runtime) == "Ủy ban MTTQ"


@both_databases
def test_nothing_of_a_crafted_backup_is_executed_or_kept_but_its_rows(world, tmp_path):
    runtime = world.runtime
    statements = ["CREATE TABLE extra (a INT)", "CREATE VIEW spy AS SELECT * FROM users"]
    if runtime.db.is_postgresql:
        made = """CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN UPDATE organisations SET name = 'struck'; RETURN NEW; END$$"""
        fires = (
            "CREATE TRIGGER strikes AFTER INSERT OR UPDATE ON phones FOR EACH ROW EXECUTE FUNCTION strike()"
        )
        blank = f"COMMENT ON TABLE public.users IS '{' ' * 80}';"
        statements += [made, fires, blank]
        undo = ["DROP TRIGGER strikes ON phones", "DROP FUNCTION strike", "COMMENT ON TABLE users IS NULL"]
    else:
        statements.append(
            "CREATE TRIGGER strikes AFTER INSERT ON phones BEGIN UPDATE organisations SET name = 'struck'; END"
        )
        undo = ["DROP TRIGGER strikes"]
    with runtime.db.write() as session:
        for statement in statements:
            session.execute(text(statement))
    path = back_up(runtime, tmp_path)
    content = without_signature(path)
    with runtime.db.write() as session:
        for statement in [*undo, "DROP VIEW spy", "DROP TABLE extra"]:
            session.execute(text(statement))
    if runtime.db.is_postgresql:
        evil = "COMMIT; DROP SCHEMA loa_before_restore CASCADE; SELECT 1/0;"
        assert blank.encode() in content
        path.write_bytes(content.replace(blank.encode(), evil.ljust(len(blank)).encode()))
        backups.write_checksum(path)
    restore(runtime, path, accept_foreign=True)
    world.add_people(2)
    assert code(runtime) == "Ủy ban MTTQ"
    found = inspect(runtime.db.engine)
    assert not {"spy", "extra"} & {*found.get_view_names(), *found.get_table_names()}
    with runtime.db.read() as session:
        triggers = (
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
            if runtime.db.is_postgresql
            else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        assert session.scalars(text(triggers)).all() == []


@both_databases
def test_keys_indexes_and_counters_of_ids_are_those_of_this_program_after_a_restore(world, tmp_path):
    runtime = world.runtime
    world.add_people(3)

    def describe():
        found = inspect(runtime.db.engine)
        return [
            (
                table,
                sorted((index["name"], index["unique"]) for index in found.get_indexes(table)),
                sorted(str(key) for key in found.get_foreign_keys(table)),
                found.get_pk_constraint(table)["constrained_columns"],
            )
            for table in sorted(found.get_table_names())
        ]

    before = describe()
    restore(runtime, back_up(runtime, tmp_path))
    assert describe() == before
    world.add_people(3)  # ids go on behind those of the backup


@both_databases
def test_a_restore_that_fails_on_the_way_leaves_the_database_as_it_was(world, tmp_path):
    """The backup is sound and loaded, and what comes after it fails, as an upgrade of wrong data may."""
    runtime = world.runtime
    path = back_up(runtime, tmp_path)
    code(runtime, "Tên mới")

    def fail(session, backup):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        backups.restore_backup(runtime.db, path, secret_key=KEY, replace=True, settle=fail)
    assert code(runtime) == "Tên mới"
    assert [*tmp_path.glob("*.restoring*")] == [], (
        "what was loaded, in plain, is not left beside the database"
    )
    restore(runtime, path)
    assert code(runtime) == "Ủy ban MTTQ"


@both_databases
def test_an_encrypted_backup_opens_for_its_key_alone(world, tmp_path):
    runtime, folder = world.runtime, tmp_path / "backups"
    holder, stranger = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    keys = []
    for number, identity in enumerate((holder, stranger)):
        keys.append(tmp_path / f"key-{number}")
        keys[-1].write_text(f"# age\n{identity}\n")
    path = back_up(runtime, folder, recipients=[str(holder.to_public())])
    assert "Ủy ban".encode() not in path.read_bytes()
    assert sorted(folder.iterdir()) == [path, backups.checksum_file(path)], "nothing plain is left"
    code(runtime, "Tên mới")
    for identity, error in ((None, "backup_encrypted"), (keys[1], "backup_not_decrypted")):
        with pytest.raises(BadInput, match=error):
            restore(runtime, path, identity=identity)
    assert code(runtime) == "Tên mới"
    restore(runtime, path, identity=keys[0])
    assert code(runtime) == "Ủy ban MTTQ"
    assert sorted(folder.iterdir()) == [path, backups.checksum_file(path)]


def test_what_an_interrupted_backup_left_is_removed(world, tmp_path):
    left, running = tmp_path / "loa-1Z.dump.unfinished", tmp_path / "loa-2Z.dump.unfinished"
    for file in (left, running):
        file.write_text("names and numbers")
    os.utime(left, (time.time() - 86_400,) * 2)
    back_up(world.runtime, tmp_path)
    assert not left.exists()
    assert running.exists()


@cases(
    "postgresql+psycopg://loa:hunter2@db/loa?sslmode=require",
    "postgresql+psycopg://loa@db/loa?password=hunter2&sslmode=require",
)
def test_no_password_stands_in_a_programs_arguments(url):
    assert backups.address_of(make_url(url)) == "postgresql://loa@db/loa?sslmode=require"
    assert backups.environment_for(make_url(url))["PGPASSWORD"] == "hunter2"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_role_that_is_no_superuser_restores_its_own_database(world, tmp_path, database_url):
    """As the guide and the compose file set it up: the role owns the database and may nothing else."""
    url = create_database(database_url)
    name = make_url(url).database
    world.execute(text("CREATE ROLE plain LOGIN"))
    world.execute(text(f"ALTER DATABASE {name} OWNER TO plain"))
    db = Database(make_url(url).set(username="plain").render_as_string(hide_password=False))
    try:
        upgrade(db)
        now = datetime(2026, 11, 1, tzinfo=UTC)
        path = backups.create_backup(db, tmp_path, secret_key=KEY, keep=None, now=now).path
        backups.restore_backup(db, path, secret_key=KEY, replace=True, settle=lambda *_: None)
        with db.read() as session:
            assert len(session.scalars(select(Backup)).all()) == 1
    finally:
        db.close()
        drop_database(url)
        world.execute(text("DROP ROLE plain"))
