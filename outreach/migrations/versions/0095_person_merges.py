"""Merges of people, and recipients of one campaign who turned out to be the same person"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0095_person_merges"
down_revision = "0098_api_1_1"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEY = sa.String(length=120).with_variant(sa.String(length=120, collation="C"), "postgresql")
_BEFORE = (
    *("no_phone", "opted_out", "wrong_number", "do_not_call", "no_basis"),
    *("outside_area", "other_language", "smartphone", "answers", "shared_phone"),
)
_AFTER = (*_BEFORE, "same_person")
_UNIQUE = "uq_recipients_campaign_id_contact_id"
_DECLARED = f", \n\tCONSTRAINT {_UNIQUE} UNIQUE (campaign_id, contact_id)"
_INDEX, _AUTOMATIC = "uq_recipients_campaign_id_contact_id_merge_id", "sqlite_autoindex_recipients_1"


def upgrade() -> None:
    op.create_table(
        "person_merges",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kept_id", _ID, nullable=False),
        sa.Column("merged_id", _ID, nullable=False),
        sa.Column("name_key", _KEY, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("merged_by", _ID, nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["kept_id"], ["contacts.id"], name=op.f("fk_person_merges_kept_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["merged_by"], ["users.id"], name=op.f("fk_person_merges_merged_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_merges")),
    )
    op.create_index(op.f("ix_person_merges_kept_id"), "person_merges", ["kept_id"])
    op.create_index(op.f("ix_person_merges_name_key"), "person_merges", ["name_key"])
    op.add_column("recipients", sa.Column("merge_id", _ID, server_default="0", nullable=False))
    restate_check("recipients", "exclusion", _BEFORE, _AFTER, name="exclusion")
    _change(_DECLARED, "")
    op.create_index(_INDEX, "recipients", ["campaign_id", "contact_id", "merge_id"], unique=True)


def downgrade() -> None:
    # One constraint for all again: who was merged has no row of their own, and the message went to the other.
    op.execute(
        "UPDATE recipients SET exclusion = 'shared_phone', contact_id = NULL WHERE exclusion = 'same_person'"
    )
    op.drop_index(_INDEX, table_name="recipients")
    op.drop_column("recipients", "merge_id")
    restate_check("recipients", "exclusion", _AFTER, _BEFORE, name="exclusion")
    _change("", _DECLARED)
    op.drop_table("person_merges")


def _change(declared: str, instead: str) -> None:
    """Take the constraint away or bring it back.

    SQLite's declaration is changed in place, as its rows stay ("ALTER TABLE", 7): the constraint's index becomes a plain
    one, which is dropped, or is made as one and becomes the constraint's.
    """
    if op.get_context().dialect.name == "postgresql":
        if declared:
            op.drop_constraint(_UNIQUE, "recipients", type_="unique")
        else:
            op.create_unique_constraint(_UNIQUE, "recipients", ["campaign_id", "contact_id"])
        return
    plain = "CREATE UNIQUE INDEX recipients_once ON recipients (campaign_id, contact_id)"
    renamed = (_AUTOMATIC, "recipients_once", plain) if declared else ("recipients_once", _AUTOMATIC, None)
    if instead:
        op.execute(plain)
    connection = op.get_bind()
    sql = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'recipients'"))
    assert declared in sql, sql
    sql = sql.replace(declared, "").rstrip().removesuffix(")") + f"{instead})"
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'recipients'"), {"sql": sql})
    connection.execute(
        sa.text("UPDATE sqlite_master SET name = :name, sql = :sql WHERE name = :former"),
        dict(zip(("former", "name", "sql"), renamed, strict=True)),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    if declared:
        op.execute("DROP INDEX recipients_once")
