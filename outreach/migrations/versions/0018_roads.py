"""By which road a reply came, so that the same one by two roads counts once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_roads"
down_revision = "0017_decisions"

_ROADS = ("twilio", "push", "phone", "log")


def upgrade() -> None:
    roads = ", ".join(f"'{road}'" for road in _ROADS)
    op.execute(
        "ALTER TABLE replies ADD COLUMN road VARCHAR(24) DEFAULT 'twilio' NOT NULL "
        f"CONSTRAINT ck_replies_road CHECK (road IN ({roads}))"
    )
    op.create_index("ix_replies_sender_received_at", "replies", ["sender", "received_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_replies_sender_received_at", table_name="replies")
    if op.get_context().dialect.name == "sqlite":
        # SQLite drops no column that a constraint of its own names; the constraint goes with its declaration.
        connection = op.get_bind()
        declared = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'replies'"))
        start = declared.index("CONSTRAINT ck_replies_road")
        end = declared.index("))", start) + 2
        version = connection.scalar(sa.text("PRAGMA schema_version"))
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.execute(
            sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'replies'"),
            {"sql": declared[:start] + declared[end:]},
        )
        connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
        connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    op.drop_column("replies", "road")
