"""The campaign form as it is being written"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0072_campaign_forms"
down_revision = "0071_lists"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "campaign_forms",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", _ID, nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("writer", sa.String(length=40), nullable=False),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("written_by", _ID, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_forms_campaign_id")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_campaign_forms_created_by")),
        sa.ForeignKeyConstraint(["written_by"], ["users.id"], name=op.f("fk_campaign_forms_written_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_forms")),
        sa.UniqueConstraint("key", name=op.f("uq_campaign_forms_key")),
    )
    op.create_index("ix_campaign_forms_campaign_id", "campaign_forms", ["campaign_id"])
    op.create_index("ix_campaign_forms_created_by", "campaign_forms", ["created_by"])


def downgrade() -> None:
    op.drop_table("campaign_forms")
