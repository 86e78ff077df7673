"""Thousands of rows into a table at once, their ids taken beforehand: a row costs no statement."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import FromClause, func, select, text
from sqlalchemy.orm import Session

Row = TypeVar("Row")
# The sequence is looked up once (OFFSET keeps it so): with each id it would cost an import a twentieth of its time.
_TAKE_IDS = text("""
SELECT array_agg(nextval(its.sequence))
FROM (SELECT CAST(pg_get_serial_sequence(:table, 'id') AS regclass) AS sequence OFFSET 0) AS its,
     generate_series(1, :count)
""")


def chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of `size` rows, the last one shorter."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Rows make no circles: looking for some among all that the process holds would cost an import a fifth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def take_ids(session: Session, table: FromClause, count: int) -> list[int]:
    """Ids for `count` new rows of a table whose key is `id`. On SQLite the write lock makes them ours alone."""
    if not count:
        return []
    if session.get_bind().dialect.name == "postgresql":
        return session.execute(_TAKE_IDS, {"table": str(table), "count": count}).scalar_one()
    last = session.scalar(select(func.max(table.c.id))) or 0
    return list(range(last + 1, last + 1 + count))


def insert_rows(
    session: Session,
    table: FromClause,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    always: Mapping[str, datetime | int] | None = None,
) -> None:
    """Insert rows of plain texts, numbers and moments; `always` is the same in each. Defaults are not applied."""
    if not rows:
        return
    always = always or {}
    names = ", ".join(f'"{name}"' for name in (*columns, *always))
    if session.get_bind().dialect.name == "postgresql":
        same = tuple(map(str, always.values()))  # written out once, not with each row
        cursor = session.connection().connection.cursor()
        with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row + same)
        return
    tail = tuple(map(_for_sqlite, always.values()))
    marks = ", ".join("?" * (len(columns) + len(always)))
    statement = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own tables
    session.connection().exec_driver_sql(statement, [row + tail for row in rows])


def _for_sqlite(value: datetime | int) -> str | int:
    # As SQLAlchemy writes a moment.
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value
