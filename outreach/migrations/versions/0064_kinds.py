"""Kinds of campaign made in the office"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0064_kinds"
down_revision = "0063_warnings"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "campaign_kinds",
        sa.Column("id", _ID, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_campaign_kinds_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_kinds")),
        sa.UniqueConstraint("code", name=op.f("uq_campaign_kinds_code")),
    )


def downgrade() -> None:
    op.drop_table("campaign_kinds")
