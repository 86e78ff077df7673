"""The tables of version 1.1.0: the oldest state of a database from which an upgrade is possible.

They are not written down a second time: they are today's, without what each later migration added. A test compares them
with a fingerprint of version 1.1.0's own.
"""

from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.script import ScriptDirectory

from outreach.core.db import Base

revision = "0113_recipients_without_keys"
down_revision = None

_ROOT = Path(__file__).parents[3]
_FIRST_ROWS = (
    "INSERT INTO audit_head (id, last_id, hash) VALUES (1, 0, '" + "0" * 64 + "')",
    "INSERT INTO write_probes (name, written_at) VALUES ('doctor', CURRENT_TIMESTAMP)",
    """INSERT INTO gateway_accounts (name, kind, state, position, url, login, options, senders, operators, prices,
        has_unicode, proof, rest_reason, changed_at)
    VALUES ('SMS_GATEWAY', 'environment', 'active', 1, '', '', '{}', '[]', '[]', '{}', true, 'operator', '',
        CURRENT_TIMESTAMP)""",
)


def upgrade() -> None:
    connection = op.get_bind()
    for package in ("outreach", "campaigns"):
        for file in sorted((_ROOT / package / "models").glob("[a-z]*.py")):
            import_module(f"{package}.models.{file.stem}")
    Base.metadata.create_all(connection)
    for later in ScriptDirectory(str(Path(__file__).parents[1])).walk_revisions():
        if later.revision != revision:
            later.module.downgrade()
    for statement in _FIRST_ROWS:
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "postgresql":
        # Every message passes through the outbox once: it is emptied as fast as it is filled, and claims from its
        # front, so its dead rows must go long before a fifth of it is dead.
        op.execute(
            "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,"
            " autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    there = sa.MetaData()
    there.reflect(op.get_bind())
    there.remove(there.tables["alembic_version"])
    there.drop_all(op.get_bind())
