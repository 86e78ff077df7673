"""A kind's own answers to its own question, and opt-outs from one drive"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0088_own_answers"
down_revision = "0081_languages"


_BEFORE = (
    *("recipients", "excluded", "written", "arrived", "written_installed", "written_without", "messages"),
    *("skipped", "causes", "segments", "opened", "clicked", "answers", "installed", "arms", "arms_installed"),
)
_AFTER = (*_BEFORE[:-3], "own_answers", *_BEFORE[-3:])


def upgrade() -> None:
    _change_measures(_BEFORE, _AFTER)
    for table in ("answers", "recipients", "counters"):
        op.add_column(table, sa.Column("own_answer", sa.Integer(), nullable=True))
    op.add_column("answers", sa.Column("drive_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_answers_drive_only",
        "answers",
        ["phone_id"],
        postgresql_where=sa.text("drive_only"),
        sqlite_where=sa.text("drive_only"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM reach_counts WHERE measure = 'own_answers'")
    _change_measures(_AFTER, _BEFORE)
    op.drop_index("ix_answers_drive_only", table_name="answers")
    op.drop_column("answers", "drive_only")
    for table in ("counters", "recipients", "answers"):
        op.drop_column(table, "own_answer")


def _change_measures(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Change the measures that a count may have; on SQLite in the table's declaration ("ALTER TABLE", 7)."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint("measure", "reach_counts", type_="check")
        op.create_check_constraint("measure", "reach_counts", sa.column("measure").in_(after))
        return
    declared = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'reach_counts'"))
    assert _quoted(before) in declared, declared
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'reach_counts'"),
        {"sql": declared.replace(_quoted(before), _quoted(after))},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _quoted(measures: tuple[str, ...]) -> str:
    return ", ".join(f"'{measure}'" for measure in measures)
