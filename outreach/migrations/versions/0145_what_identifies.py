"""Receipts belong to a phone, parts of replies are known again, replies keep what could not be read"""

import json

import sqlalchemy as sa
from alembic import op

from outreach.core.db import UtcDateTime

revision = "0145_what_identifies"
down_revision = "0126_what_files_did"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEY = "uq_reply_parts_sender_recipient_reference_number"


def upgrade() -> None:
    op.add_column("replies", sa.Column("raw", sa.LargeBinary(), nullable=True))
    op.add_column("replies", _is_answered())
    with op.batch_alter_table("waiting_receipts") as receipts:
        receipts.add_column(sa.Column("phone_id", _ID, nullable=True))
        receipts.add_column(sa.Column("account_id", sa.SmallInteger(), server_default="1", nullable=False))
    _find_phones()
    with op.batch_alter_table("waiting_receipts") as receipts:
        receipts.alter_column("phone_id", nullable=False, existing_type=_ID)
        receipts.drop_column("tags")
    with op.batch_alter_table("reply_parts") as parts:
        parts.add_column(sa.Column("gateway_id", sa.String(64), nullable=True))
        parts.add_column(sa.Column("raw", sa.LargeBinary(), nullable=True))
        parts.add_column(_is_answered())
        parts.add_column(sa.Column("joined_at", UtcDateTime(), nullable=True))
        parts.drop_constraint(_KEY, type_="unique")
    op.execute("UPDATE reply_parts SET gateway_id = 'part:' || id")
    with op.batch_alter_table("reply_parts") as parts:
        parts.alter_column("gateway_id", nullable=False, existing_type=sa.String(64))
        parts.create_unique_constraint("uq_reply_parts_gateway_id", ["gateway_id"])
    op.create_index("ix_reply_parts_sender", "reply_parts", ["sender", "recipient", "reference"])


def _is_answered() -> sa.Column[bool]:
    return sa.Column("is_answered", sa.Boolean(), server_default=sa.false(), nullable=False)


def _find_phones() -> None:
    """Give each receipt its phone by the attempt whose id it names. One that names none here was another system's, or came too early."""
    connection = op.get_bind()
    found = sa.text("SELECT phone_id, account_id FROM attempts WHERE gateway_id = :known")
    for row in connection.execute(sa.text("SELECT id, message_ids, tags FROM waiting_receipts")).all():
        ids, tags = (json.loads(part) if isinstance(part, str) else part for part in row[1:])
        for known in (f"{message_id[:51]}#{tag}" for message_id in ids for tag in tags):
            if attempt := connection.execute(found, {"known": known}).first():
                connection.execute(
                    sa.text(
                        "UPDATE waiting_receipts SET phone_id = :phone, account_id = :account WHERE id = :id"
                    ),
                    {"phone": attempt.phone_id, "account": attempt.account_id, "id": row.id},
                )
    op.execute("DELETE FROM waiting_receipts WHERE phone_id IS NULL")


def downgrade() -> None:
    op.execute("DELETE FROM waiting_receipts")
    op.execute(
        "DELETE FROM reply_parts WHERE joined_at IS NOT NULL OR id NOT IN (SELECT min(id) FROM reply_parts"
        " WHERE joined_at IS NULL GROUP BY sender, recipient, reference, number)"
    )
    op.drop_index("ix_reply_parts_sender", "reply_parts")
    with op.batch_alter_table("reply_parts") as parts:
        parts.drop_constraint("uq_reply_parts_gateway_id", type_="unique")
        for name in ("gateway_id", "raw", "is_answered", "joined_at"):
            parts.drop_column(name)
        parts.create_unique_constraint(_KEY, ["sender", "recipient", "reference", "number"])
    with op.batch_alter_table("waiting_receipts") as receipts:
        receipts.add_column(sa.Column("tags", sa.JSON(), nullable=False))
        receipts.drop_column("phone_id")
        receipts.drop_column("account_id")
    with op.batch_alter_table("replies") as replies:
        replies.drop_column("raw")
        replies.drop_column("is_answered")
