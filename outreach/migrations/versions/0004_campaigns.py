"""Campaigns: kind, authors, decisions, the count of the frozen audience"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_campaigns"
down_revision = "0003_figures"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "campaign_authors",
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_authors_campaign_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_campaign_authors_user_id")),
        sa.PrimaryKeyConstraint("campaign_id", "user_id", name=op.f("pk_campaign_authors")),
    )
    op.create_table(
        "campaign_decisions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("version_id", _ID, nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", _ID, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_campaign_decisions_decided_by")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["campaign_versions.id"], name=op.f("fk_campaign_decisions_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_decisions")),
    )
    op.create_index(op.f("ix_campaign_decisions_version_id"), "campaign_decisions", ["version_id"])
    op.add_column("campaign_versions", sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "campaigns", sa.Column("kind", sa.String(length=40), server_default="bluezone", nullable=False)
    )
    op.add_column("campaigns", sa.Column("recipients", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("campaigns", "recipients")
    op.drop_column("campaigns", "kind")
    op.drop_column("campaign_versions", "mailed_at")
    op.drop_index(op.f("ix_campaign_decisions_version_id"), table_name="campaign_decisions")
    op.drop_table("campaign_decisions")
    op.drop_table("campaign_authors")
