"""Two questions about one row; sightings by list, whence a list was merged or split; reports that were restored."""

import sqlalchemy as sa
from alembic import op

revision = "0126_what_files_did"
down_revision = "0125_what_was_read"


def upgrade() -> None:
    op.add_column("contact_lists", sa.Column("sources", sa.JSON(), nullable=False, server_default="[]"))
    _change_keys("status", "reason", ["contact_id", "import_id", "list_id"])
    op.add_column("install_reports", sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True))
    was_restored = sa.text("restored_at IS NOT NULL")
    op.create_index(
        "ix_install_reports_restored",
        "install_reports",
        ["restored_at"],
        postgresql_where=was_restored,
        sqlite_where=was_restored,
    )


def downgrade() -> None:
    op.drop_index("ix_install_reports_restored", "install_reports")
    op.drop_column("install_reports", "restored_at")
    # What a file asks of a row is one question again, and people are sighted by an import in one list.
    op.execute(
        "DELETE FROM import_issues WHERE EXISTS (SELECT 1 FROM import_issues o WHERE o.import_id = import_issues.import_id"
        ' AND o."row" = import_issues."row" AND o.status = import_issues.status AND o.id < import_issues.id)'
    )
    op.execute(
        "DELETE FROM sightings WHERE EXISTS (SELECT 1 FROM sightings o WHERE o.contact_id = sightings.contact_id"
        " AND o.import_id = sightings.import_id AND o.list_id < sightings.list_id)"
    )
    _change_keys("reason", "status", ["contact_id", "import_id"])
    op.drop_column("contact_lists", "sources")


def _change_keys(former: str, now: str, sighted: list[str]) -> None:
    with op.batch_alter_table("import_issues") as issues:
        issues.drop_constraint(f"uq_import_issues_import_id_row_{former}", type_="unique")
        issues.create_unique_constraint(f"uq_import_issues_import_id_row_{now}", ["import_id", "row", now])
    with op.batch_alter_table("sightings") as sightings:
        sightings.drop_constraint("pk_sightings", type_="primary")
        sightings.create_primary_key("pk_sightings", sighted)
