"""The audit log's chain is keyed from here on, and its end goes outside; callbacks' times on SQLite

On SQLite the time of a callback was stored as the number of its year. When it came nobody knows any more: the time of the
request that it is about comes nearest.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050_keyed_audit"
down_revision = "0049_keys"


def upgrade() -> None:
    op.add_column("audit_events", sa.Column("key_id", sa.String(8), nullable=False, server_default=""))
    op.add_column("audit_head", sa.Column("sent_at", sa.DateTime(timezone=True)))

    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "UPDATE status_events SET received_at = COALESCE("
            "(SELECT a.claimed_at FROM attempts a WHERE a.id = status_events.attempt_id), "
            "strftime('%Y-%m-%d %H:%M:%f000', 'now')) WHERE typeof(received_at) <> 'text'"
        )
        op.execute(
            "UPDATE status_events SET applied_at = received_at "
            "WHERE applied_at IS NOT NULL AND typeof(applied_at) <> 'text'"
        )


def downgrade() -> None:
    # Keyed entries stay, and an earlier version's `audit verify` names the first of them.
    with op.batch_alter_table("audit_head") as head:
        head.drop_column("sent_at")
    with op.batch_alter_table("audit_events") as events:
        events.drop_column("key_id")
