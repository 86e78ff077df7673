"""The message by which a case was handed to a rescue team is known, and the agency whose roster marked somebody"""

import sqlalchemy as sa
from alembic import op

from outreach.core.db import BigId

revision = "0224_what_belongs_to_whom"
down_revision = "0211_exchanged_wishes"

_COLUMNS = (
    ("safety_reports", "handed_message_id", "messages"),
    ("officer_entries", "agency_id", "organisations"),
)


def upgrade() -> None:
    for table, column, to in _COLUMNS:
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column(column, BigId))
            changed.create_foreign_key(f"fk_{table}_{column}", to, [column], ["id"])
    op.create_index("ix_safety_reports_handed_message_id", "safety_reports", ["handed_message_id"])
    # So far a mark was known by its moment, which the report of its roster has, too.
    op.execute(
        "UPDATE officer_entries SET agency_id = ("
        "SELECT r.organisation_id FROM agency_reports r JOIN answers a ON a.at = r.reported_at "
        "WHERE a.id = officer_entries.answer_id AND r.channel = 'roster' LIMIT 1) WHERE place = 'roster'"
    )


def downgrade() -> None:
    op.drop_index("ix_safety_reports_handed_message_id", "safety_reports")
    for table, column, _to in _COLUMNS:
        with op.batch_alter_table(table) as changed:
            changed.drop_constraint(f"fk_{table}_{column}", type_="foreignkey")
            changed.drop_column(column)
