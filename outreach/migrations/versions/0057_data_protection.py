"""Both clocks of a privacy request, withdrawal and restriction, consents of each person, breaches"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0057_data_protection"
down_revision = "0056_report_form"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_BEFORE = ("export", "correct", "object", "erase")
_AFTER = (*_BEFORE, "withdraw", "restrict")


def upgrade() -> None:
    restate_check("person_requests", "kind", _BEFORE, _AFTER, name="requestkind")
    for column in (
        sa.Column("has_processor", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("carry_out_by", _MOMENT),
        sa.Column("responded_at", _MOMENT),
        sa.Column("extended_at", _MOMENT),
        sa.Column("extension_reason", sa.String(300), server_default="", nullable=False),
    ):
        op.add_column("person_requests", column)
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    # In the column's own clause, so that SQLite need not copy the table.
    op.execute(
        f"ALTER TABLE person_requests ADD COLUMN responded_by {kind} "
        "CONSTRAINT fk_person_requests_responded_by REFERENCES users (id)"
    )
    op.create_table(
        "consent_events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        sa.Column("on", sa.String(10), nullable=False),
        sa.Column("evidence", sa.String(300), nullable=False),
        sa.Column("guardian", sa.String(120), server_default="", nullable=False),
        sa.Column("recorded_by", _ID, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_consent_events_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name=op.f("fk_consent_events_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_events")),
    )
    op.create_index(op.f("ix_consent_events_contact_id_id"), "consent_events", ["contact_id", "id"])
    op.create_table(
        "breaches",
        sa.Column("id", _ID, nullable=False),
        sa.Column("found_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer()),
        sa.Column("measures", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_by", _ID, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("notice", sa.String(300), server_default="", nullable=False),
        sa.Column("reported_by", _ID),
        sa.Column("reported_at", _MOMENT),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name=op.f("fk_breaches_recorded_by")),
        sa.ForeignKeyConstraint(["reported_by"], ["users.id"], name=op.f("fk_breaches_reported_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaches")),
    )


def downgrade() -> None:
    op.drop_table("breaches")
    op.drop_table("consent_events")
    for name in (
        "extension_reason",
        "extended_at",
        "responded_at",
        "responded_by",
        "carry_out_by",
        "has_processor",
    ):
        op.drop_column("person_requests", name)
    # The nearest of the kinds that were known: the person is left alone.
    op.execute("UPDATE person_requests SET kind = 'object' WHERE kind IN ('withdraw', 'restrict')")
    restate_check("person_requests", "kind", _AFTER, _BEFORE, name="requestkind")
