"""Notices: which kinds a user wants, and what was mailed to whom"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0096_notices"
down_revision = "0095_person_merges"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("users", sa.Column("unwanted_notices", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("users", sa.Column("notices_mailed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "mailed_notices",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mailed_notices_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_mailed_notices")),
    )


def downgrade() -> None:
    op.drop_table("mailed_notices")
    op.drop_column("users", "notices_mailed_at")
    op.drop_column("users", "unwanted_notices")
