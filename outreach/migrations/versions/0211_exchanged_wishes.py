"""Wishes to be left alone are told to other installations, and theirs are kept"""

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0211_exchanged_wishes"
down_revision = "0210_reach_blocks"

_BEFORE = ("sms", "page", "gateway", "officer", "roster", "door", "request", "consent", "import")


def upgrade() -> None:
    restate_check("wishes", "source", _BEFORE, (*_BEFORE, "exchange"), name="wishsource")
    op.create_table(
        "exchange_peers",
        sa.Column("name", sa.String(30), primary_key=True),
        sa.Column("place", sa.String(40), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("exchange_peers")
    # What was said elsewhere holds here as before.
    op.execute("UPDATE wishes SET source = 'import' WHERE source = 'exchange'")
    restate_check("wishes", "source", (*_BEFORE, "exchange"), _BEFORE, name="wishsource")
