"""What the gateway's first answers and its counts of segments say about a campaign"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0047_gateway_answers"
down_revision = "0046_command_uploads"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("first_refusals", sa.Integer(), nullable=True, server_default="0"))
    op.add_column("campaigns", sa.Column("segment_factor", sa.Float(), nullable=False, server_default="1"))
    op.execute("UPDATE campaigns SET first_refusals = NULL WHERE launched_at IS NOT NULL")


def downgrade() -> None:
    op.drop_column("campaigns", "segment_factor")
    op.drop_column("campaigns", "first_refusals")
