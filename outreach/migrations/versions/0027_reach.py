"""Counts of how far large campaigns reached"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027_reach"
down_revision = "0026_chain"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MEASURES = (
    "recipients",
    "excluded",
    "written",
    "arrived",
    "written_installed",
    "written_without",
    "messages",
    "skipped",
    "causes",
    "segments",
    "opened",
    "clicked",
    "answers",
    "installed",
    "arms",
    "arms_installed",
)


def upgrade() -> None:
    op.create_table(
        "reach_counts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("step_id", _ID, nullable=True),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("area_code", sa.String(length=10), nullable=True),
        sa.Column(
            "measure",
            sa.Enum(*_MEASURES, name="measure", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("detail", sa.String(length=24), nullable=False),
        sa.Column("n", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reach_counts")),
    )
    op.create_index(op.f("ix_reach_counts_campaign_id"), "reach_counts", ["campaign_id"])
    op.create_table(
        "reach_counted",
        sa.Column("campaign_id", _ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_reach_counted")),
    )


def downgrade() -> None:
    op.drop_table("reach_counted")
    op.drop_table("reach_counts")
