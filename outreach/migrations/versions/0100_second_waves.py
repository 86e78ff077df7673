"""Second waves of a campaign that wait for approval"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0100_second_waves"
down_revision = "0091_campaign_comments"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("wave", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("campaigns", "wave")
