"""Which key a hash of a number was made with, and when a session's user last proved who they are"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0049_keys"
down_revision = "0047_gateway_answers"

_TABLES = ("suppressions", "erasures")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("key_id", sa.String(8), nullable=False, server_default=""))
    op.add_column("user_sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("user_sessions", "confirmed_at")
    for table in _TABLES:
        with op.batch_alter_table(table) as altered:
            altered.drop_column("key_id")
