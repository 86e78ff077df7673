"""Values of a list's own columns, kept for the texts of campaigns"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0102_kept_values"
down_revision = "0101_all_exclusions"


def upgrade() -> None:
    op.add_column("contact_lists", sa.Column("fields", sa.JSON(), nullable=False, server_default="[]"))
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "kept_values",
        sa.Column("list_id", big, nullable=False),
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("contact_id", big, nullable=False),
        sa.Column("import_id", big, nullable=False),
        sa.Column("value", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_kept_values_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("list_id", "name", "contact_id", "import_id", name=op.f("pk_kept_values")),
    )
    op.create_index(op.f("ix_kept_values_contact_id"), "kept_values", ["contact_id"])
    op.create_index(op.f("ix_kept_values_import_id"), "kept_values", ["import_id"])


def downgrade() -> None:
    op.drop_table("kept_values")
    op.drop_column("contact_lists", "fields")
