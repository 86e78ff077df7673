"""What the gateway's first answers and its counts of segments say about a campaign"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0047_gateway_answers"
down_revision = "0046_command_uploads"


def upgrade() -> None:
    with op.batch_alter_table("campaigns") as campaigns:
        campaigns.add_column(sa.Column("first_refusals", sa.Integer(), nullable=True, server_default="0"))
        campaigns.add_column(sa.Column("segment_factor", sa.Float(), nullable=False, server_default="1"))
    op.execute("UPDATE campaigns SET first_refusals = NULL WHERE launched_at IS NOT NULL")


def downgrade() -> None:
    with op.batch_alter_table("campaigns") as campaigns:
        campaigns.drop_column("segment_factor")
        campaigns.drop_column("first_refusals")
