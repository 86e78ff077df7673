"""Village officers, their phones, sheets assigned to them, and results that come from their phones"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import redeclare, restate_check

revision = "0074_village_officers"
down_revision = "0072_campaign_forms"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FATES = ("recorded", "replaced", "answered", "visited", "opted_out", "gone", "unknown")
_FATE = f"CONSTRAINT ck_round_results_fate CHECK (fate IN {_FATES})"
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
        restate_check(table, column, values, (*values, more), name=f"ck_{table}_{column}")
    op.add_column("users", sa.Column("phone", sa.String(length=16), nullable=True))
    op.add_column("user_sessions", sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
    for added in (
        sa.Column("key", sa.String(length=36), nullable=True),
        sa.Column("note", sa.String(length=300), server_default="", nullable=False),
        sa.Column("fate", sa.String(length=24), nullable=True),
    ):
        op.add_column("round_results", added)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE round_results ADD {_FATE}")
    else:
        redeclare("round_results", "fate VARCHAR(24)", f"fate VARCHAR(24) {_FATE}")
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
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("ck_round_results_fate", "round_results")
    else:
        redeclare("round_results", f"fate VARCHAR(24) {_FATE}", "fate VARCHAR(24)")
    for name in ("fate", "note", "key"):
        op.drop_column("round_results", name)
    op.drop_column("user_sessions", "kept_until")
    op.drop_column("users", "phone")
    for table, (column, values, more) in _WIDENED.items():
        restate_check(table, column, (*values, more), values, name=f"ck_{table}_{column}")
