"""When a personal link's page was first asked for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_openings"
down_revision = "0013_agencies"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "openings",
        sa.Column("campaign_id", _ID, autoincrement=False, nullable=False),
        sa.Column("recipient_id", _ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "recipient_id", name=op.f("pk_openings")),
    )


def downgrade() -> None:
    op.drop_table("openings")
