"""Tokens of other systems, and the rows that came in by them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034_interfaces"
down_revision = "0033_launching"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_api_tokens_organisation_id")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_api_tokens_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_tokens_hash")),
    )
    op.create_table(
        "rows_received",
        sa.Column("id", _ID, nullable=False),
        sa.Column("token_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("upload_id", _ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_rows_received_token_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name=op.f("fk_rows_received_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rows_received")),
        sa.UniqueConstraint("token_id", "key", name=op.f("uq_rows_received_token_id_key")),
    )
    op.create_index(op.f("ix_rows_received_upload_id"), "rows_received", ["upload_id"])


def downgrade() -> None:
    op.drop_table("rows_received")
    op.drop_table("api_tokens")
