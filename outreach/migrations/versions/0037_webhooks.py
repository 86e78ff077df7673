"""Webhooks: who is told of what, and what became of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037_webhooks"
down_revision = "0036_removed"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = ("waiting", "delivered", "failed")


def upgrade() -> None:
    op.create_table(
        "webhook_subscriptions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_webhook_subscriptions_organisation_id")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_webhook_subscriptions_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_subscriptions")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("subscription_id", _ID, nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*_STATES, name="deliverystate", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=60), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["webhook_subscriptions.id"],
            name=op.f("fk_webhook_deliveries_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("event_id", name=op.f("uq_webhook_deliveries_event_id")),
        sa.UniqueConstraint("subscription_id", "key", name=op.f("uq_webhook_deliveries_subscription_id_key")),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_webhook_deliveries_waiting",
        "webhook_deliveries",
        ["subscription_id", "id"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    op.create_table(
        "webhook_bookmark",
        sa.Column("id", _ID, nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_bookmark")),
    )
    withdrawn = sa.text("withdrawn_at IS NOT NULL")
    op.create_index(
        "ix_install_reports_withdrawn",
        "install_reports",
        ["withdrawn_at"],
        postgresql_where=withdrawn,
        sqlite_where=withdrawn,
    )


def downgrade() -> None:
    op.drop_index("ix_install_reports_withdrawn", "install_reports")
    op.drop_table("webhook_bookmark")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_subscriptions")
