"""The real parts together: a migrated database, Redis, the simulator, and a runtime over them.

The web over the same real parts as the flows have.
"""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from redis import Redis
from sqlalchemy import Engine, create_engine, event
from werkzeug.routing import Rule

from admin.app import create_app
from campaigns.delivery import send_messages
from outreach.core import db
from outreach.core.settings import Settings
from outreach.runtime import Runtime, open_runtime
from tests.support.admin_client import signed_in
from tests.support.mail_server import MailServer, running_mail_server
from tests.support.simulator import RunningSimulator, running_simulator
from tests.support.world import APPROVER, AUTHOR, World


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[RunningSimulator]:
    """One process for all tests of this session; each test gets it empty."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True, scope="session")
def fast_idle() -> Iterator[None]:
    """A sending job in a test ends soon after it has found nothing more: hundreds of them do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send_messages, "IDLE_S", 0.05)
        patch.setattr(send_messages, "RECORD_EVERY_S", 0.02)
        yield


@pytest.fixture(autouse=True, scope="session")
def shared_compilations() -> Iterator[None]:
    """Statements and templates are compiled once, addresses when one is asked for, and PostgreSQL is connected to once.

    Each test has a runtime and an app of its own. With connections of their own as well, tests took half as long again: a new
    process of PostgreSQL reads what the tables are before its first answer.
    """
    compiled: dict[str, Engine] = {}  # by dialect: one that has connected, so that its dialect is set up
    connected: dict[Any, Engine] = {}  # by address, on PostgreSQL

    def create(url: Any, **options: Any) -> Engine:
        if engine := connected.get(url):
            return engine
        engine = create_engine(url, **options)
        if first := compiled.get(engine.dialect.name):
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        else:
            event.listen(engine, "connect", lambda *_: compiled.setdefault(engine.dialect.name, engine))
        if engine.dialect.name == "postgresql":
            connected[url] = engine
            engine.dispose = lambda close=True: None
        return engine

    compile_builder = Rule._compile_builder  # called twice for each of 370 rules: 0.1 s of each app's start

    def compile_at_first_use(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = cache(lambda: compile_builder(rule, append_unknown))
        return lambda self, **values: compiled()(self, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_at_first_use)
        patch.setattr(db, "create_engine", create)
        patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": _CompiledTemplates()})
        yield


class _CompiledTemplates(BytecodeCache):
    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get(bucket.key + bucket.checksum)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key + bucket.checksum] = bucket.code


@pytest.fixture
def simulator(shared_simulator: RunningSimulator) -> RunningSimulator:
    shared_simulator.reset()
    shared_simulator.faults(callbacks_off=True)
    return shared_simulator


@pytest.fixture
def settings(database_url: str, redis_url: str, simulator: RunningSimulator, tmp_path: Path) -> Settings:
    """Short waits, so that what takes minutes in production takes seconds here.

    A gateway's answer may take long on a busy machine: else a test about other things meets unknown outcomes.
    """
    return Settings.from_env(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "tests-only-" + "k" * 32,
            "TWILIO_API_BASE_URL": simulator.url,
            "TWILIO_ACCOUNT_SID": simulator.account_sid,
            "TWILIO_AUTH_TOKEN": simulator.auth_token,
            "SEND_TIMEOUT_S": "10",
            "LEASE_S": "14",
            "RECONCILE_S": "0.2",
            "LIST_DELAY_S": "0",
            "SWEEP_S": "0.5",
            "UPLOADS_DIR": str(tmp_path / "uploads"),
        }
    )


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    opened = open_runtime(settings)
    Redis.from_url(settings.redis_url).flushdb()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def open_site(
    redis_url: str, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[Flask, Runtime]]]:
    """Opens the web over an empty SQLite database for all tests of a module, with what else it sets."""
    opened: list[Runtime] = []

    def start(**environment: str) -> tuple[Flask, Runtime]:
        folder = tmp_path_factory.mktemp("site")
        shutil.copy(migrated_sqlite, folder / "loa.db")
        settings = Settings.from_env(
            {
                "DATABASE_URL": f"sqlite:///{folder}/loa.db",
                "REDIS_URL": redis_url,
                "SECRET_KEY": "tests-only-" + "k" * 32,
                "UPLOADS_DIR": str(folder / "uploads"),
                **environment,
            }
        )
        opened.append(open_runtime(settings))
        opened[-1].redis.flushdb()
        return create_app(settings, runtime=opened[-1]), opened[-1]

    yield start
    for runtime in opened:
        runtime.close()


@pytest.fixture
def world(runtime: Runtime, simulator: RunningSimulator) -> World:
    """An organisation, its people and two officers, ready for a campaign."""
    return World(runtime, simulator)


@pytest.fixture
def client(settings: Settings, runtime: Runtime) -> Iterator[FlaskClient]:
    """A browser before the web."""
    app = create_app(settings, runtime=runtime)
    with app.test_client() as browser:
        yield browser


@pytest.fixture
def author(client: FlaskClient, world: World) -> FlaskClient:
    """The browser, signed in as AUTHOR."""
    return signed_in(client, AUTHOR)


@pytest.fixture
def approver(client: FlaskClient, world: World) -> FlaskClient:
    """The browser, signed in as APPROVER."""
    return signed_in(client, APPROVER)


@pytest.fixture
def box() -> Iterator[MailServer]:
    """A mail server, and what it was given."""
    with running_mail_server() as running:
        yield running
