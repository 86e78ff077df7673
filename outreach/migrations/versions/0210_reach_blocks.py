"""The reach of a large campaign is counted block by block of its recipients"""

import sqlalchemy as sa
from alembic import op

from outreach.core.db import BigId

revision = "0210_reach_blocks"
down_revision = "0195_notices"


def upgrade() -> None:
    op.create_table(
        "reach_blocks",
        sa.Column("campaign_id", BigId, nullable=False, autoincrement=False),
        sa.Column("block", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("operators", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "block"),
    )
    op.add_column("reach_counted", sa.Column("operators", sa.JSON(), nullable=True))
    op.create_index("ix_install_reports_recipient_id", "install_reports", ["recipient_id"])


def downgrade() -> None:
    op.drop_index("ix_install_reports_recipient_id", "install_reports")
    op.drop_column("reach_counted", "operators")
    op.drop_table("reach_blocks")
