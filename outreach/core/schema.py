"""The database's shape: brought up to date, taken down, compared. Revisions stand in outreach/migrations."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from outreach.core.db import Database
from outreach.rules.errors import WrongState

_HERE = Path(__file__).parents[1] / "migrations"
# Any number will do; two processes that upgrade at once wait for each other on it.
_LOCK = 620_823_281


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config


def upgrade(db: Database, revision: str = "head") -> None:
    """Bring the database to a revision. Running it twice, or twice at once, does no harm."""
    _run(db, command.upgrade, revision)


def downgrade(db: Database, revision: str = "base") -> None:
    """Take the database down to a revision. Loses what the dropped tables held."""
    _run(db, command.downgrade, revision)


def _run(db: Database, action: object, revision: str) -> None:
    config = _config()
    with db.engine.execution_options(writes=True).begin() as connection:
        if db.is_postgresql:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config.attributes["connection"] = connection
        action(config, revision)  # type: ignore[operator]


def is_current(db: Database) -> bool:
    """Whether the database stands at the newest revision."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest()


def require_current(db: Database) -> None:
    """Raise WrongState where the database is of another version than this program: it would go wrong in the middle.

    One that is away says nothing, and is waited for as ever.
    """
    try:
        with db.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except DBAPIError:
        return
    if found == newest():
        return
    if found is None or is_known(found):
        raise WrongState(
            f"Cơ sở dữ liệu ở phiên bản {found or 'trống'}, chương trình cần {newest()}. "
            "Hãy sao lưu rồi chạy “flask --app wsgi db upgrade”, sau đó khởi động lại."
        )
    raise WrongState(
        f"Cơ sở dữ liệu ở phiên bản {found}, mới hơn chương trình ({newest()}). Hãy cài phiên bản Loa mới nhất."
    )


def is_known(revision: str) -> bool:
    """Whether this program can bring a database of that revision to its own; one of a newer program it cannot."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


@cache
def newest() -> str | None:
    """The revision that this program was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()
