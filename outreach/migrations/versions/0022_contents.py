"""What counts as one content depends on the text that a number gets, not on the step's first one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022_contents"
down_revision = "0021_official"


def upgrade() -> None:
    op.drop_column("steps", "content_hash")


def downgrade() -> None:
    op.add_column("steps", sa.Column("content_hash", sa.String(length=64)))
