"""Many rows in one statement, the same on both databases: they travel as one JSON parameter.

A statement with a thousand parameters is compiled, parsed and planned anew each time, which cost a
sending worker more than the rest of its work. One parameter keeps the statement's text constant.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import JSON, BindParameter, Select, String, bindparam, cast, column, func, select, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeEngine

# No object of these tables is held in the session: nothing is to be read back or brought up to date.
UNSYNCED = {"synchronize_session": False}


def listed(
    session: Session, values: Collection[int] | Collection[str], kind: type[TypeEngine[Any]]
) -> Select[Any]:
    """`values` as a subquery of one column, for `.in_(…)`."""
    sent = bindparam(None, json.dumps(list(values)), type_=String, unique=True)
    return _listed(sent, kind, is_postgresql=_is_postgresql(session))


def listed_later(parameter: str, kind: type[TypeEngine[Any]], *, is_postgresql: bool) -> Select[Any]:
    """As `listed`, for a statement that is made once: `parameter` is given with it, as JSON."""
    return _listed(bindparam(parameter, type_=String), kind, is_postgresql=is_postgresql)


def _listed(sent: BindParameter[Any], kind: type[TypeEngine[Any]], *, is_postgresql: bool) -> Select[Any]:
    if is_postgresql:
        value = func.json_array_elements_text(cast(sent, JSON)).table_valued("value").c.value
        return select(cast(value, kind))
    return select(func.json_each(sent).table_valued("value").c.value)


def as_text(data: Collection[Mapping[str, Any]]) -> str:
    """How `rows` sends its data."""
    return json.dumps(list(data), ensure_ascii=False)


def rows(
    session: Session,
    columns: Mapping[str, type[TypeEngine[Any]]],
    data: Collection[Mapping[str, Any]] | BindParameter[str],
) -> FromClause:
    """`data` as a table with these columns: numbers and texts only. What a row leaves out is NULL.

    For a statement that is made once and used again and again: the parameter that will carry `as_text` of it.
    """
    sent = (
        data if isinstance(data, BindParameter) else bindparam(None, as_text(data), type_=String, unique=True)
    )
    if _is_postgresql(session):
        named = [column(name, kind()) for name, kind in columns.items()]
        return func.json_to_recordset(cast(sent, JSON)).table_valued(*named).render_derived(with_types=True)
    each = func.json_each(sent).table_valued("value").c.value
    return select(
        *(func.json_extract(each, f"$.{name}", type_=kind()).label(name) for name, kind in columns.items())
    ).subquery()


def add_missing(session: Session, table: type[Any], data: Collection[Mapping[str, Any]]) -> None:
    """Insert rows; those whose key is there already are left as they are, also while somebody else adds them."""
    insert = postgresql_insert if _is_postgresql(session) else sqlite_insert
    session.execute(insert(table).values(list(data)).on_conflict_do_nothing())


@contextmanager
def over_everybody(session: Session) -> Iterator[None]:
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
