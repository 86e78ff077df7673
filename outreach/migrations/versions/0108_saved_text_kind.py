"""The kind of campaign that a saved text is for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0108_saved_text_kind"
down_revision = "0103_campaign_fields"


def upgrade() -> None:
    op.add_column("saved_texts", sa.Column("kind", sa.String(40), nullable=True))
    # The app of the first kind names itself in its texts.
    op.execute(
        "UPDATE saved_texts SET kind = 'bluezone' WHERE lower(title) LIKE '%bluezone%' OR lower(text) LIKE '%bluezone%'"
    )


def downgrade() -> None:
    op.drop_column("saved_texts", "kind")
