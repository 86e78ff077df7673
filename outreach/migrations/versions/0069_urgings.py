"""Messages that ask contacts of places and agencies to catch up, and their answers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0069_urgings"
down_revision = "0068_report_approval"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "urgings",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("area_code", sa.String(10)),
        sa.Column("organisation_id", _ID),
        sa.Column(
            "channel",
            sa.Enum("mail", "sms", name="urgechannel", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("contact", sa.String(200), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", _ID, nullable=False),
        sa.Column("written_at", _MOMENT, nullable=False),
        sa.Column("next_at", _MOMENT, nullable=False),
        sa.Column("error", sa.String(60), nullable=False),
        sa.Column("sent_at", _MOMENT),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", _MOMENT),
        sa.Column("drive_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name=op.f("fk_urgings_area_code")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_urgings_organisation_id")
        ),
        sa.ForeignKeyConstraint(["written_by"], ["users.id"], name=op.f("fk_urgings_written_by")),
        sa.ForeignKeyConstraint(["drive_id"], ["drives.id"], name=op.f("fk_urgings_drive_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_urgings")),
        sa.UniqueConstraint("drive_id", "day", "address", name=op.f("uq_urgings_drive_id_day_address")),
    )
    op.create_index(op.f("ix_urgings_drive_id_area_code"), "urgings", ["drive_id", "area_code"])
    op.create_index(op.f("ix_urgings_sent_at_next_at"), "urgings", ["sent_at", "next_at"])


def downgrade() -> None:
    op.drop_table("urgings")
