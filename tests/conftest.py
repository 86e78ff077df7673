"""Servers and databases for every test that asks for them; nothing here starts before it is asked for."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.processes import follow_parent
from tests.servers import create_database, drop_database, make_folder, start_postgres, start_redis


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        # Were pytest killed, a process of pytest-xdist would live on, and its servers with it.
        follow_parent(signal.SIGTERM)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url(servers_folder: Path) -> Iterator[str]:
    """A real Redis of this session's own."""
    server = start_redis(servers_folder)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(servers_folder: Path) -> Iterator[str]:
    """A real PostgreSQL: the one in TEST_POSTGRES_URL, whose user may create databases, or one of our own."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    server = start_postgres(servers_folder)
    yield server.url
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/loa.db"
        return
    url = create_database(request.getfixturevalue("postgres_url"))
    yield url
    drop_database(url)
