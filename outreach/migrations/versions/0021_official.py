"""Official installs by place and day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021_official"
down_revision = "0020_clicked"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "official_installs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("area_code", sa.String(length=10), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("installed", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("entered_by", _ID, nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name=op.f("fk_official_installs_area_code")),
        sa.ForeignKeyConstraint(["entered_by"], ["users.id"], name=op.f("fk_official_installs_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_official_installs")),
    )
    op.create_index(
        "ix_official_installs_area_code_day_id", "official_installs", ["area_code", "day", "id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("official_installs")
