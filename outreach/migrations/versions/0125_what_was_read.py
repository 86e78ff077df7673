"""What an approver read, what a submission is bound to, when a wave took somebody in, how long sending took."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0125_what_was_read"
down_revision = "0116_wishes"

_LAST_LEFT = """
SELECT c.id, c.launched_at, MAX(a.claimed_at) FROM campaigns c
JOIN messages m ON m.campaign_id = c.id AND m.step_id IS NOT NULL
JOIN attempts a ON a.message_id = m.id
WHERE c.state IN ('sending', 'paused') AND c.launched_at IS NOT NULL
AND EXISTS (SELECT 1 FROM steps s WHERE s.campaign_id = c.id AND s.opened_at IS NULL)
GROUP BY c.id, c.launched_at
"""


def upgrade() -> None:
    op.add_column("campaign_versions", sa.Column("plan", sa.JSON(), nullable=True))
    op.add_column("campaign_decisions", sa.Column("read", sa.JSON(), nullable=True))
    op.add_column("campaigns", sa.Column("sent_after_s", sa.Integer(), nullable=True))
    op.add_column("recipients", sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True))
    has_joined = sa.text("joined_at IS NOT NULL")
    op.create_index(
        "ix_recipients_joined",
        "recipients",
        ["campaign_id"],
        postgresql_where=has_joined,
        sqlite_where=has_joined,
    )
    connection = op.get_bind()
    for campaign_id, *moments in connection.execute(sa.text(_LAST_LEFT)).all():
        launched, left = (_moment(each) for each in moments)
        connection.execute(
            sa.text("UPDATE campaigns SET sent_after_s = :after WHERE id = :id"),
            {"after": max(0, int((left - launched).total_seconds())), "id": campaign_id},
        )


def _moment(stored: str | datetime) -> datetime:
    """Return a stored moment; SQLite gives text."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def downgrade() -> None:
    op.drop_index("ix_recipients_joined", "recipients")
    op.drop_column("recipients", "joined_at")
    op.drop_column("campaigns", "sent_after_s")
    op.drop_column("campaign_decisions", "read")
    op.drop_column("campaign_versions", "plan")
