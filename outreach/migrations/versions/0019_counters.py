"""Counters of where recipients stand, by list, area, answer and day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019_counters"
down_revision = "0018_roads"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LABELS = (
    "installed",
    "not_yet",
    "no_smartphone",
    "need_help",
    "refuse",
    "opt_out",
    "wrong_number",
    "question",
    "unclear",
)


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=True),
        sa.Column("area_code", sa.String(length=10), nullable=True),
        sa.Column(
            "answer",
            sa.Enum(*_LABELS, name="label", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("installed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counters")),
    )
    op.create_index("ix_counters_campaign_id", "counters", ["campaign_id"], unique=False)
    op.create_index(
        "ix_counters_unfolded",
        "counters",
        ["campaign_id"],
        unique=False,
        postgresql_where=sa.text("people < 0"),
        sqlite_where=sa.text("people < 0"),
    )
    op.execute(
        """
        INSERT INTO counters (campaign_id, list_id, area_code, answer, people, installed)
        SELECT campaign_id, list_id, area_code, answer, COUNT(*), 0 FROM recipients
        WHERE exclusion IS NULL GROUP BY campaign_id, list_id, area_code, answer
        """
    )
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for moment, sign in (("reported_at", 1), ("withdrawn_at", -1)):
        day = (
            f"date(i.{moment}, '+7 hours')"
            if is_sqlite
            else f"CAST(date(timezone('Asia/Ho_Chi_Minh', i.{moment})) AS varchar)"
        )
        op.execute(
            f"""
            INSERT INTO counters (campaign_id, list_id, area_code, day, people, installed)
            SELECT r.campaign_id, r.list_id, r.area_code, {day}, 0, {sign} * COUNT(*)
            FROM install_reports i JOIN recipients r ON r.id = i.recipient_id
            WHERE r.exclusion IS NULL AND i.{moment} IS NOT NULL
            GROUP BY r.campaign_id, r.list_id, r.area_code, {day}
            """  # noqa: S608
        )


def downgrade() -> None:
    op.drop_table("counters")
