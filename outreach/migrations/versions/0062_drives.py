# ruff: noqa: S608 - no value comes from outside
"""Figures, campaigns and reports belong to a drive: a kind and a period

What exists moves into one drive of each kind that has campaigns or goals; figures that carried no kind are those of the
report's kind. Campaigns that the report left out by its first day become a drive of their own, which ended the day before.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from outreach.core.schema import redeclare

revision = "0062_drives"
down_revision = "0060_urgent"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BY_KIND = ("campaigns", "goals", "denominators")
_WITHOUT_KIND = (
    "agency_links",
    "agency_reports",
    "official_installs",
    "activities",
    "report_forms",
    "report_links",
    "report_mails",
    "report_issues",
    "report_days",
)
_TITLES = {
    "bluezone": "Cài đặt ứng dụng Bluezone",
    "tiem-chung": "Tiêm vắc xin",
    "bao-lu": "Chuẩn bị tránh bão, lũ",
}
_INDEXES = {
    "goals": (("kind", "scope"), ("drive_id", "scope")),
    "denominators": (("kind", "scope"), ("drive_id", "scope")),
    "agency_reports": (("organisation_id", "day", "id"), ("drive_id", "organisation_id", "day", "id")),
    "official_installs": (("area_code", "day", "id"), ("drive_id", "area_code", "day", "id")),
}
# Tables whose keys change: on SQLite they are made anew, with those that refer to them.
_KEYS = {
    "report_days": ("PRIMARY KEY", "pk_report_days", ("day",), "pk_report_days", ("drive_id", "day")),
    "report_issues": (
        "UNIQUE",
        "uq_report_issues_day_n",
        ("day", "n"),
        "uq_report_issues_drive_id_day_n",
        ("drive_id", "day", "n"),
    ),
}
_MADE_ANEW = ("report_files", "report_mails", "report_days", "report_issues")


def upgrade() -> None:
    op.create_table(
        "drives",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=False),
        sa.Column("ends_on", sa.String(length=10), nullable=True),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", _ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_drives_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drives")),
        sa.UniqueConstraint("name", name=op.f("uq_drives_name")),
    )
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for table in (*_BY_KIND, *_WITHOUT_KIND):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN drive_id {'INTEGER' if is_sqlite else 'BIGINT'}"
            f" CONSTRAINT fk_{table}_drive_id REFERENCES drives (id)"
        )
    _move_into_drives(op.get_bind())
    for table, (before, after) in _INDEXES.items():
        op.drop_index(f"ix_{table}_{'_'.join(before)}", table_name=table)
        op.create_index(f"ix_{table}_{'_'.join(after)}", table, list(after), unique=False)
    for table in ("goals", "denominators"):
        op.drop_column(table, "kind")
    if not is_sqlite:
        for table in (*_BY_KIND, *_WITHOUT_KIND):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN drive_id SET NOT NULL")
        for table, (kind, old, _before, new, after) in _KEYS.items():
            op.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {old}, ADD CONSTRAINT {new} {kind} ({', '.join(after)})"
            )
        return
    optional, required = "drive_id INTEGER CONSTRAINT", "drive_id INTEGER NOT NULL CONSTRAINT"
    for table in (*_BY_KIND, *_WITHOUT_KIND):
        if table not in _MADE_ANEW:
            redeclare(table, optional, required)
    _make_anew(lambda table, declared: _with_key(table, declared.replace(optional, required), newer=True))


def _move_into_drives(connection: sa.Connection) -> None:
    form = connection.execute(sa.text("SELECT data FROM report_forms ORDER BY id DESC LIMIT 1")).scalar()
    form = json.loads(form) if isinstance(form, str) else form or {}
    counted: dict[str, datetime | str] = {}
    for kind, first in connection.execute(
        sa.text("SELECT kind, min(coalesce(launched_at, created_at)) FROM campaigns GROUP BY kind")
    ):
        counted[kind] = first
    for table in ("goals", "denominators"):
        for kind in connection.scalars(sa.text(f"SELECT DISTINCT kind FROM {table}")):
            counted.setdefault(kind, datetime.now(UTC))
    main = form.get("kind") or ("bluezone" if "bluezone" in counted else next(iter(counted), "bluezone"))
    if any(connection.execute(sa.text(f"SELECT 1 FROM {table} LIMIT 1")).first() for table in _WITHOUT_KIND):
        counted.setdefault(main, datetime.now(UTC))
    since = form.get("since") or ""
    for kind in sorted(
        counted, key=lambda kind: kind == main
    ):  # the report's kind last: it is the chosen one
        started = _day(counted[kind])
        title = _TITLES.get(kind, kind)
        if kind == main and since and started < since:
            ended = (date.fromisoformat(since) - timedelta(days=1)).isoformat()
            earlier = _add(connection, kind, f"{title} (trước {_written(since)})", started, ended)
            connection.execute(
                sa.text("UPDATE campaigns SET drive_id = :drive WHERE kind = :kind AND launched_at < :since"),
                {"drive": earlier, "kind": kind, "since": _midnight(since, connection.dialect.name)},
            )
            started = since
        drive = _add(connection, kind, title, started, None)
        for table in _BY_KIND:
            connection.execute(
                sa.text(f"UPDATE {table} SET drive_id = :drive WHERE kind = :kind AND drive_id IS NULL"),
                {"drive": drive, "kind": kind},
            )
        if kind == main:
            for table in _WITHOUT_KIND:
                connection.execute(sa.text(f"UPDATE {table} SET drive_id = :drive"), {"drive": drive})
    # What names a campaign belongs where the campaign does.
    for table in ("activities", "goals", "denominators"):
        connection.execute(
            sa.text(
                f"UPDATE {table} SET drive_id = (SELECT c.drive_id FROM campaigns c WHERE c.id = {table}.campaign_id)"
                " WHERE campaign_id IS NOT NULL"
            )
        )


def _add(connection: sa.Connection, kind: str, name: str, started: str, ended: str | None) -> int:
    now: Any = datetime.now(UTC)
    if connection.dialect.name == "sqlite":
        now = f"{now:%Y-%m-%d %H:%M:%S.%f}"
    values = {"kind": kind, "name": name[:120], "started": started, "ended": ended, "now": now}
    connection.execute(
        sa.text(
            "INSERT INTO drives (kind, name, starts_on, ends_on, chosen_at, created_at)"
            " VALUES (:kind, :name, :started, :ended, :now, :now)"
        ),
        values,
    )
    return int(connection.scalar(sa.text("SELECT max(id) FROM drives")) or 0)


def _day(moment: datetime | str) -> str:
    """Return the day in Vietnam, which keeps one time all year. SQLite keeps a moment as text in UTC."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (found.astimezone(UTC) + timedelta(hours=7)).date().isoformat()


def _midnight(day: str, dialect: str) -> Any:
    moment = datetime.fromisoformat(f"{day}T00:00:00+07:00").astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}" if dialect == "sqlite" else moment


def _written(day: str) -> str:
    return f"{date.fromisoformat(day):%d/%m/%Y}"


def downgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    # Of several drives the one chosen last keeps its reports and figures.
    kept = connection.scalar(sa.text("SELECT id FROM drives ORDER BY chosen_at DESC, id DESC LIMIT 1")) or 0
    others = "(SELECT id FROM report_issues WHERE drive_id <> :kept)"
    for statement in (
        f"DELETE FROM report_files WHERE issue_id IN {others}",
        *(f"DELETE FROM {table} WHERE drive_id <> :kept" for table in reversed(_WITHOUT_KIND)),
    ):
        connection.execute(sa.text(statement), {"kept": kept})
    for table in ("goals", "denominators"):
        op.add_column(table, sa.Column("kind", sa.String(length=40), nullable=True))
        op.execute(f"UPDATE {table} SET kind = (SELECT d.kind FROM drives d WHERE d.id = {table}.drive_id)")
    if is_sqlite:
        for table in ("goals", "denominators"):
            redeclare(table, "kind VARCHAR(40)", "kind VARCHAR(40) NOT NULL")
        _make_anew(lambda table, declared: _with_key(table, declared, newer=False))
    else:
        for table in ("goals", "denominators"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN kind SET NOT NULL")
        for table, (kind, old, before, new, _after) in _KEYS.items():
            op.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {new}, ADD CONSTRAINT {old} {kind} ({', '.join(before)})"
            )
    for table, (before, after) in _INDEXES.items():
        op.drop_index(f"ix_{table}_{'_'.join(after)}", table_name=table)
        op.create_index(f"ix_{table}_{'_'.join(before)}", table, list(before), unique=False)
    for table in (*_BY_KIND, *_WITHOUT_KIND):
        op.drop_column(table, "drive_id")
    op.drop_table("drives")


def _with_key(table: str, declared: str, *, newer: bool) -> str:
    """Return a table's declaration with its key by the newer or the earlier columns."""
    if table not in _KEYS:
        return declared
    kind, old, before, new, after = _KEYS[table]
    written = (
        f"CONSTRAINT {old} {kind} ({', '.join(before)})",
        f"CONSTRAINT {new} {kind} ({', '.join(after)})",
    )
    was, becomes = written if newer else written[::-1]
    assert declared.count(was) == 1, (table, declared)
    return declared.replace(was, becomes)


def _make_anew(change: Any) -> None:
    """Make the report's tables anew on SQLite, which cannot change a key: the referring ones go first and come last."""
    connection = op.get_bind()
    declared = {table: change(table, _declared(connection, table)) for table in _MADE_ANEW}
    indexes = connection.scalars(
        sa.text(
            f"SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {_MADE_ANEW}"
        )
    ).all()
    for table in _MADE_ANEW:
        connection.exec_driver_sql(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
        connection.exec_driver_sql(f"DROP TABLE {table}")
    for table in reversed(_MADE_ANEW):
        connection.exec_driver_sql(declared[table])
        connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        connection.exec_driver_sql(f"DROP TABLE kept_{table}")
    for index in indexes:
        connection.exec_driver_sql(index)


def _declared(connection: sa.Connection, table: str) -> str:
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"
    return str(connection.scalar(sa.text(query), {"table": table}))
