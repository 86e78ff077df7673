"""How often an account or a sender was refused for what waits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042_refusals"
down_revision = "0041_corrected"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("refused", sa.SmallInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("outbox", "refused")
