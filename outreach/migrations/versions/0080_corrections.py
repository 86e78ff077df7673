"""What officers decided about a reply is found again by its words"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0080_corrections"
down_revision = "0079_answer_page"


def upgrade() -> None:
    op.add_column("handlings", sa.Column("signature", sa.String(32), nullable=True))
    op.create_index("ix_handlings_signature", "handlings", ["signature"])


def downgrade() -> None:
    op.drop_index("ix_handlings_signature", table_name="handlings")
    op.drop_column("handlings", "signature")
