"""References of other systems, their requests, sandbox tokens, and replies that they hand in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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
    _restate(_CHANNELS, (*_CHANNELS, "api"))


def downgrade() -> None:
    op.execute("UPDATE replies SET channel = 'log' WHERE channel = 'api'")
    _restate((*_CHANNELS, "api"), _CHANNELS)
    op.drop_table("contact_references")
    op.drop_table("api_requests")
    op.drop_column("api_tokens", "is_sandbox")


def _restate(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Change the values that the column's CHECK allows."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE replies DROP CONSTRAINT IF EXISTS road, DROP CONSTRAINT IF EXISTS ck_replies_road, "
            f"ADD CONSTRAINT ck_replies_road CHECK ({_among(after)})"
        )
        return
    # In place: for constraints SQLite's manual allows it.
    connection = op.get_bind()
    declared = str(connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'replies'")))
    assert declared.count(_among(before)) == 1, declared
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'replies'"),
        {"sql": declared.replace(_among(before), _among(after))},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _among(values: tuple[str, ...]) -> str:
    return f"channel IN ({', '.join(repr(value) for value in values)})"
