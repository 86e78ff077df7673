"""Columns of lists as fields of a campaign's texts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0103_campaign_fields"
down_revision = "0107_name_order"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("fields", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("campaigns", "fields")
