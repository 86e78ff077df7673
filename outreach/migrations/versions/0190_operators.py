"""The operators' message to everybody, asked of them in a storm, is an activity"""

from alembic import op

from outreach.core.schema import restate_check

revision = "0190_operators"
down_revision = "0188_safety_reports"

_BEFORE = ("radio", "television", "newspaper", "portal", "loudspeaker", "meeting", "visits")
_AFTER = (*_BEFORE, "operators")


def upgrade() -> None:
    restate_check("activities", "kind", _BEFORE, _AFTER, name="activitykind")


def downgrade() -> None:
    op.execute("UPDATE activities SET kind = 'portal' WHERE kind = 'operators'")
    restate_check("activities", "kind", _AFTER, _BEFORE, name="activitykind")
