"""Comments beside the cards of a campaign"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0091_campaign_comments"
down_revision = "0090_other_lists"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CARDS = ("whom", "words", "when", "check")


def upgrade() -> None:
    op.create_table(
        "campaign_comments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column(
            "card",
            sa.Enum(*_CARDS, name="commentcard", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("reply_to", _ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", _ID, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", _ID, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_comments_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["reply_to"], ["campaign_comments.id"], name=op.f("fk_campaign_comments_reply_to")
        ),
        sa.ForeignKeyConstraint(["written_by"], ["users.id"], name=op.f("fk_campaign_comments_written_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["users.id"], name=op.f("fk_campaign_comments_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_comments")),
    )
    op.create_index(op.f("ix_campaign_comments_campaign_id"), "campaign_comments", ["campaign_id"])


def downgrade() -> None:
    op.drop_table("campaign_comments")
