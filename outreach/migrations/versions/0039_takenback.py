"""What an import told of people and which imports had them again; who opted out on a number that they have no more"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039_takenback"
down_revision = "0038_rosters"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FACTS = ("birth_year", "sex", "area_code", "village", "has_smartphone")
_AT_ONCE = 1000

_changes = sa.table(
    "import_changes",
    sa.column("import_id", _ID),
    sa.column("contact_id", _ID),
    sa.column("fields", sa.JSON()),
)
_contacts = sa.table(
    "contacts",
    sa.column("id", _ID),
    sa.column("birth_year", sa.Integer()),
    sa.column("sex", sa.String()),
    sa.column("area_code", sa.String()),
    sa.column("village", sa.String()),
    sa.column("has_smartphone", sa.Boolean()),
)


def upgrade() -> None:
    op.add_column(
        "removed_phones", sa.Column("said_stop", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "sightings",
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_sightings_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "import_id", name=op.f("pk_sightings")),
    )
    _restate_key(["import_id", "row"], ["import_id", "row", "status"])
    # The value that stands now is taken for the import's own, as it was until now.
    facts = [_contacts.c[name] for name in _FACTS]
    known = sa.select(_changes, *facts).join(_contacts, _contacts.c.id == _changes.c.contact_id)
    _rewrite(
        known,
        lambda row: {
            name: ["" if name == "village" else None, row._mapping[name]]
            for name in row.fields
            if row._mapping[name] not in (None, "")
        },
    )


def downgrade() -> None:
    _rewrite(sa.select(_changes), lambda row: list(row.fields))
    op.execute(sa.text(_TWICE))
    _restate_key(["import_id", "row", "status"], ["import_id", "row"])
    op.drop_table("sightings")
    op.drop_column("removed_phones", "said_stop")


# Questions about rows that were stored by a decision: one row had one line.
_TWICE = """
DELETE FROM import_issues WHERE status = 'question' AND EXISTS (
    SELECT 1 FROM import_issues o
    WHERE o.import_id = import_issues.import_id AND o."row" = import_issues."row" AND o.status <> 'question'
)
"""


def _restate_key(before: list[str], after: list[str]) -> None:
    with op.batch_alter_table("import_issues") as table:
        table.drop_constraint(op.f(f"uq_import_issues_{'_'.join(before)}"), type_="unique")
        table.create_unique_constraint(op.f(f"uq_import_issues_{'_'.join(after)}"), after)


def _rewrite(query: sa.Select, told) -> None:  # type: ignore[type-arg,no-untyped-def]
    connection = op.get_bind()
    rows = [
        {"_import": row.import_id, "_contact": row.contact_id, "_fields": told(row)}
        for row in connection.execute(query)
    ]
    table = _changes.c
    statement = (
        sa.update(_changes)
        .where(table.import_id == sa.bindparam("_import"), table.contact_id == sa.bindparam("_contact"))
        .values(fields=sa.bindparam("_fields", type_=sa.JSON()))
    )
    for start in range(0, len(rows), _AT_ONCE):
        connection.execute(statement, rows[start : start + _AT_ONCE])
