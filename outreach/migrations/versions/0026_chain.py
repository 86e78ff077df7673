"""The audit as a chain, with the values before and after beside it"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from outreach.rules.audit_chain import GENESIS
from outreach.rules.audit_chain import hash_entry as seal

revision = "0026_chain"
down_revision = "0025_publicity"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS = {"origin": 64, "values_digest": 64, "previous": 64, "hash": 64}


def upgrade() -> None:
    with op.batch_alter_table("audit_events") as table:
        table.drop_constraint("fk_audit_events_actor_id", type_="foreignkey")
        for name, length in _TEXTS.items():
            table.add_column(sa.Column(name, sa.String(length), server_default="", nullable=False))
    head = op.create_table(
        "audit_head",
        sa.Column("id", _ID, nullable=False),
        sa.Column("last_id", _ID, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_values",
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("salt", sa.String(length=32)),
        sa.Column("changes", sa.JSON()),
        sa.Column("emptied_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["event_id"], ["audit_events.id"], name=op.f("fk_audit_values_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_values")),
    )
    last_id, last_hash = _chain(op.get_bind())
    op.bulk_insert(head, [{"id": 1, "last_id": last_id, "hash": last_hash}])


def _chain(connection: sa.Connection) -> tuple[int, str]:
    """Chain the entries that there are. What was changed before now nobody can tell."""
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name)
        for name in ("id", "at", "actor_id", "action", "subject", "details", "previous", "hash")
    ]
    events = sa.table("audit_events", *columns)
    change = (
        sa.update(events)
        .where(events.c.id == sa.bindparam("of"))
        .values(previous=sa.bindparam("before"), hash=sa.bindparam("own"))
    )
    last_id, previous = 0, GENESIS
    while True:
        rows = connection.execute(
            sa.select(events).where(events.c.id > last_id).order_by(events.c.id).limit(5000)
        ).all()
        if not rows:
            return last_id, previous
        changes = []
        for row in rows:
            sealed = seal(
                previous,
                id=row.id,
                at=_moment(row.at),
                actor_id=row.actor_id,
                origin="",
                action=row.action,
                subject=row.subject,
                details=json.loads(row.details) if isinstance(row.details, str) else row.details,
                values_digest="",
            )
            changes.append({"of": row.id, "before": previous, "own": sealed})
            last_id, previous = row.id, sealed
        connection.execute(change, changes)


def _moment(value: Any) -> datetime:
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def downgrade() -> None:
    op.drop_table("audit_values")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_events") as table:
        for name in _TEXTS:
            table.drop_column(name)
        table.create_foreign_key("fk_audit_events_actor_id", "users", ["actor_id"], ["id"])
