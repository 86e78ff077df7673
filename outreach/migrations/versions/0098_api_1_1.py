"""References of other systems, their requests, sandbox tokens, and replies that they hand in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0098_api_1_1"
down_revision = "0089_control_phones"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHANNELS = ("twilio", "push", "phone", "log", "page")


def upgrade() -> None:
    op.add_column(
        "api_tokens", sa.Column("is_sandbox", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "api_requests",
        sa.Column("id", _ID, nullable=False),
        sa.Column("token_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("row_id", _ID, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_api_requests_token_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_requests")),
        sa.UniqueConstraint("token_id", "key", name=op.f("uq_api_requests_token_id_key")),
    )
    op.create_table(
        "contact_references",
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_contact_references_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_references_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "reference", name=op.f("pk_contact_references")),
    )
    op.create_index(op.f("ix_contact_references_contact_id"), "contact_references", ["contact_id"])
    restate_check("replies", "channel", _CHANNELS, (*_CHANNELS, "api"), name="ck_replies_road")


def downgrade() -> None:
    op.execute("UPDATE replies SET channel = 'log' WHERE channel = 'api'")
    restate_check("replies", "channel", (*_CHANNELS, "api"), _CHANNELS, name="ck_replies_road")
    op.drop_table("contact_references")
    op.drop_table("api_requests")
    op.drop_column("api_tokens", "is_sandbox")
