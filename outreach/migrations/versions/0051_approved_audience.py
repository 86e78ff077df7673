"""The audience that was approved, and a correction of texts that waits for another person"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0051_approved_audience"
down_revision = "0050_keyed_audit"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("approved_recipients", sa.Integer(), nullable=True))
    op.add_column("campaigns", sa.Column("approved_bases", sa.JSON(), nullable=True))
    op.add_column("campaigns", sa.Column("correction", sa.JSON(), nullable=True))


def downgrade() -> None:
    for name in ("correction", "approved_bases", "approved_recipients"):
        op.drop_column("campaigns", name)
