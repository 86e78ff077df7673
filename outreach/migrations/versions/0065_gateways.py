"""Gateway accounts, the first of which is the environment's; which account an attempt went by; operators of numbers"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from outreach.core.db import UtcDateTime

revision = "0065_gateways"
down_revision = "0064_kinds"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=24, name=name)


def upgrade() -> None:
    table = op.create_table(
        "gateway_accounts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("kind", _choice("gatewaykind", "environment", "smpp", "aggregator"), nullable=False),
        sa.Column(
            "state", _choice("gatewaystate", "testing", "active", "draining", "closed"), nullable=False
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(300), nullable=False),
        sa.Column("login", sa.String(120), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("senders", sa.JSON(), nullable=False),
        sa.Column("operators", sa.JSON(), nullable=False),
        sa.Column("pace", sa.Float(), nullable=True),
        sa.Column("price_vnd", sa.Integer(), nullable=True),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("has_unicode", sa.Boolean(), nullable=False),
        sa.Column("proof", _choice("proof", "handset", "operator", "nothing"), nullable=False),
        sa.Column("rested_until", UtcDateTime(), nullable=True),
        sa.Column("rest_reason", sa.String(200), nullable=False),
        sa.Column("changed_by", _ID, nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["users.id"], name=op.f("fk_gateway_accounts_changed_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_gateway_accounts_name")),
    )
    op.bulk_insert(
        table,
        [
            {
                "name": "SMS_GATEWAY",
                "kind": "environment",
                "state": "active",
                "position": 1,
                "url": "",
                "login": "",
                "options": {},
                "senders": [],
                "operators": [],
                "prices": {},
                "has_unicode": True,
                "proof": "operator",
                "rest_reason": "",
                "changed_at": datetime.now(UTC),
            }
        ],
    )
    for name in ("attempts", "tallies"):
        op.add_column(
            name, sa.Column("account_id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False)
        )
    op.add_column("messages", sa.Column("account_id", sa.SmallInteger(), nullable=True))
    op.add_column("phones", sa.Column("operator", sa.String(16), nullable=True))


def downgrade() -> None:
    op.drop_column("phones", "operator")
    for name in ("messages", "tallies", "attempts"):
        op.drop_column(name, "account_id")
    op.drop_table("gateway_accounts")
