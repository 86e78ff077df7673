"""Control phones, and the copies of texts that they get"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0089_control_phones"
down_revision = "0082_health_answers"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LOOKS = ("clear", "garbled", "cut", "sender")


def upgrade() -> None:
    op.create_table(
        "control_phones",
        sa.Column("id", _ID, nullable=False),
        sa.Column("e164", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_control_phones")),
    )
    op.create_table(
        "control_copies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("control_phone_id", _ID, nullable=False),
        sa.Column("variant", sa.String(length=1), nullable=False),
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "look",
            sa.Enum(*_LOOKS, name="controllook", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_control_copies_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["control_phone_id"], ["control_phones.id"], name=op.f("fk_control_copies_control_phone_id")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_control_copies_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_control_copies")),
        sa.UniqueConstraint(
            "campaign_id",
            "step",
            "variant",
            "control_phone_id",
            name=op.f("uq_control_copies_campaign_id_step_variant_control_phone_id"),
        ),
    )


def downgrade() -> None:
    op.drop_table("control_copies")
    op.drop_table("control_phones")
