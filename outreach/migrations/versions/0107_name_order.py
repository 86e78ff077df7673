"""People sorted by given name in Vietnamese order: the key says which letter and which tone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.rules.sort_order import name_order

revision = "0107_name_order"
down_revision = "0106_different_people"

_ROWS = 5_000


def upgrade() -> None:
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    people = sa.table("contacts", sa.column("id"), sa.column("name"), sa.column("given_key"))
    # Made anew afterwards, as changing a million entries one by one takes longer.
    for columns in (["given_key", "id"], ["area_code", "given_key", "id"]):
        op.drop_index(f"ix_contacts_{'_'.join(columns)}", table_name="contacts")
    last = 0
    while found := connection.execute(
        sa.select(people.c.id, people.c.name).where(people.c.id > last).order_by(people.c.id).limit(_ROWS)
    ).all():
        last = found[-1].id
        ids, keys = [row.id for row in found], [name_order(row.name) for row in found]
        if on_postgresql:
            connection.execute(
                sa.text(
                    "UPDATE contacts SET given_key = new.key FROM unnest(CAST(:ids AS bigint[]),"
                    " CAST(:keys AS text[])) AS new (id, key) WHERE contacts.id = new.id"
                ),
                {"ids": ids, "keys": keys},
            )
        else:
            change = sa.update(people).where(people.c.id == sa.bindparam("row"))
            connection.execute(
                change.values(given_key=sa.bindparam("key")),
                [{"row": id_, "key": key} for id_, key in zip(ids, keys, strict=True)],
            )
    for columns in (["given_key", "id"], ["area_code", "given_key", "id"]):
        op.create_index(f"ix_contacts_{'_'.join(columns)}", "contacts", columns)


def downgrade() -> None:
    pass
