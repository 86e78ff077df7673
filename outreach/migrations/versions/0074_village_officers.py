"""Village officers, their phones, sheets assigned to them, and results that come from their phones"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0074_village_officers"
down_revision = "0072_campaign_forms"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FATES = ("recorded", "replaced", "answered", "visited", "opted_out", "gone", "unknown")
_WIDENED = {
    "users": ("role", ("administrator", "staff", "approver", "leader", "auditor"), "village"),
    "round_lines": ("why", ("no_phone", "failed", "no_answer"), "check"),
    "round_results": (
        "outcome",
        ("installed", "not_yet", "no_smartphone", "need_help", "refuse", "opt_out", "absent"),
        "call",
    ),
}


def upgrade() -> None:
    for table, (column, values, more) in _WIDENED.items():
        _restate(table, column, values, (*values, more))
    op.add_column("users", sa.Column("phone", sa.String(length=16), nullable=True))
    op.add_column("user_sessions", sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
    for added in (
        sa.Column("key", sa.String(length=36), nullable=True),
        sa.Column("note", sa.String(length=300), server_default="", nullable=False),
        sa.Column("fate", sa.String(length=24), nullable=True),
    ):
        op.add_column("round_results", added)
    _add_check("round_results", "fate", _FATES)
    op.create_index("uq_round_results_key", "round_results", ["key"], unique=True)
    op.create_table(
        "round_officers",
        sa.Column("id", _ID, nullable=False),
        sa.Column("round_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("target", sa.SmallInteger(), nullable=True),
        sa.Column("assigned_by", _ID, nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_officers_round_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_round_officers_user_id")),
        sa.ForeignKeyConstraint(["assigned_by"], ["users.id"], name=op.f("fk_round_officers_assigned_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_officers")),
        sa.UniqueConstraint("round_id", "user_id", name=op.f("uq_round_officers_round_id_user_id")),
    )
    op.create_index(op.f("ix_round_officers_user_id"), "round_officers", ["user_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_round_officers_user_id"), table_name="round_officers")
    op.drop_table("round_officers")
    # What only phones bring becomes what is nearest; a village officer's account is locked.
    op.execute("UPDATE round_results SET outcome = 'need_help' WHERE outcome = 'call'")
    op.execute("UPDATE round_lines SET why = 'no_answer' WHERE why = 'check'")
    op.execute("UPDATE users SET role = 'auditor', is_active = false WHERE role = 'village'")
    op.drop_index("uq_round_results_key", table_name="round_results")
    _drop_check("round_results", "fate", _FATES)
    for name in ("fate", "note", "key"):
        op.drop_column("round_results", name)
    op.drop_column("user_sessions", "kept_until")
    op.drop_column("users", "phone")
    for table, (column, values, more) in _WIDENED.items():
        _restate(table, column, (*values, more), values)


def _add_check(table: str, column: str, values: tuple[str, ...]) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK ({_among(column, values)})")
        return
    plain = f"{column} VARCHAR(24)"
    _redeclare(table, plain, f"{plain} CONSTRAINT ck_{table}_{column} CHECK ({_among(column, values)})")


def _drop_check(table: str, column: str, values: tuple[str, ...]) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
        return
    plain = f"{column} VARCHAR(24)"
    _redeclare(table, f"{plain} CONSTRAINT ck_{table}_{column} CHECK ({_among(column, values)})", plain)


def _restate(table: str, column: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    if op.get_context().dialect.name == "postgresql":
        # The oldest have the column's name alone.
        name = f"ck_{table}_{column}"
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {column}, DROP CONSTRAINT IF EXISTS {name}, "
            f"ADD CONSTRAINT {name} CHECK ({_among(column, after)})"
        )
        return
    _redeclare(table, _among(column, before), _among(column, after))


def _redeclare(table: str, before: str, after: str) -> None:
    """Change a declaration of SQLite in place: for constraints its manual allows it."""
    connection = op.get_bind()
    declared = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = :t"), {"t": table})
    assert declared.count(before) == 1, (table, declared)
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = :t"),
        {"sql": declared.replace(before, after), "t": table},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
