"""Tallies in place of an index over all attempts; pace of a sender; contents that are told apart"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_tallies"
down_revision = "0007_officers"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = (
    "sending",
    "unknown",
    "absent",
    "accepted",
    "sent",
    "no_report",
    "failed",
    "undelivered",
    "delivered",
)


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("lane", _ID, nullable=False),
        sa.Column(
            "state",
            sa.Enum(*_STATES, name="attemptstate", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("cause", sa.String(length=24), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tallies")),
    )
    op.create_index("ix_tallies_lane", "tallies", ["lane", "at"], unique=False)
    op.execute(
        """
        INSERT INTO tallies (lane, state, cause, n, segments, at)
        SELECT lane, state, cause, COUNT(*), SUM(segments), MAX(claimed_at) FROM attempts
        WHERE state NOT IN ('sending', 'unknown', 'absent') GROUP BY lane, state, cause
        """
    )
    op.drop_index("ix_attempts_figures", table_name="attempts")
    op.add_column("campaigns", sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("senders", sa.Column("pace", sa.Float(), nullable=True))
    op.add_column("steps", sa.Column("content_hash", sa.String(length=64), nullable=True))
    if op.get_context().dialect.name == "postgresql":
        # Every message passes through the outbox once: it is emptied as fast as it is filled, and claims
        # from its front, so its dead rows must go long before a fifth of it is dead.
        op.execute(
            "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,"
            " autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,"
            " autovacuum_vacuum_cost_delay)"
        )
    op.drop_column("steps", "content_hash")
    op.drop_column("senders", "pace")
    op.drop_column("campaigns", "resumed_at")
    op.create_index("ix_attempts_figures", "attempts", ["lane", "state", "cause", "segments"], unique=False)
    op.drop_index("ix_tallies_lane", table_name="tallies")
    op.drop_table("tallies")
