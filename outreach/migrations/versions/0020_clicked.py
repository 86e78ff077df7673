"""Who pressed "install", found without reading all recipients"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_clicked"
down_revision = "0019_counters"


def upgrade() -> None:
    where = sa.text("clicked_at IS NOT NULL")
    op.create_index(
        "ix_recipients_clicked",
        "recipients",
        ["campaign_id"],
        unique=False,
        postgresql_where=where,
        sqlite_where=where,
    )


def downgrade() -> None:
    op.drop_index("ix_recipients_clicked", table_name="recipients")
