"""Many rows in one statement; COPY; chunks read ahead.

Many rows in one statement, the same on both databases: they travel as one JSON parameter.

A statement with a thousand parameters is compiled, parsed and planned anew each time, which cost a
sending worker more than the rest of its work. One parameter keeps the statement's text constant.

Thousands of rows into a table at once, their ids taken beforehand: a row costs no statement.

The next rows are read and checked while those before them are stored: the database's time is not waited for.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BindParameter,
    FromClause,
    Select,
    String,
    bindparam,
    cast,
    column,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

# No object of these tables is held in the session: nothing is to be read back or brought up to date.
NO_SYNC = {"synchronize_session": False}


def values_subquery(
    session: Session, values: Collection[int] | Collection[str], kind: type[TypeEngine[Any]]
) -> Select[Any]:
    """`values` as a subquery of one column, for `.in_(…)`."""
    sent = bindparam(None, json.dumps(list(values)), type_=String, unique=True)
    return _listed(sent, kind, is_postgresql=_is_postgresql(session))


def values_parameter(parameter: str, kind: type[TypeEngine[Any]], *, is_postgresql: bool) -> Select[Any]:
    """As `listed`, for a statement that is made once: `parameter` is given with it, as JSON."""
    return _listed(bindparam(parameter, type_=String), kind, is_postgresql=is_postgresql)


def _listed(sent: BindParameter[Any], kind: type[TypeEngine[Any]], *, is_postgresql: bool) -> Select[Any]:
    if is_postgresql:
        value = func.json_array_elements_text(cast(sent, JSON)).table_valued("value").c.value
        return select(cast(value, kind))
    return select(func.json_each(sent).table_valued("value").c.value)


def rows_json(data: Collection[Mapping[str, Any]]) -> str:
    """How `rows` sends its data."""
    return json.dumps(list(data), ensure_ascii=False)


def rows_table(
    session: Session,
    columns: Mapping[str, type[TypeEngine[Any]]],
    data: Collection[Mapping[str, Any]] | BindParameter[str],
) -> FromClause:
    """`data` as a table with these columns: numbers and texts only. What a row leaves out is NULL.

    For a statement that is made once and used again and again: the parameter that will carry `as_text` of it.
    """
    sent = (
        data
        if isinstance(data, BindParameter)
        else bindparam(None, rows_json(data), type_=String, unique=True)
    )
    if _is_postgresql(session):
        named = [column(name, kind()) for name, kind in columns.items()]
        return func.json_to_recordset(cast(sent, JSON)).table_valued(*named).render_derived(with_types=True)
    each = func.json_each(sent).table_valued("value").c.value
    return select(
        *(func.json_extract(each, f"$.{name}", type_=kind()).label(name) for name, kind in columns.items())
    ).subquery()


def insert_missing(session: Session, table: type[Any], data: Collection[Mapping[str, Any]]) -> None:
    """Insert rows; those whose key is there already are left as they are, also while somebody else adds them."""
    insert = postgresql_insert if _is_postgresql(session) else sqlite_insert
    session.execute(insert(table).values(list(data)).on_conflict_do_nothing())


@contextmanager
def full_scan(session: Session) -> Iterator[None]:
    """For a statement over all people: no nested loops, no compiling.

    PostgreSQL knows nothing of how many rows come out of a statement's own parts, guesses a few, and would then walk a
    million rows for each of a hundred thousand.
    """
    if _is_postgresql(session):
        for setting in ("enable_nestloop = off", "jit = off", "work_mem = '64MB'"):
            session.execute(text(f"SET LOCAL {setting}"))
    yield
    if _is_postgresql(session):
        for setting in ("enable_nestloop", "jit", "work_mem"):
            session.execute(text(f"SET LOCAL {setting} TO DEFAULT"))


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


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
def gc_paused() -> Iterator[None]:
    """Rows make no circles: looking for some among all that the process holds would cost an import a fifth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def reserve_ids(session: Session, table: FromClause, count: int) -> list[int]:
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


# Seconds. Whoever comes back from the database for a moment need not wait for the reader's next 5 ms.
_TURN = 0.002


def prefetch_chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of `size` rows, the last one shorter, each made in a thread while the caller has the one before it.

    What `rows` raises, it raises here. No more than two lists are held.
    """
    lists = chunks(rows, size)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(next, lists, None)
            while chunk := coming.result():
                coming = reader.submit(next, lists, None)
                yield chunk
    finally:
        sys.setswitchinterval(before)
