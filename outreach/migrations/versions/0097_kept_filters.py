"""Filters that users keep under a name"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0097_kept_filters"
down_revision = "0096_notices"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "kept_filters",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("page", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_kept_filters_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_filters")),
        sa.UniqueConstraint("user_id", "page", "name", name=op.f("uq_kept_filters_user_id_page_name")),
    )


def downgrade() -> None:
    op.drop_table("kept_filters")
