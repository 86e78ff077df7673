"""What numbers say of their safety in a storm, what they need and where"""

import sqlalchemy as sa
from alembic import op

from outreach.core.db import BigId

revision = "0188_safety_reports"
down_revision = "0187_asked_and_told"


def upgrade() -> None:
    op.create_table(
        "safety_reports",
        sa.Column("campaign_id", BigId, sa.ForeignKey("campaigns.id"), primary_key=True),
        sa.Column("phone_id", BigId, sa.ForeignKey("phones.id"), primary_key=True, index=True),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("people", sa.Integer()),
        sa.Column("needs", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("handed_to", sa.Text(), nullable=False, server_default=""),
        sa.Column("handed_at", sa.DateTime(timezone=True)),
        sa.Column("joined_to", BigId, sa.ForeignKey("cases.id"), index=True),
        sa.CheckConstraint("status IN ('safe', 'help', 'other')", name="status"),
    )


def downgrade() -> None:
    op.drop_table("safety_reports")
