"""When the texts of a launched campaign were corrected"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041_corrected"
down_revision = "0040_visits"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("campaigns", "corrected_at")
