"""Wishes to be left alone: one ledger in place of five stores, and the view that decides by it"""

# ruff: noqa: S608 - of our own parts

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import restate_check

revision = "0116_wishes"
down_revision = "0113_recipients_without_keys"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SOURCES = ("sms", "page", "gateway", "officer", "roster", "door", "request", "consent", "import")
_BEFORE, _AFTER = ("opt_out", "wrong_number", "do_not_call"), ("wrong_number", "do_not_call")
# What was said from a number holds for all who have it, unless it is known who spoke.
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
FROM wishes w JOIN wish_numbers n ON n.wish_id = w.id JOIN contact_phones cp ON cp.phone_id = n.phone_id
WHERE w.undoes_id IS NULL AND w.source NOT IN ('consent', 'door', 'officer', 'request', 'roster') AND {standing}
""".format(
    firm="CASE WHEN w.scope <> '' OR w.source IN ('consent', 'request') THEN 1 ELSE 0 END",
    standing="NOT EXISTS (SELECT 1 FROM wishes u WHERE u.undoes_id = w.id)",
)
_OF_SUPPRESSIONS = (
    # The wish keeps the number by which other systems know it.
    """INSERT INTO wishes (id, scope, source, evidence, note, said_at, learned_at)
       SELECT s.id, '', CASE WHEN s.source IN {sources} THEN s.source ELSE 'import' END,
              COALESCE((SELECT 'answers:' || MIN(a.id) FROM answers a WHERE a.phone_id = s.phone_id
                        AND a.label = 'opt_out' AND NOT a.drive_only AND a.at = s.created_at), ''),
              s.note, s.created_at, s.created_at
       FROM suppressions s WHERE s.reason = 'opt_out' AND {kept}""",
    """INSERT INTO wish_numbers (wish_id, number_hash, key_id, phone_id)
       SELECT s.id, s.number_hash, s.key_id, s.phone_id FROM suppressions s WHERE s.reason = 'opt_out' AND {kept}""",
    """INSERT INTO wish_people (wish_id, contact_id)
       SELECT s.id, cp.contact_id FROM suppressions s JOIN contact_phones cp ON cp.phone_id = s.phone_id
       WHERE s.reason = 'opt_out' AND s.lifted_at IS NULL AND {kept}
       UNION
       SELECT s.id, r.contact_id FROM suppressions s JOIN removed_phones r ON r.phone_id = s.phone_id
       WHERE s.reason = 'opt_out' AND s.lifted_at IS NULL AND r.opted_out AND r.restored_at IS NULL AND {kept}""",
)
_LIFTED = """INSERT INTO wishes (id, undoes_id, scope, source, evidence, note, said_at, learned_at)
    SELECT {next} + ROW_NUMBER() OVER (ORDER BY s.id), s.id, '', 'import', '', s.note, s.lifted_at, s.lifted_at
    FROM suppressions s WHERE s.reason = 'opt_out' AND s.lifted_at IS NOT NULL"""
# Other answers that say the same, each of which has to be taken back by itself.
_FURTHER = """SELECT a.id AS key, 'answers:' || a.id AS evidence, '' AS scope, a.source AS source, a.at AS said_at,
        a.phone_id AS phone_id, r.contact_id AS contact_id
    FROM answers a LEFT JOIN recipients r ON r.id = a.recipient_id
    WHERE a.label = 'opt_out' AND NOT a.drive_only AND a.undone_at IS NULL AND EXISTS (
        SELECT 1 FROM suppressions s WHERE s.phone_id = a.phone_id AND s.reason = 'opt_out'
        AND s.lifted_at IS NULL AND s.created_at < a.at
    )"""
_OF_DRIVES = """SELECT a.id AS key, 'answers:' || a.id AS evidence, 'drive:' || k.drive_id AS scope, a.source AS source,
        a.at AS said_at, a.phone_id AS phone_id, r.contact_id AS contact_id
    FROM answers a JOIN campaigns k ON k.id = a.campaign_id LEFT JOIN recipients r ON r.id = a.recipient_id
    WHERE a.drive_only AND a.undone_at IS NULL"""
_AT_THE_DOOR = """SELECT c.id AS key, '' AS evidence, '' AS scope, 'door' AS source, c.opted_out_at AS said_at,
        CAST(NULL AS BIGINT) AS phone_id, c.id AS contact_id
    FROM contacts c WHERE c.opted_out_at IS NOT NULL"""
_REQUESTS = """SELECT q.id AS key, 'person_requests:' || q.id AS evidence, '' AS scope, 'request' AS source,
        q.recorded_at AS said_at, CAST(NULL AS BIGINT) AS phone_id, q.contact_id AS contact_id
    FROM person_requests q WHERE q.contact_id IS NOT NULL AND q.kind IN ('object', 'withdraw', 'restrict')"""
_CONSENTS = """SELECT e.id AS key, 'consent_events:' || e.id AS evidence,
        CASE WHEN e.purpose = '' THEN '' ELSE 'kind:' || e.purpose END AS scope, 'consent' AS source,
        e.recorded_at AS said_at, CAST(NULL AS BIGINT) AS phone_id, e.contact_id AS contact_id
    FROM consent_events e WHERE NOT e.is_given AND NOT EXISTS (
        SELECT 1 FROM consent_events l WHERE l.contact_id = e.contact_id AND l.purpose = e.purpose AND l.id > e.id
    )"""


def upgrade() -> None:
    _create()
    connection = op.get_bind()
    told = connection.scalar(sa.text("SELECT MAX(id) FROM suppressions")) or 0
    # What a merge closed follows from the other number's opt-out: the person has both.
    kept = """NOT EXISTS (
        SELECT 1 FROM person_merges m WHERE m.merged_at = s.created_at AND s.source = 'officer' AND s.lifted_at IS NULL
    )"""
    for statement in _OF_SUPPRESSIONS:
        connection.execute(sa.text(statement.format(kept=kept, sources=_SOURCES)))
    connection.execute(sa.text(_LIFTED.format(next=_last())))
    for query in (_FURTHER, _OF_DRIVES, _AT_THE_DOOR, _REQUESTS, _CONSENTS):
        _add(query)
    if connection.dialect.name == "postgresql":
        connection.scalar(
            sa.text("SELECT setval(pg_get_serial_sequence('wishes', 'id'), :next)"), {"next": _last() + 1}
        )
    _move_merged()
    _move_position(told)
    op.execute("DELETE FROM suppressions WHERE reason = 'opt_out'")
    restate_check("suppressions", "reason", _BEFORE, _AFTER, name="suppressionreason")
    op.drop_index("ix_answers_drive_only", "answers")
    op.drop_column("contacts", "opted_out_at")
    op.drop_column("removed_phones", "opted_out")


def downgrade() -> None:
    op.add_column("contacts", sa.Column("opted_out_at", sa.DateTime(timezone=True)))
    op.add_column(
        "removed_phones", sa.Column("opted_out", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    restate_check("suppressions", "reason", _AFTER, _BEFORE, name="suppressionreason")
    standing = "w.undoes_id IS NULL AND w.scope = '' AND NOT EXISTS (SELECT 1 FROM wishes u WHERE u.undoes_id = w.id)"
    op.execute(
        f"""INSERT INTO suppressions (number_hash, key_id, phone_id, reason, source, note, created_at)
            SELECT n.number_hash, MAX(n.key_id), MAX(n.phone_id), 'opt_out', MAX(w.source), MAX(w.note), MIN(w.said_at)
            FROM wishes w JOIN wish_numbers n ON n.wish_id = w.id WHERE {standing} GROUP BY n.number_hash"""
    )
    op.execute(
        f"""UPDATE contacts SET opted_out_at = (
                SELECT MIN(w.said_at) FROM wishes w JOIN wish_people p ON p.wish_id = w.id
                WHERE p.contact_id = contacts.id AND {standing}
            )"""
    )
    only = sa.text("drive_only")
    op.create_index(
        "ix_answers_drive_only", "answers", ["phone_id"], postgresql_where=only, sqlite_where=only
    )
    op.execute("DROP VIEW IF EXISTS left_alone")
    for table in ("wish_numbers", "wish_people", "wishes"):
        op.drop_table(table)


def _create() -> None:
    op.create_table(
        "wishes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("undoes_id", _ID),
        sa.Column("scope", sa.String(60), server_default="", nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("evidence", sa.String(40), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", _ID),
        sa.CheckConstraint(sa.column("source").in_(_SOURCES), name="wishsource"),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name=op.f("fk_wishes_recorded_by")),
        sa.ForeignKeyConstraint(["undoes_id"], ["wishes.id"], name=op.f("fk_wishes_undoes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishes")),
    )
    op.create_index(op.f("ix_wishes_evidence"), "wishes", ["evidence"])
    op.create_index(op.f("ix_wishes_scope"), "wishes", ["scope"])
    undone = sa.text("undoes_id IS NOT NULL")
    op.create_index(
        "uq_wishes_undoes_id",
        "wishes",
        ["undoes_id"],
        unique=True,
        postgresql_where=undone,
        sqlite_where=undone,
    )
    op.create_table(
        "wish_people",
        sa.Column("wish_id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_wish_people_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["wish_id"], ["wishes.id"], name=op.f("fk_wish_people_wish_id")),
        sa.PrimaryKeyConstraint("wish_id", "contact_id", name=op.f("pk_wish_people")),
    )
    op.create_index(op.f("ix_wish_people_contact_id"), "wish_people", ["contact_id"])
    op.create_table(
        "wish_numbers",
        sa.Column("wish_id", _ID, nullable=False),
        sa.Column("number_hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(8), server_default="", nullable=False),
        sa.Column("phone_id", _ID),
        sa.ForeignKeyConstraint(
            ["phone_id"], ["phones.id"], name=op.f("fk_wish_numbers_phone_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["wish_id"], ["wishes.id"], name=op.f("fk_wish_numbers_wish_id")),
        sa.PrimaryKeyConstraint("wish_id", "number_hash", name=op.f("pk_wish_numbers")),
    )
    op.create_index(op.f("ix_wish_numbers_phone_id"), "wish_numbers", ["phone_id"])
    unknown = sa.text("phone_id IS NULL")
    op.create_index(
        "ix_wish_numbers_unknown",
        "wish_numbers",
        ["number_hash"],
        postgresql_where=unknown,
        sqlite_where=unknown,
    )
    op.execute(_VIEW)


def _last() -> int:
    return op.get_bind().scalar(sa.text("SELECT MAX(id) FROM wishes")) or 0


def _add(query: str) -> None:
    """Add a wish for each row of a query, with the person and those who have the number now.

    Numbers are hashed with a key that no migration has: until they are, the phone's id stands in place of the hash.
    """
    rows = f"(SELECT {_last()} + ROW_NUMBER() OVER (ORDER BY q.key) AS id, q.* FROM ({query}) q) w"
    op.get_bind().execute(sa.text("CREATE TEMPORARY TABLE said AS SELECT * FROM " + rows))
    for statement in (
        """INSERT INTO wishes (id, scope, source, evidence, note, said_at, learned_at)
           SELECT id, scope, source, evidence, '', said_at, said_at FROM said""",
        """INSERT INTO wish_numbers (wish_id, number_hash, phone_id)
           SELECT id, 'phone:' || phone_id, phone_id FROM said WHERE phone_id IS NOT NULL""",
        """INSERT INTO wish_people (wish_id, contact_id)
           SELECT id, contact_id FROM said WHERE contact_id IS NOT NULL
           UNION SELECT s.id, cp.contact_id FROM said s JOIN contact_phones cp ON cp.phone_id = s.phone_id""",
        "DROP TABLE said",
    ):
        op.execute(statement)


def _move_merged() -> None:
    """Let a wish that came from somebody merged be theirs again when the merge is taken apart."""
    connection = op.get_bind()
    merges = sa.table("person_merges", sa.column("id"), sa.column("kept_id"), sa.column("data", sa.JSON))
    for row in connection.execute(sa.select(merges)).all():
        if "opted_out_at" not in row.data["filled"]:
            continue
        theirs = connection.scalars(
            sa.text(
                "SELECT w.id FROM wishes w JOIN wish_people p ON p.wish_id = w.id WHERE w.source = 'door' AND p.contact_id = :id"
            ),
            {"id": row.kept_id},
        )
        moved = {**row.data["moved"], "wish_people": [[wish_id] for wish_id in theirs]}
        filled = {name: pair for name, pair in row.data["filled"].items() if name != "opted_out_at"}
        data = {**row.data, "moved": moved, "filled": filled}
        connection.execute(sa.update(merges).where(merges.c.id == row.id).values(data=data))


def _move_position(told: int) -> None:
    """Let nobody be told of old wishes as of new ones, where all opt-outs were told."""
    connection = op.get_bind()
    bookmark = sa.table("webhook_bookmark", sa.column("id"), sa.column("positions", sa.JSON))
    for row in connection.execute(sa.select(bookmark)).all():
        if (row.positions.get("opt_outs") or 0) >= told:
            positions = {**row.positions, "opt_outs": _last()}
            connection.execute(sa.update(bookmark).where(bookmark.c.id == row.id).values(positions=positions))
