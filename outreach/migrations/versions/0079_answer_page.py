"""Reminders that a resident asked for, and what was written on the answer page"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0079_answer_page"
down_revision = "0077_checks"

_CHANNELS = ("twilio", "push", "phone", "log")


def upgrade() -> None:
    op.add_column(
        "recipients", sa.Column("wants_reminder", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    _restate(_CHANNELS, (*_CHANNELS, "page"))


def downgrade() -> None:
    op.execute("UPDATE replies SET channel = 'log' WHERE channel = 'page'")
    _restate((*_CHANNELS, "page"), _CHANNELS)
    op.drop_column("recipients", "wants_reminder")


def _restate(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Change the values that the column's CHECK allows."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE replies DROP CONSTRAINT IF EXISTS road, DROP CONSTRAINT IF EXISTS ck_replies_road, "
            f"ADD CONSTRAINT ck_replies_road CHECK ({_among(after)})"
        )
        return
    # In place: for constraints SQLite's manual allows it.
    connection = op.get_bind()
    declared = str(connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'replies'")))
    assert declared.count(_among(before)) == 1, declared
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'replies'"),
        {"sql": declared.replace(_among(before), _among(after))},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _among(values: tuple[str, ...]) -> str:
    return f"channel IN ({', '.join(repr(value) for value in values)})"
