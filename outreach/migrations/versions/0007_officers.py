"""Officers' entries, answers kept to be used again, and the work list in the order of its clock"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_officers"
down_revision = "0006_cases"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "officer_entries",
        sa.Column("answer_id", _ID, nullable=False),
        sa.Column("recorded_by", _ID, nullable=False),
        sa.Column(
            "place",
            sa.Enum(
                "home",
                "phone",
                "meeting",
                name="place",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_officer_entries_answer_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name=op.f("fk_officer_entries_recorded_by")),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_officer_entries")),
    )
    op.create_table(
        "saved_texts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_by", _ID, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_saved_texts_organisation_id")
        ),
        sa.ForeignKeyConstraint(["changed_by"], ["users.id"], name=op.f("fk_saved_texts_changed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_texts")),
    )
    op.create_index(op.f("ix_saved_texts_organisation_id"), "saved_texts", ["organisation_id"])
    _order_by("opened_at")


def downgrade() -> None:
    _order_by("organisation_id")
    op.drop_table("saved_texts")
    op.drop_table("officer_entries")


def _order_by(column: str) -> None:
    op.drop_index("ix_cases_open", table_name="cases")
    op.create_index("ix_cases_open", "cases", [column, "id"], postgresql_where=_OPEN, sqlite_where=_OPEN)
