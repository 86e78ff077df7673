"""A number that only lists of other organisations give for a person is named, and used by campaigns to their lists alone"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0225_named_phones"
down_revision = "0224_what_belongs_to_whom"

# Whether each import that stated numbers of a person is of a list that only names them.
_STATED = """
SELECT x.contact_id, x.phones, m.stated IS NOT NULL AS is_named
FROM import_changes x JOIN list_imports i ON i.id = x.import_id
LEFT JOIN memberships m ON m.list_id = i.list_id AND m.contact_id = x.contact_id
WHERE x.contact_id IN (SELECT contact_id FROM memberships WHERE stated IS NOT NULL)"""
_NAMED = """
UPDATE contact_phones SET is_named = true WHERE contact_id = :contact AND phone_id = :phone AND NOT EXISTS (
    SELECT 1 FROM removed_phones r WHERE r.contact_id = :contact AND r.phone_id = :phone)"""


def upgrade() -> None:
    op.add_column(
        "contact_phones", sa.Column("is_named", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    is_named = sa.text("is_named")
    op.create_index(
        "ix_contact_phones_named",
        "contact_phones",
        ["contact_id"],
        postgresql_where=is_named,
        sqlite_where=is_named,
    )
    connection = op.get_bind()
    changes: Any = sa.text(_STATED).columns(phones=sa.JSON(), is_named=sa.Boolean())
    named: dict[tuple[int, int], bool] = {}
    for contact_id, phones, by_name in connection.execute(changes):
        for phone_id in phones:
            named[contact_id, phone_id] = named.get((contact_id, phone_id), True) and by_name
    found = [{"contact": contact, "phone": phone} for (contact, phone), alone in named.items() if alone]
    if found:
        connection.execute(sa.text(_NAMED), found)


def downgrade() -> None:
    op.drop_index("ix_contact_phones_named", "contact_phones")
    op.drop_column("contact_phones", "is_named")
