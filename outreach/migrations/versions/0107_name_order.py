"""People sorted by given name in Vietnamese order: the key says which letter and which tone"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from outreach.rules.sort_order import name_order

revision = "0107_name_order"
down_revision = "0106_different_people"

_ROWS = 5_000
_PEOPLE = sa.table("contacts", sa.column("id"), sa.column("name"), sa.column("given_key"))
_INDEXES = (["given_key", "id"], ["area_code", "given_key", "id"])


def upgrade() -> None:
    # Made anew afterwards, as changing a million entries one by one takes longer.
    for columns in _INDEXES:
        op.drop_index(f"ix_contacts_{'_'.join(columns)}", table_name="contacts")
    if op.get_bind().dialect.name == "postgresql":
        _rewrite()
    else:
        change = sa.update(_PEOPLE).where(_PEOPLE.c.id == sa.bindparam("row"))
        for batch in _keys():
            op.get_bind().execute(change.values(given_key=sa.bindparam("key")), batch)
    for columns in _INDEXES:
        op.create_index(f"ix_contacts_{'_'.join(columns)}", "contacts", columns)


def _keys() -> Iterator[list[dict[str, object]]]:
    last = 0
    query = sa.select(_PEOPLE.c.id, _PEOPLE.c.name).order_by(_PEOPLE.c.id).limit(_ROWS)
    while found := op.get_bind().execute(query.where(_PEOPLE.c.id > last)).all():
        last = found[-1].id
        yield [{"row": row.id, "key": name_order(row.name)} for row in found]


def _rewrite() -> None:
    """Write the table once: an update of all rows would leave as many dead ones, through which each count has to read."""
    connection = op.get_bind()
    op.execute("CREATE TEMPORARY TABLE keys_of_people (id bigint PRIMARY KEY, key text)")
    fill = "INSERT INTO keys_of_people SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:keys AS text[]))"
    for batch in _keys():
        ids, keys = [each["row"] for each in batch], [each["key"] for each in batch]
        connection.execute(sa.text(fill), {"ids": ids, "keys": keys})
    op.execute(
        "CREATE FUNCTION pg_temp.key_of_person(bigint) RETURNS text LANGUAGE sql STABLE AS"
        " 'SELECT key FROM keys_of_people WHERE id = $1'"
    )
    op.execute(
        'ALTER TABLE contacts ALTER COLUMN given_key TYPE varchar(160) COLLATE "C"'
        " USING coalesce(pg_temp.key_of_person(id), '')"
    )
    op.execute("DROP FUNCTION pg_temp.key_of_person(bigint)")
    op.execute("DROP TABLE keys_of_people")


def downgrade() -> None:
    pass
