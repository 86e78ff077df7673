"""Urgency of replies and cases, and whether a reply's label is sure"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0060_urgent"
down_revision = "0058_receipts"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("urgent_at IS NOT NULL AND done_at IS NULL")


def upgrade() -> None:
    op.add_column("replies", sa.Column("is_sure", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("replies", sa.Column("is_urgent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("replies", sa.Column("emergency_id", _ID, nullable=True))
    # What was sure by the confidence that the rules gave.
    op.execute(
        "UPDATE replies SET is_sure = false WHERE confidence < 0.7 OR (label = 'installed' AND confidence < 0.8)"
    )
    for name in ("urgent_at", "alerted_at", "escalated_at"):
        op.add_column("cases", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_cases_urgent", "cases", ["urgent_at"], postgresql_where=_OPEN, sqlite_where=_OPEN)


def downgrade() -> None:
    op.drop_index("ix_cases_urgent", table_name="cases")
    for name in ("escalated_at", "alerted_at", "urgent_at"):
        op.drop_column("cases", name)
    for name in ("emergency_id", "is_urgent", "is_sure"):
        op.drop_column("replies", name)
