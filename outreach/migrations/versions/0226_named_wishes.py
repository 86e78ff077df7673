"""What was said from a number that is only named for a person is no wish of theirs"""

from alembic import op

revision = "0226_named_wishes"
down_revision = "0225_named_phones"

_VIEW = """
CREATE VIEW left_alone AS
SELECT w.id AS wish_id, w.scope, {firm} AS is_firm, n.phone_id, CAST(NULL AS BIGINT) AS contact_id
FROM wishes w JOIN wish_numbers n ON n.wish_id = w.id
WHERE w.undoes_id IS NULL AND n.phone_id IS NOT NULL AND {standing}
UNION ALL
SELECT w.id, w.scope, {firm}, CAST(NULL AS BIGINT), p.contact_id
FROM wishes w JOIN wish_people p ON p.wish_id = w.id
WHERE w.undoes_id IS NULL AND {standing}
UNION ALL
SELECT w.id, w.scope, {firm}, CAST(NULL AS BIGINT), cp.contact_id
FROM wishes w JOIN wish_numbers n ON n.wish_id = w.id JOIN contact_phones cp ON cp.phone_id = n.phone_id{which}
WHERE w.undoes_id IS NULL AND w.source NOT IN ('consent', 'door', 'officer', 'request', 'roster') AND {standing}
"""
_PARTS = {
    "firm": "CASE WHEN w.scope <> '' OR w.source IN ('consent', 'request') THEN 1 ELSE 0 END",
    "standing": "NOT EXISTS (SELECT 1 FROM wishes u WHERE u.undoes_id = w.id)",
}


def upgrade() -> None:
    op.execute("DROP VIEW left_alone")
    op.execute(_VIEW.format(which=" AND NOT cp.is_named", **_PARTS))


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS left_alone")
    op.execute(_VIEW.format(which="", **_PARTS))
