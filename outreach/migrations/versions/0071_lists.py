"""Lists that are hidden, waiting for their first file or removed, and lists that are archived"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0071_lists"
down_revision = "0069_urgings"


def upgrade() -> None:
    op.add_column(
        "contact_lists",
        sa.Column("hidden", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("contact_lists", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("contact_lists", "archived_at")
    op.drop_column("contact_lists", "hidden")
