"""The database's shape: migrations there and back, and the same as the models."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Enum, create_engine, inspect, select, text

from campaigns.models.replies import Answer
from outreach.core import schema
from outreach.core.db import Base, Database, is_set
from outreach.core.schema import downgrade, newest, read_revision, require_current, upgrade
from outreach.rules.errors import WrongState


@pytest.fixture(autouse=True, scope="module")
def migrations_read_once() -> Iterator[None]:
    """Alembic reads all files of migrations at each step, which takes three fifths of a walk through them."""
    scripts = ScriptDirectory.from_config(schema._config())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", lambda _config: scripts)
        yield


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    db = Database(empty_database_url.replace("postgresql://", "postgresql+psycopg://"))
    yield db
    db.close()


@pytest.fixture
def db(empty: Database) -> Database:
    upgrade(empty)
    return empty


def tables(db: Database) -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_migrations_lead_up_down_to_nothing_and_up_again(empty: Database) -> None:
    upgrade(empty)
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}
    assert read_revision(empty) == newest()
    downgrade(empty)
    assert tables(empty) == {"alembic_version"}
    assert read_revision(empty) is None
    upgrade(empty)
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}
    assert read_revision(empty) == newest()


def test_the_newest_revision_is_the_one_that_no_other_follows() -> None:
    assert newest() == schema._scripts().get_current_head()


def test_each_migration_can_be_taken_back_alone(db: Database) -> None:
    for _ in count():
        before = tables(db)
        if before == {"alembic_version"}:
            return
        downgrade(db, "-1")
        upgrade(db, "+1")
        assert tables(db) == before
        downgrade(db, "-1")


def test_migrations_and_models_say_the_same(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_without_migrations_is_not_current(empty: Database) -> None:
    assert read_revision(empty) is None


def test_two_processes_may_upgrade_at_once(empty: Database) -> None:
    others = [Database(empty.url.render_as_string(hide_password=False)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(upgrade, others))
    for other in others:
        other.close()
    assert read_revision(empty) == newest()


def test_every_status_that_the_code_knows_is_one_that_the_database_takes(db: Database) -> None:
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


def test_an_older_database_is_told_the_way_through_1_1_0(db: Database) -> None:
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0044_bills'"))
    for refused in (lambda: upgrade(db), lambda: require_current(db)):
        with pytest.raises(WrongState, match="database_too_old"):
            refused()


def test_a_flag_is_looked_up_by_its_partial_index() -> None:
    """SQLite takes "flag = 1" for another condition than "flag", and reads the whole table."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    wanted = select(Answer.phone_id).where(Answer.phone_id == 1, is_set(Answer.drive_only))
    with engine.connect() as connection:
        statement = wanted.compile(engine, compile_kwargs={"literal_binds": True})
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()
    assert "USING INDEX ix_answers_drive_only" in plan[0].detail
