"""What a decision on a row did, so that it can be taken back"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017_decisions"
down_revision = "0016_ladder"


def upgrade() -> None:
    op.add_column("import_issues", sa.Column("undo", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("import_issues", "undo")
