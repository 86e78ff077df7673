"""The database's shape: migrations there and back, and the same as the models."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Enum, create_engine, inspect, select, text

from campaigns.rules.states import Exclusion
from outreach.contacts.wishes import read_left_alone
from outreach.core import schema
from outreach.core.db import Base, Database, is_set
from outreach.core.schema import downgrade, newest, read_revision, require_current, restate_check, upgrade
from outreach.models.contacts import Contact, Wish, WishNumber
from outreach.rules.errors import WrongState


@pytest.fixture(autouse=True, scope="module")
def migrations_read_once():
    """Alembic reads all files of migrations at each step, which takes three fifths of a walk through them."""
    scripts = ScriptDirectory(str(schema._MIGRATIONS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", lambda _config: scripts)
        yield


@pytest.fixture
def empty(empty_database_url):
    db = Database(empty_database_url.replace("postgresql://", "postgresql+psycopg://"))
    yield db
    db.close()


@pytest.fixture
def db(empty):
    upgrade(empty)
    return empty


def tables(db):
    return set(inspect(db.engine).get_table_names())


def test_migrations_lead_up_down_to_nothing_and_up_again(empty):
    upgrade(empty)
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}
    assert read_revision(empty) == newest()
    downgrade(empty)
    assert tables(empty) == {"alembic_version"}
    assert read_revision(empty) is None
    upgrade(empty)
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}
    assert read_revision(empty) == newest()


def test_the_newest_revision_is_the_one_that_no_other_follows_and_the_oldest_follows_none():
    scripts = ScriptDirectory(str(schema._MIGRATIONS))
    assert (schema.oldest(), newest()) == (scripts.get_base(), scripts.get_current_head())


def test_each_migration_can_be_taken_back_alone(db):
    for _ in count():
        before = tables(db)
        if before == {"alembic_version"}:
            return
        downgrade(db, "-1")
        upgrade(db, "+1")
        assert tables(db) == before
        downgrade(db, "-1")


def test_migrations_and_models_say_the_same(db):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def fingerprint(db):
    """A digest of all columns, keys, checks and indexes, without the names of keys and checks, which differ by version."""
    inspector, lines = inspect(db.engine), []
    for table in inspector.get_table_names():
        parts = [f"{each['name']} {each['type']} {each['nullable']}" for each in inspector.get_columns(table)]
        parts += [
            f"{each['name']} {each['column_names']} {each['unique']}" for each in inspector.get_indexes(table)
        ]
        parts += [
            f"{each['constrained_columns']} {each['referred_table']} {each['options'].get('ondelete')}"
            for each in inspector.get_foreign_keys(table)
        ]
        parts += [
            " ".join(sorted(re.findall(r"'(\w+)'", each["sqltext"])))
            for each in inspector.get_check_constraints(table)
        ]
        parts += [str(each["column_names"]) for each in inspector.get_unique_constraints(table)]
        parts.append(str(inspector.get_pk_constraint(table)["constrained_columns"]))
        lines += [f"{table} {part}" for part in parts]
    return sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def test_each_migration_goes_back_to_what_it_found_down_to_version_1_1_0_and_up_to_the_models(db):
    """A new database is made from the models: one that lacks a migration, or whose migration lacks a part, is seen here."""
    newest_tables = fingerprint(db)
    downgrade(db, "0113_recipients_without_keys")
    assert fingerprint(db) == ("9cb9fbc18b0c9a35" if db.is_postgresql else "c1b3e06af391c589")
    upgrade(db)
    assert fingerprint(db) == newest_tables


def test_a_database_without_migrations_is_not_current(empty):
    assert read_revision(empty) is None


def test_two_processes_may_upgrade_at_once(empty):
    others = [Database(empty.url.render_as_string(hide_password=False)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(upgrade, others))
    for other in others:
        other.close()
    assert read_revision(empty) == newest()


def test_every_status_that_the_code_knows_is_one_that_the_database_takes(db):
    """Alembic does not compare CHECKs: a status added to the code alone would fail when it is first written."""
    inspector = inspect(db.engine)
    seen = 0
    for table in Base.metadata.tables.values():
        checks = " ".join(check["sqltext"] for check in inspector.get_check_constraints(table.name))
        for column in table.columns:
            if isinstance(column.type, Enum):
                seen += 1
                for value in column.type.enums:
                    assert f"'{value}'" in checks, f"{table.name}.{column.name} {value}"
    assert seen >= 12


def test_a_migration_widens_a_check_whatever_the_order_of_its_values(db):
    """A new database has them in the enum's order, where a new one may stand in the middle; a migrated one has it last."""
    former = tuple(sorted(reason.value for reason in Exclusion))
    with db.engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        restate_check("recipients", "exclusion", former, (*former, "nameless"), name="exclusion")
    (check,) = (
        check["sqltext"]
        for check in inspect(db.engine).get_check_constraints("recipients")
        if "nameless" in check["sqltext"]
    )
    assert set(re.findall(r"'(\w+)'", check)) == {*Exclusion, "nameless"}


def test_an_older_database_is_told_the_way_through_1_1_0(db):
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0044_bills'"))
    for refused in (lambda: upgrade(db), lambda: require_current(db)):
        with pytest.raises(WrongState, match="database_too_old"):
            refused()


def test_a_flag_is_looked_up_by_its_partial_index():
    """SQLite takes "flag = 1" for another condition than "flag", and reads the whole table."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    wanted = select(Contact.name_key).where(is_set(Contact.at_the_door))
    with engine.connect() as connection:
        statement = wanted.compile(engine, compile_kwargs={"literal_binds": True})
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()
    assert "INDEX ix_contacts_at_the_door" in plan[0].detail


# Version 1.1.0's rows of people 1 to 9 with the phones 11 to 19, each of whom asked to be left alone in another way, or not.
_AT_1_1_0 = """
INSERT INTO organisations (id, code, name, kind) VALUES (1, 'MTTQ', 'Mặt trận', 'front');
INSERT INTO users (id, email, role, password_hash, is_active, created_at) VALUES (1, 'a@loa.example', 'staff', '', TRUE, :at);
INSERT INTO drives (id, kind, name, starts_on, created_at) VALUES (3, 'bluezone', 'Bluezone', '2026-11-01', :at);
INSERT INTO contacts (id, name, name_key, village, created_at, updated_at) SELECT n, 'Người', 'nguoi', '', :at, :at FROM n;
UPDATE contacts SET opted_out_at = :at WHERE id = 4;
INSERT INTO phones (id, e164, created_at) SELECT n + 10, '+8490500000' || n, :at FROM n;
INSERT INTO contact_phones (contact_id, phone_id, position) SELECT n, n + 10, 1 FROM n WHERE n <> 4;
INSERT INTO contact_phones (contact_id, phone_id, position) VALUES (1, 21, 2);
INSERT INTO suppressions (id, number_hash, phone_id, reason, source, note, created_at, lifted_at) VALUES
    (101, 'h11', 11, 'opt_out', 'sms', '', :at, NULL),
    (102, 'h12', 12, 'opt_out', 'officer', 'bà xin thôi', :at, NULL),
    (103, 'h13', 13, 'opt_out', 'page', '', :at, :later),
    (104, 'gone', NULL, 'opt_out', 'sms', '', :at, NULL),
    (105, 'h18', 18, 'wrong_number', 'gateway', '', :at, NULL),
    (106, 'h19', 19, 'opt_out', 'sms', '', :at, NULL);
INSERT INTO answers (id, campaign_id, phone_id, label, drive_only, source, at) VALUES
    (1, NULL, 11, 'opt_out', FALSE, 'sms', :at), (2, NULL, 11, 'opt_out', FALSE, 'page', :later);
INSERT INTO person_requests (id, kind, contact_id, asked_at, due_at, recorded_by, recorded_at)
    VALUES (1, 'object', 6, :at, :later, 1, :at), (2, 'export', 8, :at, :later, 1, :at);
INSERT INTO consent_events (id, contact_id, purpose, is_given, "on", evidence, recorded_by, recorded_at) VALUES
    (1, 7, '', FALSE, '2026-11-01', 'giấy', 1, :at),
    (2, 8, '', FALSE, '2026-11-01', 'giấy', 1, :at), (3, 8, '', TRUE, '2026-11-02', 'giấy', 1, :later);
INSERT INTO removed_phones (id, contact_id, phone_id, note, opted_out, removed_by, removed_at) VALUES (1, 9, 11, 'số cũ', TRUE, 1, :at);
"""


def test_who_was_left_alone_in_1_1_0_is_left_alone_after_it(db):
    downgrade(db, "0113_recipients_without_keys")
    at = datetime(2026, 11, 1, 8, tzinfo=UTC)
    with db.write() as session:
        if not db.is_postgresql:
            session.execute(text("PRAGMA defer_foreign_keys = ON"))
        session.execute(
            text("INSERT INTO phones (id, e164, created_at) VALUES (21, '+84905000021', :at)"), {"at": at}
        )
        numbers = "(SELECT 1 AS n " + " ".join(f"UNION SELECT {n}" for n in range(2, 10)) + ") n"
        for statement in _AT_1_1_0.strip().split(";\n"):
            wanted = {
                name: at + timedelta(days=name == "later")
                for name in ("at", "later")
                if f":{name}" in statement
            }
            session.execute(text(statement.replace("FROM n", f"FROM {numbers}").rstrip(";")), wanted)
    upgrade(db)
    with db.read() as session:
        people, phones = range(1, 10), [*range(11, 20), 21]
        found = read_left_alone(session, people=people, numbers=phones)
        assert {each for each in people if found.stops(each, None)} == {1, 2, 4, 6, 7, 9}
        assert {each for each in phones if found.stops(None, each)} == {11, 12, 19}
        assert {each for each in people if found.stops(each, None, passes=True)} == {6, 7}
        told = session.scalars(
            select(Wish.id).where(Wish.undoes_id.is_(None), Wish.id < 200).order_by(Wish.id)
        ).all()
        assert told[:5] == [101, 102, 103, 104, 106]  # other systems know them by these
        assert session.scalars(select(WishNumber.number_hash).where(WishNumber.wish_id == 104)).all() == [
            "gone"
        ]
        assert session.scalars(select(Wish.evidence).where(Wish.id == 101)).one() == "answers:1"
    downgrade(db, "0113_recipients_without_keys")
    upgrade(db)
    with db.read() as session:
        found = read_left_alone(session, people=people, numbers=phones)
        assert {each for each in phones if found.stops(None, each)} >= {11, 12, 19}


def test_a_client_that_dies_in_a_transaction_holds_its_locks_for_a_minute_at_most(db):
    if db.is_postgresql:
        url = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("1min",)
