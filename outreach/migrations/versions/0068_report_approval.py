"""A report is prepared by one officer and approved by another; what was issued is kept as data"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0068_report_approval"
down_revision = "0066_templates"

_MOMENT = sa.DateTime(timezone=True)
_COLUMNS = (
    ("report_days", sa.Column("looked_at", _MOMENT)),
    ("report_issues", sa.Column("notes", sa.JSON())),
    ("report_issues", sa.Column("prepared_at", _MOMENT)),
    ("report_issues", sa.Column("approved_at", _MOMENT)),
    ("report_issues", sa.Column("document", sa.JSON())),
)
_USERS = ("prepared_by", "approved_by")


def upgrade() -> None:
    for table, column in _COLUMNS:
        op.add_column(table, column)
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    for name in _USERS:
        # In the column's own clause, so that SQLite need not copy the table.
        op.execute(
            f"ALTER TABLE report_issues ADD COLUMN {name} {kind} "
            f"CONSTRAINT fk_report_issues_{name} REFERENCES users (id)"
        )


def downgrade() -> None:
    for name in _USERS:
        op.drop_column("report_issues", name)
    for table, column in reversed(_COLUMNS):
        op.drop_column(table, column.name)
