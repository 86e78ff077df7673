"""A kind's own answers to its own question, and opt-outs from one drive"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0088_own_answers"
down_revision = "0081_languages"


_BEFORE = (
    *("recipients", "excluded", "written", "arrived", "written_installed", "written_without", "messages"),
    *("skipped", "causes", "segments", "opened", "clicked", "answers", "installed", "arms", "arms_installed"),
)
_AFTER = (*_BEFORE[:-3], "own_answers", *_BEFORE[-3:])


def upgrade() -> None:
    restate_check("reach_counts", "measure", _BEFORE, _AFTER, name="measure")
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
    restate_check("reach_counts", "measure", _AFTER, _BEFORE, name="measure")
    op.drop_index("ix_answers_drive_only", table_name="answers")
    op.drop_column("answers", "drive_only")
    for table in ("counters", "recipients", "answers"):
        op.drop_column(table, "own_answer")
