"""Warnings: campaigns of the urgent class, with their reason and legal basis; campaigns that correct a text of another one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0063_warnings"
down_revision = "0062_drives"


def upgrade() -> None:
    for name in ("urgent_reason", "urgent_basis"):
        op.add_column("campaigns", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("campaigns", sa.Column("corrects", sa.JSON(), nullable=True))


def downgrade() -> None:
    for name in ("corrects", "urgent_basis", "urgent_reason"):
        op.drop_column("campaigns", name)
