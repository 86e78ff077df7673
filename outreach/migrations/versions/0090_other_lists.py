"""Lists that limit a campaign's audience: its people are left out, or who is written to must be in it as well"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0090_other_lists"
down_revision = "0097_kept_filters"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = (
    *("no_phone", "opted_out", "wrong_number", "do_not_call", "no_basis", "outside_area", "other_language"),
    *("smartphone", "answers", "shared_phone", "same_person"),
)
_AFTER = (*_BEFORE[:5], "excepted", "not_also_in", *_BEFORE[5:])


def upgrade() -> None:
    op.create_table(
        "campaign_other_lists",
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column(
            "part",
            sa.Enum(
                "also_in", "except", name="listpart", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_other_lists_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["contact_lists.id"], name=op.f("fk_campaign_other_lists_list_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "list_id", "part", name=op.f("pk_campaign_other_lists")),
    )
    _change_exclusions(_BEFORE, _AFTER)


def downgrade() -> None:
    op.execute(
        "UPDATE recipients SET exclusion = 'outside_area' WHERE exclusion IN ('excepted', 'not_also_in')"
    )
    _change_exclusions(_AFTER, _BEFORE)
    op.drop_table("campaign_other_lists")


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _change_exclusions(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Change the reasons that a recipient may have; on SQLite in the table's declaration ("ALTER TABLE", 7)."""
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
