"""A number keeps when its owner last asked for messages; when a user was last told is read from what they were told"""

import sqlalchemy as sa
from alembic import op

revision = "0187_asked_and_told"
down_revision = "0180_office_settings"


def upgrade() -> None:
    op.add_column("phones", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_column("users", "notices_mailed_at")


def downgrade() -> None:
    op.add_column("users", sa.Column("notices_mailed_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_column("phones", "asked_at")
