"""Who is held out of a step, two texts compared, texts by language"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_ladder"
down_revision = "0015_register"

_BEFORE = ("suppressed", "answered", "unreachable", "deadline", "cap")
_AFTER = ("suppressed", "answered", "unreachable", "deadline", "held_out", "cap")


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("seed", sa.Integer(), nullable=True))
    op.add_column("steps", sa.Column("text_b", sa.Text(), nullable=True))
    op.add_column("steps", sa.Column("texts", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("steps", sa.Column("hold_out", sa.Float(), server_default="0", nullable=False))
    op.add_column("recipients", sa.Column("lot", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("arm", sa.SmallInteger(), nullable=True))
    _change_reasons(_BEFORE, _AFTER)


def downgrade() -> None:
    messages = sa.table("messages", sa.column("skip_reason", sa.String()))
    op.execute(messages.update().where(messages.c.skip_reason == "held_out").values(skip_reason="deadline"))
    _change_reasons(_AFTER, _BEFORE)
    op.drop_column("messages", "arm")
    op.drop_column("recipients", "lot")
    for column in ("hold_out", "texts", "text_b"):
        op.drop_column("steps", column)
    op.drop_column("campaigns", "seed")


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _change_reasons(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Why a message may be skipped; SQLite's declaration is changed in place, as its rows stay ("ALTER TABLE", 7)."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint("skipreason", "messages", type_="check")
        op.create_check_constraint("skipreason", "messages", sa.column("skip_reason").in_(after))
        return
    declared = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'messages'"))
    assert _quoted(before) in declared, declared
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'messages'"),
        {"sql": declared.replace(_quoted(before), _quoted(after))},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
