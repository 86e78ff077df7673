"""What agencies hand in of their staff, and the links by which they do"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_agencies"
down_revision = "0012_audience"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ROADS = ("form", "link", "file")


def upgrade() -> None:
    op.create_table(
        "agency_links",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_agency_links_organisation_id")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_agency_links_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_links")),
    )
    op.create_index(op.f("ix_agency_links_organisation_id"), "agency_links", ["organisation_id"])
    op.create_table(
        "agency_reports",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("staff", sa.Integer(), nullable=False),
        sa.Column("with_smartphone", sa.Integer(), nullable=True),
        sa.Column("installed", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "road",
            sa.Enum(*_ROADS, name="road", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("link_id", _ID, nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_agency_reports_organisation_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_agency_reports_user_id")),
        sa.ForeignKeyConstraint(["link_id"], ["agency_links.id"], name=op.f("fk_agency_reports_link_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_reports")),
    )
    op.create_index(
        op.f("ix_agency_reports_organisation_id_day_id"), "agency_reports", ["organisation_id", "day", "id"]
    )


def downgrade() -> None:
    op.drop_table("agency_reports")
    op.drop_table("agency_links")
