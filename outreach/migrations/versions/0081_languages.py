"""Languages that the installation offers, and spellings of languages that wait to be settled"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0081_languages"
down_revision = "0080_corrections"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = ("sed", "bdq", "jeh", "jra", "brb", "rmx")  # what every installation offered until now


def upgrade() -> None:
    languages = op.create_table(
        "languages",
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("offered_by", _ID),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offered_by"], ["users.id"], name="fk_languages_offered_by"),
        sa.PrimaryKeyConstraint("code", name="pk_languages"),
    )
    op.create_table(
        "language_spellings",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("text", sa.String(80), nullable=False),
        sa.Column("code", sa.String(8)),
        sa.Column("decided_by", _ID),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_language_spellings_decided_by"),
        sa.PrimaryKeyConstraint("id", name="pk_language_spellings"),
        sa.UniqueConstraint("key", name="uq_language_spellings_key"),
    )
    op.create_table(
        "unread_languages",
        sa.Column("phone_id", _ID, nullable=False),
        sa.Column("spelling_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["phone_id"], ["phones.id"], name="fk_unread_languages_phone_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["spelling_id"], ["language_spellings.id"], name="fk_unread_languages_spelling_id"
        ),
        sa.PrimaryKeyConstraint("phone_id", name="pk_unread_languages"),
    )
    op.create_index("ix_unread_languages_spelling_id", "unread_languages", ["spelling_id"])
    # What was approved is what is sent: campaigns go on dropping accents in the languages that they dropped them in.
    op.add_column(
        "campaigns", sa.Column("unaccented_languages", sa.JSON, nullable=False, server_default="[]")
    )
    connection = op.get_bind()
    if connection.scalar(sa.text("SELECT count(*) FROM organisations")):
        op.bulk_insert(
            languages, [{"code": code, "offered_at": sa.func.now()} for code in _BEFORE], multiinsert=False
        )
    campaigns = sa.table(
        "campaigns", sa.column("id"), sa.column("unaccented"), sa.column("unaccented_languages", sa.JSON)
    )
    steps = sa.table("steps", sa.column("campaign_id"), sa.column("texts", sa.JSON))
    used: dict[int, set[str]] = {}
    query = sa.select(steps.c.campaign_id, steps.c.texts).join(
        campaigns, campaigns.c.id == steps.c.campaign_id
    )
    for campaign_id, texts in connection.execute(query.where(campaigns.c.unaccented.is_(sa.true()))):
        used.setdefault(campaign_id, set()).update(texts or ())
    for campaign_id, codes in used.items():
        if codes:
            connection.execute(
                campaigns.update()
                .where(campaigns.c.id == campaign_id)
                .values(unaccented_languages=sorted(codes))
            )


def downgrade() -> None:
    op.drop_column("campaigns", "unaccented_languages")
    for table in ("unread_languages", "language_spellings", "languages"):
        op.drop_table(table)
