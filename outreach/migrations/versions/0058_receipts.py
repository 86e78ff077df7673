"""Receipts that name no attempt, parts of messages and of replies, as SMPP has them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.db import UtcDateTime

revision = "0058_receipts"
down_revision = "0057_data_protection"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "message_parts",
        sa.Column("gateway_id", sa.String(64), nullable=False),
        sa.Column("attempt_id", _ID, nullable=False),
        sa.Column("status", sa.String(20), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_message_parts_attempt_id_attempts")
        ),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_message_parts")),
    )
    op.create_index(op.f("ix_message_parts_attempt_id"), "message_parts", ["attempt_id"])
    op.create_table(
        "waiting_receipts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("message_ids", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("cause", sa.String(24), nullable=True),
        sa.Column("code", sa.String(24), nullable=True),
        sa.Column("reference", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(20), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_receipts")),
    )
    op.create_index("ix_waiting_receipts_due", "waiting_receipts", ["next_try_at"])
    op.create_table(
        "reply_parts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("reference", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply_parts")),
        sa.UniqueConstraint(
            "sender",
            "recipient",
            "reference",
            "number",
            name=op.f("uq_reply_parts_sender_recipient_reference_number"),
        ),
    )


def downgrade() -> None:
    op.drop_table("reply_parts")
    op.drop_index("ix_waiting_receipts_due", table_name="waiting_receipts")
    op.drop_table("waiting_receipts")
    op.drop_index(op.f("ix_message_parts_attempt_id"), table_name="message_parts")
    op.drop_table("message_parts")
