"""People's requests about their data, and the keyed hashes by which those who were erased are known"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_rights"
down_revision = "0010_bulk"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = ("export", "correct", "object", "erase")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", _ID, nullable=False),
        sa.Column("number_hash", sa.String(length=64), nullable=False),
        sa.Column("person_hash", sa.String(length=64), nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_number_hash"), "erasures", ["number_hash"])
    op.create_index(op.f("ix_erasures_person_hash"), "erasures", ["person_hash"])
    op.create_table(
        "person_requests",
        sa.Column("id", _ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*_KINDS, name="requestkind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("contact_id", _ID, nullable=True),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("asked_by", sa.String(length=120), server_default="", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", _ID, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_by", _ID, nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_person_requests_contact_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_person_requests_organisation_id")
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name=op.f("fk_person_requests_recorded_by")),
        sa.ForeignKeyConstraint(["done_by"], ["users.id"], name=op.f("fk_person_requests_done_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_requests")),
    )
    op.create_index(op.f("ix_person_requests_contact_id"), "person_requests", ["contact_id"])
    op.create_index(
        "ix_person_requests_open",
        "person_requests",
        ["due_at"],
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("person_requests")
    op.drop_table("erasures")
