"""What the gateway has billed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044_bills"
down_revision = "0043_reserved"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("price_vnd", sa.Integer(), nullable=True))
    op.add_column("campaigns", sa.Column("priced_segments", sa.Integer(), server_default="0", nullable=False))
    op.add_column("campaigns", sa.Column("priced_vnd", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("campaigns", "priced_vnd")
    op.drop_column("campaigns", "priced_segments")
    op.drop_column("attempts", "price_vnd")
