"""A step may have a templated notice, an attempt a channel; a number keeps what a notice found out of it"""

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0195_notices"
down_revision = "0190_operators"

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
_WITH_PASSED = (*_STATES[:5], "passed", *_STATES[5:])
_CHANNELS = ("twilio", "push", "phone", "log", "page", "api")


def upgrade() -> None:
    op.add_column("steps", sa.Column("notice_template", sa.String(40), nullable=False, server_default=""))
    op.add_column("steps", sa.Column("notice_text", sa.Text(), nullable=False, server_default=""))
    op.add_column("attempts", sa.Column("channel", sa.String(8), nullable=False, server_default="sms"))
    op.add_column("attempts", sa.Column("notice", sa.Text(), nullable=True))
    where = sa.text("channel = 'zalo' AND state IN ('unknown', 'accepted', 'sent')")
    op.create_index(
        "ix_attempts_notices", "attempts", ["claimed_at"], postgresql_where=where, sqlite_where=where
    )
    op.add_column("phones", sa.Column("notices", sa.String(12), nullable=True))
    op.add_column("phones", sa.Column("notices_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("phones", sa.Column("zalo_id", sa.String(40), nullable=True))
    op.create_index("ix_phones_zalo_id", "phones", ["zalo_id"])
    for table in ("attempts", "tallies"):
        restate_check(table, "state", _STATES, _WITH_PASSED, name="attemptstate")
    restate_check("replies", "channel", _CHANNELS, (*_CHANNELS, "zalo"), name="road")


def downgrade() -> None:
    op.execute("UPDATE attempts SET state = 'absent' WHERE state = 'passed'")
    op.execute("UPDATE replies SET channel = 'push' WHERE channel = 'zalo'")
    for table in ("attempts", "tallies"):
        restate_check(table, "state", _WITH_PASSED, _STATES, name="attemptstate")
    restate_check("replies", "channel", (*_CHANNELS, "zalo"), _CHANNELS, name="road")
    op.drop_index("ix_phones_zalo_id", "phones")
    op.drop_index("ix_attempts_notices", "attempts")
    for table, columns in (
        ("phones", ("zalo_id", "notices_at", "notices")),
        ("attempts", ("notice", "channel")),
        ("steps", ("notice_text", "notice_template")),
    ):
        for column in columns:
            op.drop_column(table, column)
