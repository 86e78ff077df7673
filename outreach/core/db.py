"""Database access: engine, transactions, column types, the base class of all tables, and bulk operations.

`with db.write() as session` is a transaction that commits at the end; the use case opens it, nothing
below it does. `with db.read() as session` sees one snapshot and changes nothing. On SQLite a writer
takes the write lock at BEGIN: a transaction that reads first and writes later would otherwise fail
halfway when another one wrote in between.

Many rows are sent to either database as one JSON parameter. A statement with a thousand parameters is compiled, parsed
and planned anew each time, which cost a sending worker more than the rest of its work. One parameter keeps the
statement's text constant. Bulk inserts reserve the ids beforehand and use COPY on PostgreSQL, so that a row costs no
statement. While a chunk is stored, the next one is read and checked.
"""

import gc
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Engine,
    Enum,
    Executable,
    Float,
    FromClause,
    Index,
    Integer,
    MetaData,
    Select,
    SelectBase,
    String,
    TableClause,
    TypeDecorator,
    bindparam,
    cast,
    column,
    create_engine,
    delete,
    event,
    exists,
    func,
    insert,
    literal,
    literal_column,
    make_url,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.types import TypeEngine

# Told how far long work is, for who waits for it in a terminal; nobody else is told.
watchers: list[Callable[[int], None]] = []


def advance(rows: int) -> None:
    """Say that so many more rows were read or stored."""
    for watcher in watchers:
        watcher(rows)


# What an unavailable database raises; other errors of it are a fault of ours.
DATABASE_AWAY = (OperationalError, InterfaceError, NoConnectionFree)
OVERTAKEN = (IntegrityError, StaleDataError, OperationalError)


def is_overtaken(error: Exception) -> bool:
    """Return whether one of OVERTAKEN says that another transaction was first; done anew, this one may come to its end."""
    is_deadlock = getattr(getattr(error, "orig", None), "sqlstate", None) == "40P01"
    return is_deadlock or not isinstance(error, OperationalError)


# SQLite assigns ids only where the column's type is exactly INTEGER.
T = TypeVar("T")
P = ParamSpec("P")
BigId = BigInteger().with_variant(Integer, "sqlite")


def Key(length: int) -> TypeEngine[str]:
    """Return the column type of a text searched by prefix: sorted by bytes, whatever the locale."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """Time in UTC. Rejects naive values when stored; always aware when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def enum_type(kind: type[StrEnum], *, name: str = "") -> Enum:
    """Return an enum's column type: text with a CHECK named after the class, or `name`."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=24,
        values_callable=lambda members: [member.value for member in members],
        name=name or kind.__name__.lower(),
    )


class Base(DeclarativeBase):
    """Base class of all tables. A column's type follows from its annotation where it names none."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime, float: Float}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class BaseWithId(Base):
    """Base class of tables whose rows have an id of their own."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True, sort_order=-1)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows that meet the condition `where`."""
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))


def is_set(flag: InstrumentedAttribute[bool]) -> ColumnElement[bool]:
    """Return the condition that a flag is set, as a partial index of such rows has it: SQLite takes "flag = 1" for another."""
    return literal_column(f"{flag.class_.__tablename__}.{flag.key}")


def soft_foreign_key(table: str) -> dict[str, Any]:
    """Return the `info` of a column with ids of `table`; a foreign key would be looked up for each row."""
    return {"points_to": table}


def is_referenced(table: TableClause, *, but: Collection[str] = ()) -> ColumnElement[bool]:
    """Return the condition that any row of another table refers to this row by its id.

    It covers all tables loaded in this process except those in `but`. For references without a foreign key
    (`soft_foreign_key`), lock the row `FOR UPDATE` before checking.
    """
    return or_(
        *(
            exists(select(literal(1)).where(column == table.c.id))
            for other in Base.metadata.tables.values()
            for column in other.columns
            if other.name not in but
            and (
                any(key.column is table.c.id for key in column.foreign_keys)
                or column.info.get("points_to") == table.name
            )
        )
    )


# In a session's `info`.
_INSTALLATION, _READ = "installation", "db.read"


@dataclass(frozen=True, slots=True)
class InstallationFacts:
    """What a session knows of whose database it is on: keys that the database does not hold, and whether messages reach real people.

    `audit_keys` are those of the audit log's chain, `number_keys` those of hashes of numbers.
    """

    audit_keys: str = ""
    number_keys: str = ""
    is_live: bool = False


def installation_of(session: Session) -> InstallationFacts:
    """Return the installation whose database a session is on."""
    found: InstallationFacts = session.info[_INSTALLATION]
    return found


def read_once(read: Callable[Concatenate[Session, P], T]) -> Callable[Concatenate[Session, P], T]:
    """Call a function once for the same arguments in a session on one snapshot; in a transaction that writes, each time.

    What it returns is shared and must not be changed. A page asked for the organisations of its user 26 times.
    """

    @wraps(read)
    def look(session: Session, /, *args: P.args, **named: P.kwargs) -> T:
        seen = session.info.get(_READ)
        if seen is None:
            return read(session, *args, **named)
        key = (read, args, *named.items())
        if key not in seen:
            seen[key] = read(session, *args, **named)
        result: T = seen[key]
        return result

    return look


class Database:
    """Database engine of a process. Open no connection before a fork."""

    def __init__(self, url: str) -> None:
        """Create the engine, of an installation without keys as long as `of` names none."""
        self.installation = InstallationFacts()
        self.url = make_url(url)
        self.is_postgresql = self.url.get_backend_name() == "postgresql"
        if self.is_postgresql:
            self.engine = create_engine(
                # An error's text must not contain the numbers and names of its statement.
                self.url,
                pool_size=10,
                max_overflow=10,
                pool_timeout=10,  # seconds; /readyz and a page are to fail rather than wait on
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args=_PG_ARGS,
            )
            event.listen(self.engine, "connect", _set_up_postgresql)
        else:
            self.engine = _create_sqlite_engine(self.url)
        self._write_engine = self.engine.execution_options(writes=True)

    def of(self, installation: InstallationFacts) -> Self:
        """Return the same database for this installation."""
        own = copy(self)
        own.installation = installation
        return own

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction: committed at the end of the block, rolled back by an exception."""
        info = {_INSTALLATION: self.installation}
        with Session(self._write_engine, expire_on_commit=False, info=info) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session on one snapshot; changes are not committed."""
        with Session(self.engine, info={_INSTALLATION: self.installation, _READ: {}}) as session:
            if self.is_postgresql:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    def connect_autocommit(self) -> Connection:
        """Open a connection for single SELECTs without a transaction, which would double their cost.

        For one thread at a time. The caller closes it, and rolls back after each SELECT because of SQLite.
        """
        # On PostgreSQL one round trip in place of three.
        level = {"isolation_level": "AUTOCOMMIT"} if self.is_postgresql else {}
        return self.engine.execution_options(**level).connect()

    def is_pooled(self) -> bool:
        """Check whether PgBouncer or the like stands before PostgreSQL."""
        with self.engine.connect() as connection:
            return _is_pooled(connection.connection.driver_connection)

    def close(self) -> None:
        self.engine.dispose()


def find_row(session: Session, table: type[T], key: int | str | None) -> T | None:
    """Return a row by its key, None without one."""
    return session.get(table, key) if key else None


def id_of(row: BaseWithId | None) -> int | None:
    """Return a row's id, None without a row."""
    return row.id if row else None


def count_rows(session: Session, source: Any, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows a table or a query has that meet the conditions."""
    rows = source.subquery() if isinstance(source, SelectBase) else source
    return session.scalar(select(func.count()).select_from(rows).where(*conditions)) or 0


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def insert_new(session: Session, table: type[Any]) -> Any:
    """Return an INSERT that leaves rows whose key exists as they are, also if another transaction inserts them meanwhile."""
    insert = insert_postgresql if is_postgresql(session) else insert_sqlite
    return insert(table).on_conflict_do_nothing()


def lock_until_end(session: Session, number: int, *, shared: bool = False) -> None:
    """Take the lock of a number until the transaction ends. SQLite has one writer at a time: there it needs none."""
    if is_postgresql(session):
        take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        session.execute(select(take(number)))


def database_now(session: Session) -> datetime:
    """Return the time by the database's clock: the one clock that all hosts share. SQLite's is this host's."""
    if is_postgresql(session):
        return session.execute(select(func.clock_timestamp())).scalar_one().astimezone(UTC)
    return datetime.now(UTC)


SQLITE_BUSY_S = 30
# Memory of a connection; with SQLite's default of 2 MB an import of 100,000 people reads its indexes again and again.
_SQLITE_CACHE_KB = 64 * 1024
# A dead peer must not block a worker for the kernel's two hours.
_PG_ARGS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # Nor for a quarter of an hour if data was in flight when the peer died: then no keepalive is sent.
    "tcp_user_timeout": 20_000,
    "application_name": "loa",
}


def _is_pooled(connection: Any) -> bool:
    """Check whether another process answers than the connection was told at its start: a pooler makes that number up."""
    answers = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    connection.rollback()
    return bool(answers != connection.info.backend_pid)


def _set_up_postgresql(connection: Any, _record: Any) -> None:
    # In transaction mode the next transaction may meet a process of the server that has prepared nothing.
    if _is_pooled(connection):
        connection.prepare_threshold = None


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL mode, which is stored in it. Of several connections to a new file, one does.

    SQLite answers "locked" to the others at once, whatever the busy timeout, so this waits and tries again.
    """
    deadline = time.monotonic() + SQLITE_BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _create_sqlite_engine(url: Any) -> Engine:
    if url.database:
        # If the folder cannot be made, connecting fails later; commands without a database still work.
        with suppress(OSError):
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_S, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is sent below
        # A new file is its owner's alone, whatever the umask: it will hold names and numbers.
        with suppress(OSError):
            if url.database and Path(url.database).stat().st_size == 0:
                Path(url.database).chmod(0o600)
        pragmas = ("synchronous=NORMAL", "foreign_keys=ON", f"cache_size=-{_SQLITE_CACHE_KB}")
        for pragma in (f"busy_timeout={SQLITE_BUSY_S * 1000}", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
        _switch_to_wal(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


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


def delete_rows(session: Session, table: type[Any], *where: ColumnElement[bool]) -> int:
    """Delete the rows that meet these conditions, as `change_rows` does. Returns how many."""
    return change_rows(session, delete(table).where(*where)).rowcount


def values_subquery(
    session: Session, values: Collection[int] | Collection[str], kind: type[TypeEngine[Any]] = BigInteger
) -> Select[Any]:
    """Return `values`, ids if no other kind is named, as a subquery of one column, for `.in_(…)`."""
    parameter = bindparam(None, json.dumps(list(values)), type_=String, unique=True)
    return _values_select(parameter, kind, is_postgresql=is_postgresql(session))


def values_parameter(parameter: str, *, is_postgresql: bool) -> Select[Any]:
    """Return the same for a statement that is built once; its `parameter` takes the values as JSON."""
    return _values_select(bindparam(parameter, type_=String), BigInteger, is_postgresql=is_postgresql)


def _values_select(
    parameter: BindParameter[Any], kind: type[TypeEngine[Any]], *, is_postgresql: bool
) -> Select[Any]:
    if is_postgresql:
        value = func.json_array_elements_text(cast(parameter, JSON)).table_valued("value").c.value
        return select(cast(value, kind))
    return select(func.json_each(parameter).table_valued("value").c.value)


def rows_table(
    session: Session, columns: Mapping[str, type[TypeEngine[Any]]], data: Collection[Mapping[str, Any]]
) -> FromClause:
    """Return `data` as a table with these columns, numbers and texts only; missing values are NULL."""
    parameter = bindparam(None, json.dumps(list(data), ensure_ascii=False), type_=String, unique=True)
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
        change_rows(session, delete(table).where(table.id.in_(values_subquery(session, deleted))))
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


# After a restore the ids go on behind a gap.
_LAST_ID = (
    "SELECT MAX(last) FROM (SELECT MAX(id) AS last FROM {table}"
    " UNION ALL SELECT seq FROM sqlite_sequence WHERE name = :table)"
)


def reserve_ids(session: Session, table: FromClause, count: int) -> list[int]:
    """Reserve ids for `count` new rows of a table. On SQLite the write lock protects them."""
    if not count:
        return []
    if is_postgresql(session):
        return session.execute(_RESERVE_IDS, {"table": str(table), "count": count}).scalar_one()
    last = session.scalar(text(_LAST_ID.format(table=table)), {"table": str(table)}) or 0
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
