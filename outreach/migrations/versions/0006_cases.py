"""Cases: what waits for a person, taken over from the replies and requests for help that stand open"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_cases"
down_revision = "0005_directory"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("done_at IS NULL")
_HELP = sa.text("kind = 'help' AND done_at IS NULL")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("id", _ID, nullable=False),
        sa.Column(
            "kind", _one_of("casekind", "help", "question", "opt_out", "unclear", "unmatched"), nullable=False
        ),
        sa.Column("phone_id", _ID, nullable=True),
        sa.Column("recipient_id", _ID, nullable=True),
        sa.Column("campaign_id", _ID, nullable=True),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("area_code", sa.String(length=10), nullable=True),
        sa.Column("reply_id", _ID, nullable=True),
        sa.Column("answer_id", _ID, nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", _ID, nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", _ID, nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            _one_of(
                "outcome", "called", "visited", "messaged", "solved", "unreached", "classified", "withdrawn"
            ),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("result_id", _ID, nullable=True),
        sa.Column("message_id", _ID, nullable=True),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_cases_{column}"))
            for column, target in (
                ("phone_id", "phones.id"),
                ("recipient_id", "recipients.id"),
                ("campaign_id", "campaigns.id"),
                ("organisation_id", "organisations.id"),
                ("area_code", "areas.code"),
                ("reply_id", "replies.id"),
                ("answer_id", "answers.id"),
                ("taken_by", "users.id"),
                ("done_by", "users.id"),
                ("result_id", "answers.id"),
                ("message_id", "messages.id"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("reply_id", name=op.f("uq_cases_reply_id")),
    )
    op.create_index(
        "ix_cases_open", "cases", ["organisation_id", "id"], postgresql_where=_OPEN, sqlite_where=_OPEN
    )
    op.create_index(
        "uq_cases_help", "cases", ["recipient_id"], unique=True, postgresql_where=_HELP, sqlite_where=_HELP
    )
    op.create_index(op.f("ix_cases_recipient_id"), "cases", ["recipient_id"])
    op.create_index(op.f("ix_cases_done_at"), "cases", ["done_at"])
    for statement in (_HELP_THAT_STANDS, _REPLIES_THAT_WAIT, _SETTLED):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("cases")


_COLUMNS = (
    "kind, phone_id, recipient_id, campaign_id, organisation_id, area_code, reply_id, answer_id, opened_at"
)

# Nobody wrote down until now whether somebody was helped: whoever asked for it and still does, waits.
_HELP_THAT_STANDS = f"""
INSERT INTO cases ({_COLUMNS})
SELECT 'help', r.phone_id, r.id, r.campaign_id, COALESCE(l.organisation_id, c.organisation_id), r.area_code,
       a.reply_id, a.id, a.at
FROM recipients r
JOIN campaigns c ON c.id = r.campaign_id
LEFT JOIN contact_lists l ON l.id = r.list_id
JOIN answers a ON a.id = (
    SELECT MAX(b.id) FROM answers b WHERE b.recipient_id = r.id AND b.label = 'need_help' AND b.undone_at IS NULL
)
WHERE r.answer = 'need_help'
ORDER BY a.at, a.id
"""  # noqa: S608 - no value comes from outside

_REPLIES_THAT_WAIT = f"""
INSERT INTO cases ({_COLUMNS})
SELECT CASE WHEN p.label = 'opt_out' THEN 'opt_out'
            WHEN p.confidence < 0.6 OR p.label = 'unclear' THEN 'unclear'
            WHEN p.label = 'question' THEN 'question'
            WHEN p.label = 'need_help' THEN 'help'
            ELSE 'unmatched' END,
       p.phone_id, r.id, r.campaign_id, COALESCE(l.organisation_id, c.organisation_id), r.area_code,
       p.id, NULL, p.received_at
FROM replies p
LEFT JOIN recipients r ON r.id = p.recipient_id
LEFT JOIN campaigns c ON c.id = r.campaign_id
LEFT JOIN contact_lists l ON l.id = r.list_id
WHERE p.state = 'inbox'
  AND NOT EXISTS (SELECT 1 FROM cases h WHERE h.reply_id = p.id)
  AND NOT (p.label = 'need_help' AND p.confidence >= 0.6 AND r.id IS NOT NULL AND (
      EXISTS (SELECT 1 FROM cases h WHERE h.recipient_id = r.id AND h.kind = 'help')
      OR p.id < (SELECT MAX(q.id) FROM replies q WHERE q.recipient_id = r.id AND q.state = 'inbox'
                 AND q.label = 'need_help' AND q.confidence >= 0.6)))
ORDER BY p.received_at, p.id
"""  # noqa: S608

# A label that was never in doubt waits for nobody.
_SETTLED = """
UPDATE replies SET state = 'applied'
WHERE state = 'inbox' AND confidence >= 0.6 AND label IN ('question', 'need_help')
"""
