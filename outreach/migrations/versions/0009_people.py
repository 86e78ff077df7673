"""Imports: the file's own header, what can be undone, decisions on rows, columns named by hand"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_people"
down_revision = "0008_tallies"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = ("checking", "ready", "storing", "done", "failed", "cancelled")
_AFTER = ("checking", "ready", "storing", "undoing", "done", "failed", "cancelled")


def upgrade() -> None:
    op.create_table(
        "column_mappings",
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("signature", sa.String(length=32), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_column_mappings_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "signature", name=op.f("pk_column_mappings")),
    )
    op.create_table(
        "import_changes",
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("phones", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_import_changes_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["list_imports.id"], name=op.f("fk_import_changes_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "contact_id", name=op.f("pk_import_changes")),
    )
    op.create_index(op.f("ix_import_changes_contact_id"), "import_changes", ["contact_id"])
    op.add_column("list_imports", sa.Column("headers", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("list_imports", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("memberships") as table:
        table.add_column(sa.Column("last_import_id", _ID, nullable=True))
        table.create_foreign_key(
            op.f("fk_memberships_last_import_id"), "list_imports", ["last_import_id"], ["id"]
        )
    with op.batch_alter_table("import_issues") as table:
        table.add_column(sa.Column("key", sa.String(length=32), server_default="", nullable=False))
        table.add_column(sa.Column("contact_id", _ID, nullable=True))
        table.add_column(sa.Column("decision", sa.String(length=20), nullable=True))
        table.add_column(sa.Column("decided_by", _ID, nullable=True))
        table.add_column(sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True))
        table.create_foreign_key(
            op.f("fk_import_issues_contact_id"), "contacts", ["contact_id"], ["id"], ondelete="SET NULL"
        )
        table.create_foreign_key(op.f("fk_import_issues_decided_by"), "users", ["decided_by"], ["id"])
        table.create_index(op.f("ix_import_issues_key"), ["key"])
        table.create_index(op.f("ix_import_issues_contact_id"), ["contact_id"])
    with op.batch_alter_table("uploads") as table:
        table.add_column(sa.Column("corrected", sa.JSON(), server_default="{}", nullable=False))
        table.add_column(sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    _change_states(_BEFORE, _AFTER)


def downgrade() -> None:
    op.execute("UPDATE uploads SET state = 'failed', due_at = NULL WHERE state = 'undoing'")
    _change_states(_AFTER, _BEFORE)
    with op.batch_alter_table("uploads") as table:
        table.drop_column("tries")
        table.drop_column("corrected")
    with op.batch_alter_table("import_issues") as table:
        table.drop_index(op.f("ix_import_issues_contact_id"))
        table.drop_index(op.f("ix_import_issues_key"))
        table.drop_constraint(op.f("fk_import_issues_decided_by"), type_="foreignkey")
        table.drop_constraint(op.f("fk_import_issues_contact_id"), type_="foreignkey")
        for column in ("decided_at", "decided_by", "decision", "contact_id", "key"):
            table.drop_column(column)
    with op.batch_alter_table("memberships") as table:
        table.drop_constraint(op.f("fk_memberships_last_import_id"), type_="foreignkey")
        table.drop_column("last_import_id")
    op.drop_column("list_imports", "undone_at")
    op.drop_column("list_imports", "headers")
    op.drop_index(op.f("ix_import_changes_contact_id"), table_name="import_changes")
    op.drop_table("import_changes")
    op.drop_table("column_mappings")


def _change_states(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """The states that an upload may be in; SQLite makes the table anew, nothing points to it."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("uploadstate", "uploads", type_="check")
        op.create_check_constraint("uploadstate", "uploads", sa.column("state").in_(after))
        return
    with op.batch_alter_table("uploads") as table:
        table.alter_column(
            "state", existing_type=_states(before), type_=_states(after), existing_nullable=False
        )


def _states(states: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*states, name="uploadstate", native_enum=False, create_constraint=True, length=24)
