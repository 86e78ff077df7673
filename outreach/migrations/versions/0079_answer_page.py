"""Reminders that a resident asked for, and what was written on the answer page"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0079_answer_page"
down_revision = "0077_checks"

_CHANNELS = ("twilio", "push", "phone", "log")


def upgrade() -> None:
    op.add_column(
        "recipients", sa.Column("wants_reminder", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    restate_check("replies", "channel", _CHANNELS, (*_CHANNELS, "page"), name="ck_replies_road")


def downgrade() -> None:
    op.execute("UPDATE replies SET channel = 'log' WHERE channel = 'page'")
    restate_check("replies", "channel", (*_CHANNELS, "page"), _CHANNELS, name="ck_replies_road")
    op.drop_column("recipients", "wants_reminder")
