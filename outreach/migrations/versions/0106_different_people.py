"""Pairs of people of whom an officer said that they are not the same"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0106_different_people"
down_revision = "0102_kept_values"


def upgrade() -> None:
    op.create_table(
        "different_people",
        sa.Column("pair", sa.String(41), primary_key=True),
        sa.Column(
            "contact_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("contacts.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column(
            "said_by",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("users.id"),
            nullable=False,
        ),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_different_people_contact_id", "different_people", ["contact_id"])


def downgrade() -> None:
    op.drop_table("different_people")
