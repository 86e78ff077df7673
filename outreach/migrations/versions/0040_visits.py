"""When an officer was at the door, and what was known of a person's phone before their entry"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040_visits"
down_revision = "0039_takenback"

_ENTRIES = ("officer_entries", "round_results")


def upgrade() -> None:
    for table in _ENTRIES:
        op.add_column(
            table, sa.Column("changed_smartphone", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        op.add_column(table, sa.Column("had_smartphone", sa.Boolean(), nullable=True))
    op.add_column("round_results", sa.Column("visited_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("round_results", "visited_at")
    for table in _ENTRIES:
        op.drop_column(table, "had_smartphone")
        op.drop_column(table, "changed_smartphone")
