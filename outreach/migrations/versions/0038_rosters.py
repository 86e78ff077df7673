"""Answers, installs and figures that an agency's roster brought"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0038_rosters"
down_revision = "0037_webhooks"

_WIDENED = {
    "answers": ("source", ("sms", "page", "officer")),
    "install_reports": ("source", ("sms", "page", "officer")),
    "officer_entries": ("place", ("home", "phone", "meeting")),
    "agency_reports": ("road", ("form", "link", "file")),
}


def upgrade() -> None:
    for table, (column, values) in _WIDENED.items():
        _restate(table, column, values, (*values, "roster"))


def downgrade() -> None:
    for table, (column, values) in _WIDENED.items():
        _restate(table, column, (*values, "roster"), values)


def _restate(table: str, column: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    if op.get_context().dialect.name == "postgresql":
        # The oldest have the column's name alone.
        name = f"ck_{table}_{column}"
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {column}, DROP CONSTRAINT IF EXISTS {name}, "
            f"ADD CONSTRAINT {name} CHECK ({_among(column, after)})"
        )
        return
    # In place, as 0010 does: for constraints SQLite's manual allows it.
    connection = op.get_bind()
    declared = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = :table"), {"table": table})
    old = _among(column, before)
    assert declared.count(old) == 1, (table, declared)
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        text("UPDATE sqlite_master SET sql = :sql WHERE name = :table"),
        {"sql": declared.replace(old, _among(column, after)), "table": table},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
