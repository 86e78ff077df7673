"""People without a number, whom only a visit reaches"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0086_at_the_door"
down_revision = "0088_own_answers"


def upgrade() -> None:
    op.add_column("contacts", sa.Column("at_the_door", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("contacts", sa.Column("opted_out_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE contacts SET at_the_door = true "
        "WHERE NOT EXISTS (SELECT 1 FROM contact_phones p WHERE p.contact_id = contacts.id)"
    )
    op.create_index(
        "ix_contacts_at_the_door",
        "contacts",
        ["name_key"],
        postgresql_where=sa.text("at_the_door"),
        sqlite_where=sa.text("at_the_door"),
    )


def downgrade() -> None:
    op.drop_index("ix_contacts_at_the_door", "contacts")
    op.drop_column("contacts", "opted_out_at")
    op.drop_column("contacts", "at_the_door")
