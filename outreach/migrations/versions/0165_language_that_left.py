"""A message keeps in which language its text left"""

import sqlalchemy as sa
from alembic import op

revision = "0165_language_that_left"
down_revision = "0145_what_identifies"


def upgrade() -> None:
    op.add_column("messages", sa.Column("language", sa.String(8), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "language")
