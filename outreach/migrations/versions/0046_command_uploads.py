"""Uploads of the command line, which have no user"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046_command_uploads"
down_revision = "0045_standard_names"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("uploads") as uploads:
        uploads.alter_column("uploaded_by", existing_type=_ID, nullable=True)


def downgrade() -> None:
    # What they brought stays, and can be undone by the command.
    op.execute("DELETE FROM uploads WHERE uploaded_by IS NULL")
    with op.batch_alter_table("uploads") as uploads:
        uploads.alter_column("uploaded_by", existing_type=_ID, nullable=False)
