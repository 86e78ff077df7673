"""Database migrations: upgrade, downgrade and version check. Revisions are in outreach/migrations.

Alembic is loaded only to change a database or to say what is wrong with its version: every process checks that, few do more.
"""

# ruff: noqa: PLC0415
import logging
import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from outreach.core.db import Database
from outreach.rules.errors import LoaError, WrongState

log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).parents[1] / "migrations"
# Key of the advisory lock, any number: processes that upgrade at once wait for each other.
_LOCK = 620_823_281


def upgrade(db: Database, revision: str = "head") -> None:
    """Upgrade the database to a revision. Running it twice, or twice at once, does no harm. Raises WrongState."""
    with db.engine.execution_options(writes=True).begin() as connection:
        upgrade_on(connection, revision)


def upgrade_on(connection: Connection, revision: str) -> None:
    """Upgrade to a revision in the caller's transaction. Raises WrongState."""
    _run(connection, "upgrade", revision)
    if connection.dialect.name == "postgresql":
        # The locks of a client that died in the middle of a transaction must not block the others. Set for the role,
        # as PgBouncer refuses it in a connection's start.
        database = connection.scalar(text("SELECT quote_ident(current_database())"))
        timeout = "idle_in_transaction_session_timeout = '60s'"
        connection.exec_driver_sql(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {timeout}")


def downgrade(db: Database, revision: str = "base") -> None:
    """Downgrade the database to a revision. The data of dropped tables is lost."""
    with db.engine.execution_options(writes=True).begin() as connection:
        _run(connection, "downgrade", revision)


def _run(connection: Connection, action: str, revision: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    _require_not_too_old(_revision_of(connection))
    config.attributes["connection"] = connection
    try:
        getattr(command, action)(config, revision)
    except CommandError as error:
        raise WrongState("database_not_upgradable") from error


def read_revision(db: Database) -> str | None:
    """Return the database's revision, None where no migration has run. Raises DBAPIError."""
    with db.engine.connect() as connection:
        return _revision_of(connection)


def _revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def require_current(db: Database) -> None:
    """Raise WrongState if the database has another revision; one that is unavailable is no error here, but is logged."""
    try:
        revision = read_revision(db)
    except DBAPIError as error:
        log.warning("schema.database_away error=%s", type(error.orig).__name__)
        return
    if revision == newest():
        return
    _require_not_too_old(revision)
    if revision is None or is_known(revision):
        raise WrongState("database_older", revision=revision or LoaError("revision_none"), newest=newest())
    raise WrongState("database_newer", revision=revision, newest=newest())


def _require_not_too_old(revision: str | None) -> None:
    if revision is not None and revision < oldest():
        raise WrongState("database_too_old", revision=revision, oldest=oldest())


@cache
def _revisions() -> tuple[set[str], set[str]]:
    """Return the revisions that this program has, and those of them that another follows."""
    texts = [file.read_text(encoding="utf-8") for file in (_MIGRATIONS / "versions").glob("*.py")]
    known, followed = (
        {match[1] for text in texts if (match := re.search(rf'^{name}\b[^=]*= "(.+)"', text, re.MULTILINE))}
        for name in ("revision", "down_revision")
    )
    return known, followed


def oldest() -> str:
    """Return the first revision that this program has: only an earlier program leads on from one before it."""
    return min(_revisions()[0])


def is_known(revision: str) -> bool:
    """Check whether this program has that revision and can upgrade from it; a newer one it cannot."""
    return revision in _revisions()[0]


def newest() -> str:
    """Return the revision that this program needs: the one that no other follows, whatever its number."""
    known, followed = _revisions()
    (head,) = known - followed
    return head


def restate_check(
    table: str, column: str, before: tuple[str, ...], after: tuple[str, ...], *, name: str
) -> None:
    """Change the values that a column's CHECK allows, within a migration.

    The CHECK may have been named, and its values put in order, by any version. SQLite's manual allows to change a table's
    declaration for constraints ("ALTER TABLE", 7): the rows stay where they are, and with them every index.
    """
    from alembic import op

    def is_former(condition: str) -> bool:
        return set(before) == set(re.findall(r"'(\w+)'", condition))

    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        former = ", ".join(
            f'DROP CONSTRAINT "{check["name"]}"'
            for check in inspect(connection).get_check_constraints(table)
            if re.search(rf"\b{column}\b", check["sqltext"]) and is_former(check["sqltext"])
        )
        op.execute(f"ALTER TABLE {table} {former}, ADD CONSTRAINT {name} CHECK ({column} IN {after})")
        return
    query = text("SELECT sql FROM sqlite_master WHERE name = :table")
    declared = str(connection.scalar(query, {"table": table}))
    (condition,) = filter(is_former, re.findall(rf"\b{column} IN \([^)]*\)", declared))
    redeclare(connection, table, condition, f"{column} IN {after}")


def redeclare(connection: Connection, table: str, former: str, newer: str) -> None:
    """Change a part of a table's declaration on SQLite, where the rows are the same under both."""
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        text("UPDATE sqlite_master SET sql = replace(sql, :former, :newer) WHERE name = :table"),
        {"former": former, "newer": newer, "table": table},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
