"""Daily reports: what happened on a day, what was issued, kept and mailed, and the links to it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028_reports"
down_revision = "0027_reach"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "report_days",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("chased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undelivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by_hand_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by_hand_by", _ID, nullable=True),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("pending", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["by_hand_by"], ["users.id"], name=op.f("fk_report_days_by_hand_by")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_report_days")),
    )
    op.create_table(
        "report_forms",
        sa.Column("id", _ID, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("saved_by", _ID, nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["saved_by"], ["users.id"], name=op.f("fk_report_forms_saved_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_forms")),
    )
    op.create_table(
        "report_issues",
        sa.Column("id", _ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("written_on", sa.String(length=10), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_by", _ID, nullable=True),
        sa.ForeignKeyConstraint(["issued_by"], ["users.id"], name=op.f("fk_report_issues_issued_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_issues")),
        sa.UniqueConstraint("day", "n", name=op.f("uq_report_issues_day_n")),
    )
    op.create_table(
        "report_links",
        sa.Column("id", _ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by", _ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_report_links_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_links")),
    )
    op.create_index(op.f("ix_report_links_day"), "report_links", ["day"], unique=False)
    op.create_table(
        "report_files",
        sa.Column("issue_id", _ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "docx", "pdf", "xlsx", name="filekind", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["report_issues.id"], name=op.f("fk_report_files_issue_id")),
        sa.PrimaryKeyConstraint("issue_id", "kind", name=op.f("pk_report_files")),
    )
    op.create_table(
        "report_mails",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=340), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "chase",
                "alarm_missing",
                "alarm_undelivered",
                "report",
                "correction",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("issue_id", _ID, nullable=True),
        sa.Column("organisation_id", _ID, nullable=True),
        sa.Column("link_id", _ID, nullable=True),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=60), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["report_issues.id"], name=op.f("fk_report_mails_issue_id")),
        sa.ForeignKeyConstraint(["link_id"], ["agency_links.id"], name=op.f("fk_report_mails_link_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_report_mails_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_mails")),
        sa.UniqueConstraint("key", name=op.f("uq_report_mails_key")),
    )
    op.create_index(op.f("ix_report_mails_day"), "report_mails", ["day"], unique=False)
    op.create_index(
        op.f("ix_report_mails_sent_at_next_at"), "report_mails", ["sent_at", "next_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("report_mails")
    op.drop_table("report_files")
    op.drop_table("report_links")
    op.drop_table("report_issues")
    op.drop_table("report_forms")
    op.drop_table("report_days")
