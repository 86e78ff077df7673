"""Uploads, and the directory's keys"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from outreach.rules.identity import given_key

revision = "0005_directory"
down_revision = "0004_campaigns"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "checking",
                "ready",
                "storing",
                "done",
                "failed",
                "cancelled",
                name="uploadstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("preview", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("uploaded_by", _ID, nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("import_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["list_imports.id"], name=op.f("fk_uploads_import_id")),
        sa.ForeignKeyConstraint(["list_id"], ["contact_lists.id"], name=op.f("fk_uploads_list_id")),
        sa.ForeignKeyConstraint(["uploaded_by"], ["users.id"], name=op.f("fk_uploads_uploaded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_list_id"), "uploads", ["list_id"], unique=False)
    op.create_index(op.f("ix_audit_events_actor_id_id"), "audit_events", ["actor_id", "id"], unique=False)
    op.create_index(op.f("ix_audit_events_subject_id"), "audit_events", ["subject", "id"], unique=False)
    op.add_column(
        "contacts",
        sa.Column(
            "given_key",
            sa.String(length=160).with_variant(sa.String(length=160, collation="C"), "postgresql"),
            server_default="",
            nullable=False,
        ),
    )
    op.drop_index(op.f("ix_contacts_area_code"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_name_key"), table_name="contacts")
    op.add_column(
        "phones",
        sa.Column(
            "backwards",
            sa.String(length=16).with_variant(sa.String(length=16, collation="C"), "postgresql"),
            server_default="",
            nullable=False,
        ),
    )
    _fill_keys()
    op.create_index(
        op.f("ix_contacts_area_code_given_key_id"), "contacts", ["area_code", "given_key", "id"], unique=False
    )
    op.create_index(op.f("ix_contacts_given_key_id"), "contacts", ["given_key", "id"], unique=False)
    op.create_index(op.f("ix_contacts_name_key_id"), "contacts", ["name_key", "id"], unique=False)
    op.create_index(op.f("ix_phones_backwards"), "phones", ["backwards"], unique=False)
    op.create_index(
        "ix_recipients_answered",
        "recipients",
        ["campaign_id", "answer", "contact_id"],
        unique=False,
        postgresql_where=sa.text("answer IS NOT NULL"),
        sqlite_where=sa.text("answer IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_recipients_answered",
        table_name="recipients",
        postgresql_where=sa.text("answer IS NOT NULL"),
        sqlite_where=sa.text("answer IS NOT NULL"),
    )
    op.drop_index(op.f("ix_phones_backwards"), table_name="phones")
    op.drop_column("phones", "backwards")
    op.drop_index(op.f("ix_contacts_name_key_id"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_given_key_id"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_area_code_given_key_id"), table_name="contacts")
    op.create_index(op.f("ix_contacts_name_key"), "contacts", ["name_key"], unique=False)
    op.create_index(op.f("ix_contacts_area_code"), "contacts", ["area_code"], unique=False)
    op.drop_column("contacts", "given_key")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("contacts", "name_key", type_=sa.String(120))
    op.drop_index(op.f("ix_audit_events_subject_id"), table_name="audit_events")
    op.drop_index(op.f("ix_audit_events_actor_id_id"), table_name="audit_events")
    op.drop_index(op.f("ix_uploads_list_id"), table_name="uploads")
    op.drop_table("uploads")


def _fill_keys() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.alter_column("contacts", "name_key", type_=sa.String(120, collation="C"))
    _fill("phones", "e164", "backwards", lambda e164: e164[::-1])
    _fill("contacts", "name", "given_key", given_key)


def _fill(table: str, known: str, wanted: str, derive: Callable[[str], str]) -> None:
    connection = op.get_bind()
    rows = sa.table(table, sa.column("id"), sa.column(known), sa.column(wanted))
    change = sa.update(rows).where(rows.c.id == sa.bindparam("row")).values({wanted: sa.bindparam("derived")})
    last = 0
    while found := connection.execute(
        sa.select(rows.c.id, rows.c[known]).where(rows.c.id > last).order_by(rows.c.id).limit(5000)
    ).all():
        last = found[-1].id
        connection.execute(change, [{"row": id_, "derived": derive(text)} for id_, text in found])
