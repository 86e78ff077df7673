"""No foreign keys where one statement writes hundreds of thousands of rows with what it has just read"""

from __future__ import annotations

import re

from alembic import op
from sqlalchemy import text

revision = "0010_bulk"
down_revision = "0009_people"

_KEYS = {
    "recipients": (
        ("campaign_id", "campaigns", "id"),
        ("list_id", "contact_lists", "id"),
        ("area_code", "areas", "code"),
    ),
    "messages": (("campaign_id", "campaigns", "id"), ("step_id", "steps", "id")),
    "attempts": (("phone_id", "phones", "id"),),
    "outbox": (("message_id", "messages", "id"),),
}


def upgrade() -> None:
    for table, keys in _KEYS.items():
        if _is_postgresql():
            for column, _other, _id in keys:
                op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
        else:
            _rewrite(table, [(re.compile(r",\s*" + re.escape(_declare(table, *key))), "") for key in keys])


def downgrade() -> None:
    for table, keys in _KEYS.items():
        if _is_postgresql():
            for column, other, identity in keys:
                op.create_foreign_key(f"fk_{table}_{column}", table, other, [column], [identity])
        else:
            added = "".join(f", {_declare(table, *key)}" for key in keys)
            _rewrite(table, [(re.compile(r"\)\s*\Z"), f"{added})")])


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _declare(table: str, column: str, other: str, identity: str) -> str:
    return f"CONSTRAINT fk_{table}_{column} FOREIGN KEY({column}) REFERENCES {other} ({identity})"


def _rewrite(table: str, changes: list[tuple[re.Pattern[str], str]]) -> None:
    """Change a table's declaration in place: for constraints SQLite's manual allows it ("ALTER TABLE", 7).

    The rows stay where they are, and with them every check and index.
    """
    connection = op.get_bind()
    declared = connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), {"table": table}
    )
    for pattern, by in changes:
        declared, count = pattern.subn(by, declared)
        assert count == 1, (table, pattern.pattern)
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table"),
        {"sql": declared, "table": table},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
