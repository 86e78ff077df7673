"""When what was personal in a campaign was removed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032_retention"
down_revision = "0031_backups"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("campaigns", "cleared_at")
