"""The price at which a campaign was launched, and the segments that its budget puts aside for a message"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043_reserved"
down_revision = "0042_refusals"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("price_vnd", sa.Integer(), nullable=True))
    op.add_column("steps", sa.Column("segments_each", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("steps", "segments_each")
    op.drop_column("campaigns", "price_vnd")
