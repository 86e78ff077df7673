"""Rounds of visits from door to door, and what was brought back"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035_rounds"
down_revision = "0034_interfaces"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WHY = ("no_phone", "failed", "no_answer")
_OUTCOMES = ("installed", "not_yet", "no_smartphone", "need_help", "refuse", "opt_out", "absent")


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "rounds",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=True),
        sa.Column("area_code", sa.String(length=10), nullable=True),
        sa.Column("village", sa.String(length=120), nullable=False),
        sa.Column("officer", sa.String(length=120), nullable=False),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_rounds_campaign_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_rounds_organisation_id")
        ),
        sa.ForeignKeyConstraint(["list_id"], ["contact_lists.id"], name=op.f("fk_rounds_list_id")),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name=op.f("fk_rounds_area_code")),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_rounds_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
    )
    op.create_index(op.f("ix_rounds_campaign_id"), "rounds", ["campaign_id"])
    op.create_index(op.f("ix_rounds_organisation_id"), "rounds", ["organisation_id"])
    op.create_table(
        "round_lines",
        sa.Column("id", _ID, nullable=False),
        sa.Column("round_id", _ID, nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("contact_id", _ID, nullable=True),
        sa.Column("recipient_id", _ID, nullable=False),
        sa.Column("why", _one_of(_WHY, "why"), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_lines_round_id")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_round_lines_contact_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_round_lines_recipient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_lines")),
        sa.UniqueConstraint("round_id", "n", name=op.f("uq_round_lines_round_id_n")),
    )
    op.create_index(op.f("ix_round_lines_contact_id"), "round_lines", ["contact_id"])
    op.create_index(op.f("ix_round_lines_recipient_id"), "round_lines", ["recipient_id"])
    op.create_table(
        "round_results",
        sa.Column("id", _ID, nullable=False),
        sa.Column("line_id", _ID, nullable=False),
        sa.Column("outcome", _one_of(_OUTCOMES, "outcome"), nullable=True),
        sa.Column("answer_id", _ID, nullable=True),
        sa.Column("entry", sa.SmallInteger(), nullable=False),
        sa.Column("entered_by", _ID, nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["line_id"], ["round_lines.id"], name=op.f("fk_round_results_line_id")),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_round_results_answer_id")),
        sa.ForeignKeyConstraint(["entered_by"], ["users.id"], name=op.f("fk_round_results_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_results")),
    )
    op.create_index(op.f("ix_round_results_line_id_id"), "round_results", ["line_id", "id"])


def downgrade() -> None:
    op.drop_table("round_results")
    op.drop_table("round_lines")
    op.drop_table("rounds")
