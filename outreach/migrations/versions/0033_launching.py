"""Messages without foreign keys to what the same statement has just read: a launch of 300,000 looked up 600,000 rows"""

from __future__ import annotations

import re

from alembic import op
from sqlalchemy import text

revision = "0033_launching"
down_revision = "0032_retention"

_KEYS = (("recipient_id", "recipients"), ("phone_id", "phones"))


def upgrade() -> None:
    if _is_postgresql():
        for column, _other in _KEYS:
            op.drop_constraint(f"fk_messages_{column}", "messages", type_="foreignkey")
    else:
        _rewrite([(re.compile(r",\s*" + re.escape(_declare(*key))), "") for key in _KEYS])


def downgrade() -> None:
    if _is_postgresql():
        for column, other in _KEYS:
            op.create_foreign_key(f"fk_messages_{column}", "messages", other, [column], ["id"])
    else:
        _rewrite([(re.compile(r"\)\s*\Z"), "".join(f", {_declare(*key)}" for key in _KEYS) + ")")])


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _declare(column: str, other: str) -> str:
    return f"CONSTRAINT fk_messages_{column} FOREIGN KEY({column}) REFERENCES {other} (id)"


def _rewrite(changes: list[tuple[re.Pattern[str], str]]) -> None:
    """Change the table's declaration in place, as 0010 does: for constraints SQLite's manual allows it."""
    connection = op.get_bind()
    declared = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'messages'"))
    for pattern, by in changes:
        declared, count = pattern.subn(by, declared)
        assert count == 1, pattern.pattern
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(text("UPDATE sqlite_master SET sql = :sql WHERE name = 'messages'"), {"sql": declared})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
