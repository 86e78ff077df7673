"""Goals and denominators as data with a history, for whomever they are about"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0024_goals"
down_revision = "0023_shrink"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

_ABOUT = ("kind", "scope", "area_code", "organisation_id", "campaign_id")
_GOALS = sa.table(
    "goals",
    *(sa.column(name) for name in ("id", *_ABOUT, "share", "deadline", "basis", "entered_by", "entered_at")),
)
_DENOMINATORS = sa.table(
    "denominators",
    *(sa.column(name) for name in ("id", *_ABOUT, "value", "as_of", "source", "entered_by", "entered_at")),
)


def upgrade() -> None:
    connection = op.get_bind()
    before = connection.execute(
        sa.text(
            "SELECT g.campaign_id, c.kind, c.deadline, c.created_by, c.created_at, g.share, g.denominator,"
            " g.denominator_date, g.denominator_source FROM goals g JOIN campaigns c ON c.id = g.campaign_id"
            " ORDER BY g.id"
        )
    ).all()
    op.drop_table("goals")
    _create(
        "goals",
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("deadline", sa.String(length=10), nullable=True),
        sa.Column("basis", sa.String(length=200), server_default="", nullable=False),
        author_is_known=False,
    )
    _create(
        "denominators",
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("as_of", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        author_is_known=True,
    )
    for row in before:
        about = {"kind": row.kind, "scope": "audience", "campaign_id": row.campaign_id}
        by = {"entered_by": row.created_by, "entered_at": row.created_at}
        connection.execute(
            _GOALS.insert().values(**about, **by, share=row.share, deadline=_day(row.deadline), basis="")
        )
        if row.denominator is not None:
            connection.execute(
                _DENOMINATORS.insert().values(
                    **about,
                    **by,
                    value=row.denominator,
                    as_of=row.denominator_date or _day(row.created_at),
                    source=row.denominator_source,
                )
            )
    # Until now every agency was measured by everybody: where there are agencies it stays so until somebody sets it.
    if connection.execute(sa.text("SELECT 1 FROM organisations WHERE kind = 'agency' LIMIT 1")).first():
        always = (
            "1970-01-01 00:00:00" if connection.dialect.name == "sqlite" else datetime(1970, 1, 1, tzinfo=UTC)
        )
        connection.execute(
            _GOALS.insert().values(kind="bluezone", scope="staff", share=1.0, basis="", entered_at=always)
        )


def downgrade() -> None:
    connection = op.get_bind()
    own = "FROM {table} t WHERE t.scope = 'audience' AND t.id = (SELECT max(u.id) FROM {table} u WHERE u.campaign_id = t.campaign_id)"
    goals = connection.execute(sa.text("SELECT t.campaign_id, t.share " + own.format(table="goals"))).all()
    entered = {
        row.campaign_id: row
        for row in connection.execute(
            sa.text("SELECT t.campaign_id, t.value, t.as_of, t.source " + own.format(table="denominators"))
        )
    }
    op.drop_table("denominators")
    op.drop_table("goals")
    op.create_table(
        "goals",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("denominator", sa.Integer(), nullable=True),
        sa.Column("denominator_date", sa.String(length=10), nullable=True),
        sa.Column("denominator_source", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_goals_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goals")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_goals_campaign_id")),
    )
    for goal in goals:
        if goal.share is not None:
            known = entered.get(goal.campaign_id)
            connection.execute(
                sa.text(
                    "INSERT INTO goals (campaign_id, share, denominator, denominator_date, denominator_source)"
                    " VALUES (:campaign, :share, :value, :as_of, :source)"
                ),
                {
                    "campaign": goal.campaign_id,
                    "share": goal.share,
                    "value": known.value if known else None,
                    "as_of": known.as_of if known else None,
                    "source": known.source if known else "",
                },
            )


def _create(table: str, *columns: sa.Column[object], author_is_known: bool) -> None:
    scopes = ("residents", "staff", "members", "audience")
    op.create_table(
        table,
        sa.Column("id", _ID, nullable=False),
        *columns,
        sa.Column("entered_by", _ID, nullable=not author_is_known),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column(
            "scope",
            sa.Enum(*scopes, name="scope", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("area_code", sa.String(length=10), nullable=True),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("campaign_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["area_code"], ["areas.code"], name=op.f(f"fk_{table}_area_code")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f(f"fk_{table}_organisation_id")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f(f"fk_{table}_campaign_id")),
        sa.ForeignKeyConstraint(["entered_by"], ["users.id"], name=op.f(f"fk_{table}_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(f"ix_{table}_kind_scope", table, ["kind", "scope"], unique=False)
    op.create_index(f"ix_{table}_campaign_id", table, ["campaign_id"], unique=False)


def _day(moment: datetime | str | None) -> str | None:
    """The day in Vietnam. SQLite keeps a moment as text in UTC."""
    if moment is None:
        return None
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(_VIETNAM).date().isoformat()
