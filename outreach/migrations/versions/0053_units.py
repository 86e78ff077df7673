"""Areas with their days and successors; people's moves between them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0053_units"
down_revision = "0052_stated"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("areas", sa.Column("official_code", sa.String(10), nullable=False, server_default=""))
    op.add_column("areas", sa.Column("valid_from", sa.String(10)))
    op.add_column("areas", sa.Column("valid_to", sa.String(10)))
    op.execute("UPDATE areas SET official_code = code")
    op.create_table(
        "area_successors",
        sa.Column("old_code", sa.String(10), nullable=False),
        sa.Column("new_code", sa.String(10), nullable=False),
        sa.Column("is_likely", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["old_code"], ["areas.code"], name="fk_area_successors_old_code"),
        sa.ForeignKeyConstraint(["new_code"], ["areas.code"], name="fk_area_successors_new_code"),
        sa.PrimaryKeyConstraint("old_code", "new_code", name="pk_area_successors"),
    )
    op.create_index("ix_area_successors_new_code", "area_successors", ["new_code"])
    op.create_table(
        "contact_moves",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("from_code", sa.String(10), nullable=False),
        sa.Column("to_code", sa.String(10), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name="fk_contact_moves_contact_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["from_code"], ["areas.code"], name="fk_contact_moves_from_code"),
        sa.ForeignKeyConstraint(["to_code"], ["areas.code"], name="fk_contact_moves_to_code"),
        sa.PrimaryKeyConstraint("id", name="pk_contact_moves"),
    )
    op.create_index("ix_contact_moves_contact_id", "contact_moves", ["contact_id"])


def downgrade() -> None:
    op.drop_table("contact_moves")
    op.drop_table("area_successors")
    for column in ("valid_to", "valid_from", "official_code"):
        op.drop_column("areas", column)
