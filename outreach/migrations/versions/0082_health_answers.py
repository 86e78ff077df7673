"""Campaigns whose answers are about health, and to whom they wrote once the answers lead to nobody"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0082_health_answers"
down_revision = "0086_at_the_door"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("is_health", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE campaigns SET is_health = true WHERE kind = 'tiem-chung'")
    op.create_table(
        "former_recipients",
        sa.Column("campaign_id", _ID, nullable=False, autoincrement=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name="fk_former_recipients_contact_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "contact_id", name="pk_former_recipients"),
    )
    op.create_index("ix_former_recipients_contact_id", "former_recipients", ["contact_id"])


def downgrade() -> None:
    op.drop_table("former_recipients")
    op.drop_column("campaigns", "is_health")
