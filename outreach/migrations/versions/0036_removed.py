"""Numbers that an officer took off a person"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036_removed"
down_revision = "0035_rounds"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "removed_phones",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("phone_id", _ID, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("removed_by", _ID, nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_removed_phones_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_removed_phones_phone_id")),
        sa.ForeignKeyConstraint(["removed_by"], ["users.id"], name=op.f("fk_removed_phones_removed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removed_phones")),
    )
    op.create_index(op.f("ix_removed_phones_contact_id"), "removed_phones", ["contact_id"])
    op.create_index(op.f("ix_removed_phones_phone_id"), "removed_phones", ["phone_id"])


def downgrade() -> None:
    op.drop_table("removed_phones")
