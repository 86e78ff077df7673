"""Bulk operations: many rows in one statement, bulk inserts, changes folded into totals, and chunks prefetched in a thread.

Many rows are sent to either database as one JSON parameter. A statement with a thousand parameters is compiled, parsed
and planned anew each time, which cost a sending worker more than the rest of its work. One parameter keeps the
statement's text constant.

Bulk inserts reserve the ids beforehand and use COPY on PostgreSQL, so that a row costs no statement. While a chunk is
stored, the next one is read and checked.
"""

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
    BigInteger,
    BindParameter,
    ColumnElement,
    CursorResult,
    Executable,
    FromClause,
    Select,
    String,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from outreach.core.db import insert_new, is_postgresql
from outreach.core.progress import advance


def change_rows(session: Session, statement: Executable) -> CursorResult[Any]:
    """Run an UPDATE or DELETE of rows that the session holds no objects of, so that none is refreshed."""
    # Without RETURNING it has the number of rows.
    result: Any = session.execute(statement, execution_options={"synchronize_session": False})
    return result


def columns_of(table: Any, names: str) -> list[Any]:
    """Return columns of a table, or their values in a row, by their names, which have spaces between."""
    return [getattr(table, name) for name in names.split()]


def set_columns(session: Session, table: type[Any], *where: ColumnElement[bool], **values: Any) -> int:
    """Set columns of the rows that meet these conditions, as `change_rows` does. Returns how many rows."""
    return change_rows(session, update(table).where(*where).values(values)).rowcount


def values_subquery(
    session: Session, values: Collection[int] | Collection[str], kind: type[TypeEngine[Any]]
) -> Select[Any]:
    """Return `values` as a subquery of one column, for `.in_(…)`."""
    parameter = bindparam(None, json.dumps(list(values)), type_=String, unique=True)
    return _values_select(parameter, kind, is_postgresql=is_postgresql(session))


def values_parameter(parameter: str, kind: type[TypeEngine[Any]], *, is_postgresql: bool) -> Select[Any]:
    """Return the same for a statement that is built once; its `parameter` takes the values as JSON."""
    return _values_select(bindparam(parameter, type_=String), kind, is_postgresql=is_postgresql)


def _values_select(
    parameter: BindParameter[Any], kind: type[TypeEngine[Any]], *, is_postgresql: bool
) -> Select[Any]:
    if is_postgresql:
        value = func.json_array_elements_text(cast(parameter, JSON)).table_valued("value").c.value
        return select(cast(value, kind))
    return select(func.json_each(parameter).table_valued("value").c.value)


def rows_json(data: Collection[Mapping[str, Any]]) -> str:
    """Return rows as the JSON that `rows_table` takes as its parameter."""
    return json.dumps(list(data), ensure_ascii=False)


def rows_table(
    session: Session,
    columns: Mapping[str, type[TypeEngine[Any]]],
    data: Collection[Mapping[str, Any]] | BindParameter[str],
) -> FromClause:
    """Return `data` as a table with these columns, numbers and texts only; missing values are NULL.

    For a statement that is built once, `data` is the parameter that will take the result of `rows_json`.
    """
    parameter = (
        data
        if isinstance(data, BindParameter)
        else bindparam(None, rows_json(data), type_=String, unique=True)
    )
    if is_postgresql(session):
        typed_columns = [column(name, kind()) for name, kind in columns.items()]
        recordset = func.json_to_recordset(cast(parameter, JSON))
        return recordset.table_valued(*typed_columns).render_derived(with_types=True)
    value = func.json_each(parameter).table_valued("value").c.value
    return select(
        *(func.json_extract(value, f"$.{name}", type_=kind()).label(name) for name, kind in columns.items())
    ).subquery()


def insert_missing(session: Session, table: type[Any], data: Collection[Mapping[str, Any]]) -> None:
    """Insert rows; those whose key exists stay as they are, also if inserted concurrently."""
    session.execute(insert_new(session, table).values(list(data)))


def newest_of_each(group: Any, *columns: Any, by: Sequence[Any], where: Sequence[Any]) -> Select[Any]:
    """Return the query for the columns of each group's newest row: the last one in the order of `by`."""
    turn = func.row_number().over(partition_by=group, order_by=[each.desc() for each in by]).label("turn")
    ranked = select(*columns, turn).where(*where).subquery()
    return select(*(each for each in ranked.c if each.name != "turn")).where(ranked.c.turn == 1)


def fold_rows(
    session: Session,
    table: Any,
    key: Sequence[Any],
    sums: Sequence[Any],
    *where: Any,
    newest: Sequence[Any] = (),
) -> int:
    """Merge rows with the same key into one: `sums` added up, of `newest` the latest. Returns how many rows that saved.

    Only rows that were read are deleted: one that is committed meanwhile stays, even if its id is lower.
    """
    columns = [*key, *sums, *newest]
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for row in session.execute(select(*columns, table.id).where(*where).order_by(table.id).with_for_update()):
        alike.setdefault(tuple(row[: len(key)]), []).append(row)
    deleted: list[int] = []
    folded: list[dict[str, Any]] = []
    for of_key, rows in alike.items():
        values = [*zip(*(row[len(key) : -1] for row in rows), strict=True)]
        totals = [sum(each) for each in values[: len(sums)]]
        if len(rows) > 1 or not any(totals):
            deleted += [row.id for row in rows]
            if any(totals):
                latest = [max(each) for each in values[len(sums) :]]
                folded.append(
                    {
                        each.key: value
                        for each, value in zip(columns, (*of_key, *totals, *latest), strict=True)
                    }
                )
    if deleted:
        change_rows(session, delete(table).where(table.id.in_(values_subquery(session, deleted, BigInteger))))
    if folded:
        session.execute(insert(table), folded)
    return len(deleted) - len(folded)


@contextmanager
def full_scan(session: Session) -> Iterator[None]:
    """Set the planner for a statement over all contacts: no nested loops, no JIT compilation.

    PostgreSQL cannot estimate how many rows the parts of such a statement return, guesses a few, and would then scan a
    million rows for each of a hundred thousand.
    """
    if is_postgresql(session):  # in one round trip
        session.execute(
            text("SET LOCAL enable_nestloop = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
        )
    yield
    if is_postgresql(session):
        session.execute(
            text("SET LOCAL enable_nestloop = DEFAULT; SET LOCAL jit = DEFAULT; SET LOCAL work_mem = DEFAULT")
        )


Row = TypeVar("Row")
# The sequence is looked up once (OFFSET ensures that): for each id it would cost an import a twentieth of its time.
_RESERVE_IDS = text("""
SELECT array_agg(nextval(its.sequence))
FROM (SELECT CAST(pg_get_serial_sequence(:table, 'id') AS regclass) AS sequence OFFSET 0) AS its,
     generate_series(1, :count)
""")


def chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield lists of `size` rows; the last one may be shorter."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        advance(len(chunk))
        yield chunk


@contextmanager
def gc_paused() -> Iterator[None]:
    """Make garbage collection rare: rows form no cycles, and it would cost an import a fifth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def reserve_ids(session: Session, table: FromClause, count: int) -> list[int]:
    """Reserve ids for `count` new rows of a table. On SQLite the write lock protects them."""
    if not count:
        return []
    if is_postgresql(session):
        return session.execute(_RESERVE_IDS, {"table": str(table), "count": count}).scalar_one()
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
    """Insert rows with the values of `always` in each; column defaults are not applied."""
    if not rows:
        return
    always = always or {}
    names = ", ".join(f'"{name}"' for name in (*columns, *always))
    if is_postgresql(session):
        tail = tuple(map(str, always.values()))  # converted once, not for each row
        cursor = session.connection().connection.cursor()
        with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row + tail)
        return
    sqlite_tail = tuple(map(_for_sqlite, always.values()))
    marks = ", ".join("?" * (len(columns) + len(always)))
    statement = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own tables
    session.connection().exec_driver_sql(statement, [(*map(_for_sqlite, row), *sqlite_tail) for row in rows])


def _for_sqlite(value: Any) -> Any:
    # The format in which SQLAlchemy stores a time.
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value


# Seconds, in place of 5 ms: the storing thread waits less for the reading thread when the database has answered.
_SWITCH_INTERVAL = 0.002


def prefetch_chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield lists of `size` rows, each read in a thread while the caller works on the one before it.

    The last one may be shorter. An exception of `rows` is raised here. At most two lists are in memory.
    """
    lists = chunks(rows, size)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        with ThreadPoolExecutor(1) as reader:
            future = reader.submit(next, lists, None)
            while chunk := future.result():
                future = reader.submit(next, lists, None)
                yield chunk
    finally:
        sys.setswitchinterval(before)
