"""Whom a campaign is for as conditions, saved segments, and on what basis a list is written to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_audience"
down_revision = "0011_rights"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = ("no_phone", "opted_out", "wrong_number", "do_not_call", "outside_area", "shared_phone")
_AFTER = (
    *_BEFORE[:4],
    "no_basis",
    "outside_area",
    "other_language",
    "smartphone",
    "answers",
    "shared_phone",
)
_BASES = ("consent", "membership", "duty", "none")


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("conditions", sa.JSON(), server_default="{}", nullable=False))
    op.add_column(
        "campaign_lists", sa.Column("is_chosen", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.execute(
        "ALTER TABLE contact_lists ADD COLUMN basis VARCHAR(24) "
        f"CONSTRAINT ck_contact_lists_legalbasis CHECK (basis IN ({_quoted(_BASES)}))"
    )
    op.add_column("contact_lists", sa.Column("basis_since", sa.String(length=10), nullable=True))
    op.add_column(
        "contact_lists", sa.Column("basis_note", sa.String(length=200), server_default="", nullable=False)
    )
    op.create_table(
        "segments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("saved_by", _ID, nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_segments_organisation_id")
        ),
        sa.ForeignKeyConstraint(["saved_by"], ["users.id"], name=op.f("fk_segments_saved_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_segments_organisation_id_name")),
    )
    _change_exclusions(_BEFORE, _AFTER)


def downgrade() -> None:
    recipients = sa.table("recipients", sa.column("exclusion", sa.String()))
    op.execute(
        recipients.update().where(recipients.c.exclusion.not_in(_BEFORE)).values(exclusion="outside_area")
    )
    _change_exclusions(_AFTER, _BEFORE)
    op.drop_table("segments")
    for column in ("basis_note", "basis_since", "basis"):
        op.drop_column("contact_lists", column)
    op.drop_column("campaign_lists", "is_chosen")
    op.drop_column("campaigns", "conditions")


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _change_exclusions(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """The reasons that a recipient may have; SQLite's declaration is changed in place, as its rows stay ("ALTER TABLE", 7)."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint("exclusion", "recipients", type_="check")
        op.create_check_constraint("exclusion", "recipients", sa.column("exclusion").in_(after))
        return
    declared = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'recipients'"))
    assert _quoted(before) in declared, declared
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'recipients'"),
        {"sql": declared.replace(_quoted(before), _quoted(after))},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
