"""Columns under the names that the field uses; tables, constraints and indexes keep theirs"""

from __future__ import annotations

from alembic import op

revision = "0045_standard_names"
down_revision = "0044_bills"

_RENAMED = (
    ("outbox", "lane", "stream_id"),
    ("attempts", "lane", "stream_id"),
    ("tallies", "lane", "stream_id"),
    ("replies", "road", "channel"),
    ("agency_reports", "road", "channel"),
    ("recipients", "lot", "bucket"),
    ("phones", "backwards", "reversed"),
    ("removed_phones", "said_stop", "opted_out"),
    ("removed_phones", "back_at", "restored_at"),
    ("webhook_bookmark", "places", "positions"),
)


def upgrade() -> None:
    for table, old, new in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def downgrade() -> None:
    for table, old, new in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")
