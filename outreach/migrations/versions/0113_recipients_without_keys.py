"""Recipients without foreign keys, and two indexes fewer for each message of a launch"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import redeclare

revision = "0113_recipients_without_keys"
down_revision = "0112_people_by_name_and_year"

_KEYS = {
    "contact_id": "FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE SET NULL",
    "phone_id": "FOREIGN KEY(phone_id) REFERENCES phones (id)",
}
# In the order in which SQLite numbers their indexes.
_UNIQUE = {
    "uq_messages_answer_id": "answer_id",
    "uq_messages_campaign_id_step_id_phone_id": "campaign_id, step_id, phone_id",
}
_CHECK = ", \n\tCONSTRAINT exclusion CHECK"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for column in _KEYS:
            op.drop_constraint(f"fk_recipients_{column}", "recipients", type_="foreignkey")
        for name in _UNIQUE:
            op.drop_constraint(name, "messages", type_="unique")
    else:
        redeclare("recipients", "".join(map(_declared_key, _KEYS)), "")
        _redeclare_messages(has_constraints=False)
        for n in (1, 2):
            op.execute(f"DROP INDEX messages_once_{n}")
    op.drop_index("ix_messages_phone_id", "messages")
    op.create_index("uq_messages_phone_id_step_id", "messages", ["phone_id", "step_id"], unique=True)
    where = sa.text("answer_id IS NOT NULL")
    op.create_index(
        "uq_messages_answer_id",
        "messages",
        ["answer_id"],
        unique=True,
        postgresql_where=where,
        sqlite_where=where,
    )


def downgrade() -> None:
    op.drop_index("uq_messages_answer_id", "messages")
    op.drop_index("uq_messages_phone_id_step_id", "messages")
    op.create_index("ix_messages_phone_id", "messages", ["phone_id"])
    if op.get_context().dialect.name == "postgresql":
        for column, key in _KEYS.items():
            op.execute(f"ALTER TABLE recipients ADD CONSTRAINT fk_recipients_{column} {key}")
        for name, columns in _UNIQUE.items():
            op.create_unique_constraint(name, "messages", columns.split(", "))
        return
    redeclare("recipients", _CHECK, "".join(map(_declared_key, _KEYS)) + _CHECK)
    for n, columns in enumerate(_UNIQUE.values(), 1):
        op.execute(f"CREATE UNIQUE INDEX messages_once_{n} ON messages ({columns})")
    _redeclare_messages(has_constraints=True)


def _declared_key(column: str) -> str:
    return f", \n\tCONSTRAINT fk_recipients_{column} {_KEYS[column]}"


def _redeclare_messages(*, has_constraints: bool) -> None:
    """Take the constraints of SQLite's declaration away or bring them back in place, as 0095 did.

    A constraint's index becomes a plain one, which is dropped, or is made as one and becomes the constraint's.
    """
    connection = op.get_bind()
    sql = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'messages'"))
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for n, (name, columns) in enumerate(_UNIQUE.items(), 1):
        declared, automatic = f", \n\tCONSTRAINT {name} UNIQUE ({columns})", f"sqlite_autoindex_messages_{n}"
        if has_constraints:
            sql = f"{sql.rstrip().removesuffix(')')}{declared})"
            former, now, statement = f"messages_once_{n}", automatic, None
        else:
            assert declared in sql, sql
            sql = sql.replace(declared, "")
            former, now = automatic, f"messages_once_{n}"
            statement = f"CREATE UNIQUE INDEX {now} ON messages ({columns})"
        connection.execute(
            sa.text("UPDATE sqlite_master SET name = :now, sql = :sql WHERE name = :former"),
            {"former": former, "now": now, "sql": statement},
        )
    connection.execute(sa.text("UPDATE sqlite_master SET sql = :sql WHERE name = 'messages'"), {"sql": sql})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
