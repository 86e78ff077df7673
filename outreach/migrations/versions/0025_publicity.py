"""The outreach log: what is done besides messages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025_publicity"
down_revision = "0024_goals"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = ("radio", "television", "newspaper", "portal", "loudspeaker", "meeting", "visits")


def upgrade() -> None:
    op.create_table(
        "activities",
        sa.Column("id", _ID, nullable=False),
        sa.Column("entry_id", _ID, nullable=True),
        sa.Column(
            "kind",
            sa.Enum(*_KINDS, name="kind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("first", sa.String(length=10), nullable=False),
        sa.Column("last", sa.String(length=10), nullable=False),
        sa.Column("times", sa.SmallInteger(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("about", sa.String(length=200), nullable=False),
        sa.Column("area_code", sa.String(length=10), nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=True),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("form_key", sa.String(length=32), nullable=True),
        sa.Column("entered_by", _ID, nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name=op.f("fk_activities_area_code")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_activities_organisation_id")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_activities_campaign_id")),
        sa.ForeignKeyConstraint(["entered_by"], ["users.id"], name=op.f("fk_activities_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
        sa.UniqueConstraint("form_key", name=op.f("uq_activities_form_key")),
    )
    op.create_index(op.f("ix_activities_organisation_id"), "activities", ["organisation_id"])
    op.create_index("ix_activities_entry", "activities", ["entry_id", "id"])
    standing = sa.text("replaced_at IS NULL")
    op.create_index(
        "ix_activities_standing",
        "activities",
        ["last", "id"],
        postgresql_where=standing,
        sqlite_where=standing,
    )


def downgrade() -> None:
    op.drop_table("activities")
