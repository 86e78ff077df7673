"""Handled replies; indexes for the figures of a running campaign"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_figures"
down_revision = "0002_office"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LABELS = (
    "installed",
    "not_yet",
    "no_smartphone",
    "need_help",
    "refuse",
    "opt_out",
    "wrong_number",
    "question",
    "unclear",
)


def upgrade() -> None:
    op.create_table(
        "handlings",
        sa.Column("id", _ID, nullable=False),
        sa.Column("reply_id", _ID, nullable=False),
        sa.Column(
            "label",
            sa.Enum(*_LABELS, name="label", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("handled_by", _ID, nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_id", _ID, nullable=True),
        sa.Column("withdrawn_id", _ID, nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_handlings_answer_id")),
        sa.ForeignKeyConstraint(["handled_by"], ["users.id"], name=op.f("fk_handlings_handled_by")),
        sa.ForeignKeyConstraint(["reply_id"], ["replies.id"], name=op.f("fk_handlings_reply_id")),
        sa.ForeignKeyConstraint(["withdrawn_id"], ["answers.id"], name=op.f("fk_handlings_withdrawn_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handlings")),
    )
    op.create_index(op.f("ix_handlings_reply_id"), "handlings", ["reply_id"], unique=False)
    op.create_index("ix_attempts_figures", "attempts", ["lane", "state", "cause", "segments"], unique=False)
    op.drop_index("ix_messages_progress", table_name="messages")
    op.create_index(
        "ix_messages_progress", "messages", ["campaign_id", "step_id", "state", "skip_reason"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_messages_progress", table_name="messages")
    op.create_index("ix_messages_progress", "messages", ["campaign_id", "step_id", "state"], unique=False)
    op.drop_index("ix_attempts_figures", table_name="attempts")
    op.drop_index(op.f("ix_handlings_reply_id"), table_name="handlings")
    op.drop_table("handlings")
