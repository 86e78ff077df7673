"""A number that another organisation recorded is not used by campaigns to lists that state others for the person"""

import sqlalchemy as sa
from alembic import op

revision = "0227_contested_phones"
down_revision = "0226_named_wishes"

_JSON = {
    "postgresql": {
        "number": "json_array_length(m.stated->'phones')",
        "ids": "SELECT CAST(json_array_elements_text(m.stated->'{}') AS BIGINT)",
    },
    "sqlite": {
        "number": "json_array_length(m.stated, '$.phones')",
        "ids": "SELECT value FROM json_each(m.stated, '$.{}')",
    },
}
# Organisation 0 stands for everybody: what is only named is nobody's but theirs who name it.
_VIEW = """
CREATE VIEW contested_phones AS
SELECT cp.contact_id, cp.phone_id, CAST(0 AS BIGINT) AS organisation_id, 0 AS is_theirs
FROM contact_phones cp WHERE cp.is_named
UNION ALL
SELECT cp.contact_id, cp.phone_id, l.organisation_id,
       CASE WHEN cp.phone_id IN ({phones} UNION ALL {added}) THEN 1 ELSE 0 END
FROM memberships m JOIN contact_lists l ON l.id = m.list_id JOIN contact_phones cp ON cp.contact_id = m.contact_id
WHERE m.stated IS NOT NULL AND {number} > 0
UNION ALL
SELECT cp.contact_id, cp.phone_id, l.organisation_id, 1
FROM memberships m JOIN memberships r ON r.contact_id = m.contact_id AND r.stated IS NULL
JOIN contact_lists l ON l.id = r.list_id JOIN contact_phones cp ON cp.contact_id = m.contact_id AND NOT cp.is_named
WHERE m.stated IS NOT NULL"""


def upgrade() -> None:
    is_stated = sa.text("stated IS NOT NULL")
    op.create_index(
        "ix_memberships_stated",
        "memberships",
        ["contact_id"],
        postgresql_where=is_stated,
        sqlite_where=is_stated,
    )
    parts = _JSON[op.get_bind().dialect.name]
    phones, added = (parts["ids"].format(name) for name in ("phones", "added"))
    op.execute(_VIEW.format(number=parts["number"], phones=phones, added=added))


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS contested_phones")
    op.drop_index("ix_memberships_stated", "memberships")
