"""A report of a recipient that a merge left out is the one's who counts; when a report was restored is kept no more"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from outreach.core.db import UtcDateTime

revision = "0166_reports_of_merged"
down_revision = "0165_language_that_left"

_VIETNAM = timedelta(hours=7)
_WHEN = sa.text("restored_at IS NOT NULL")
# In 1.1.0 what a left-out number said after the merge was reported, and counted, beside the other's.
_LEFT_OUT = sa.text(
    """SELECT i.id, i.answer_id, i.campaign_id, i.reported_at, c.id AS recipient_id,
              COALESCE(c.phone_id, i.phone_id) AS phone_id, c.list_id, c.area_code, c.exclusion
       FROM install_reports i JOIN recipients r ON r.id = i.recipient_id
       JOIN recipients c ON c.campaign_id = r.campaign_id AND c.contact_id = r.contact_id AND c.merge_id = 0
       WHERE r.merge_id <> 0 AND i.withdrawn_at IS NULL ORDER BY i.id"""
).columns(reported_at=UtcDateTime())
_IS_REPORTED = sa.text(
    "SELECT 1 FROM install_reports WHERE campaign_id = :campaign_id AND phone_id = :phone_id"
    " AND withdrawn_at IS NULL AND id <> :id"
)
_WITHDRAW = sa.text("UPDATE install_reports SET withdrawn_at = :now WHERE id = :id").bindparams(
    sa.bindparam("now", type_=UtcDateTime())
)
_MOVE = (
    "UPDATE install_reports SET recipient_id = :recipient_id, phone_id = :phone_id WHERE id = :id",
    "UPDATE answers SET recipient_id = :recipient_id WHERE id = :answer_id",
)
_COUNT = sa.text(
    "INSERT INTO counters (campaign_id, list_id, area_code, day, people, installed)"
    " VALUES (:campaign_id, :list_id, :area_code, :day, 0, 1)"
)


def upgrade() -> None:
    connection = op.get_bind()
    for row in connection.execute(_LEFT_OUT).all():
        values = row._asdict()
        if connection.execute(_IS_REPORTED, values).first():
            connection.execute(_WITHDRAW, {"id": row.id, "now": datetime.now(UTC)})
            continue
        for statement in _MOVE:
            connection.execute(sa.text(statement), values)
        if row.exclusion is None:
            day = (row.reported_at.astimezone(UTC) + _VIETNAM).date().isoformat()
            connection.execute(_COUNT, {**values, "day": day})
    op.drop_index("ix_install_reports_restored", "install_reports")
    op.drop_column("install_reports", "restored_at")


def downgrade() -> None:
    op.add_column("install_reports", sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_install_reports_restored",
        "install_reports",
        ["restored_at"],
        postgresql_where=_WHEN,
        sqlite_where=_WHEN,
    )
