"""What a list states of a person whom another organisation recorded, and security events"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0052_stated"
down_revision = "0051_approved_audience"


def upgrade() -> None:
    op.add_column("memberships", sa.Column("stated", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("memberships", "stated")
