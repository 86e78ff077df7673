"""What an administrator sets on the page of the office"""

import sqlalchemy as sa
from alembic import op

from outreach.core.db import BigId

revision = "0180_office_settings"
down_revision = "0166_reports_of_merged"


def upgrade() -> None:
    op.create_table(
        "office_settings",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("is_sealed", sa.Boolean(), nullable=False),
        sa.Column("changed_by", BigId, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["changed_by"], ["users.id"], name="fk_office_settings_changed_by"),
        sa.PrimaryKeyConstraint("name", name="pk_office_settings"),
    )


def downgrade() -> None:
    op.drop_table("office_settings")
