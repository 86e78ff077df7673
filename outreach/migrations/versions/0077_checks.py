"""A row for write checks, and permissions to send to real phones"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0077_checks"
down_revision = "0074_village_officers"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "write_probes",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute("INSERT INTO write_probes VALUES ('doctor', CURRENT_TIMESTAMP)")
    op.create_table(
        "live_permits",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("allowed_by", _ID, sa.ForeignKey("users.id"), nullable=True),
        sa.Column("allowed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
    )
    # Who has sent already goes on: there was no list to pass.
    op.execute(
        "INSERT INTO live_permits (allowed_at, reason, findings) "
        "SELECT min(launched_at), '', '' FROM campaigns WHERE launched_at IS NOT NULL HAVING count(*) > 0"
    )


def downgrade() -> None:
    op.drop_table("live_permits")
    op.drop_table("write_probes")
