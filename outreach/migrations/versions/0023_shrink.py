"""Whether a file of the register may take many numbers out of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_shrink"
down_revision = "0022_contents"


def upgrade() -> None:
    op.add_column(
        "registers", sa.Column("may_shrink", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("registers", "may_shrink")
