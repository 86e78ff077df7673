"""The national register of numbers that want no advertising"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015_register"
down_revision = "0014_openings"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "registers",
        sa.Column("id", _ID, nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "done",
                "failed",
                name="registerstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("handed_in_by", _ID, nullable=True),
        sa.Column("handed_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["handed_in_by"], ["users.id"], name=op.f("fk_registers_handed_in_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registers")),
    )
    is_unknown = sa.text("phone_id IS NULL")
    op.create_index(
        "ix_suppressions_unknown",
        "suppressions",
        ["number_hash"],
        postgresql_where=is_unknown,
        sqlite_where=is_unknown,
    )


def downgrade() -> None:
    op.drop_index("ix_suppressions_unknown", table_name="suppressions")
    op.drop_table("registers")
