"""Registered templates of senders, with their state at each gateway"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.db import UtcDateTime

revision = "0066_templates"
down_revision = "0065_gateways"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATE = sa.Enum(
    "asked", "accepted", "refused", native_enum=False, create_constraint=True, length=24, name="templatestate"
)


def upgrade() -> None:
    op.create_table(
        "registered_templates",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sender", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_registered_templates_made_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registered_templates")),
    )
    op.create_table(
        "template_states",
        sa.Column("template_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("until", sa.String(10), nullable=True),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["registered_templates.id"],
            name=op.f("fk_template_states_template_id_registered_templates"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["gateway_accounts.id"],
            name=op.f("fk_template_states_account_id_gateway_accounts"),
        ),
        sa.PrimaryKeyConstraint("template_id", "account_id", name=op.f("pk_template_states")),
    )


def downgrade() -> None:
    op.drop_table("template_states")
    op.drop_table("registered_templates")
