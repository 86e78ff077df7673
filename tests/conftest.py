"""Servers and databases for every test that asks for them; nothing here starts before it is asked for."""

import fcntl
import gc
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from xdist.scheduler import LoadScopeScheduling

from deploy.processes import follow_parent
from outreach.accounts import users
from outreach.core.db import Database
from outreach.core.schema import upgrade
from tests.support.servers import (
    DATABASES,
    MigratedDatabase,
    create_database,
    drop_database,
    make_folder,
    start_postgres,
    start_redis,
)

os.environ["LOA_LANG"] = "vi"  # of commands, whatever the machine's locale

# What `make test` leaves to `make test-rest`, beside tests that are marked `rest`: what takes long, of which another test holds
# most, and what hardly any change touches.
REST = tuple(
    f"tests/{folder}/test_{name}.py"
    for folder, names in {
        "browser": "every_screen import kept_form keyboard residents safety second_factor visit_phone",
        "integration/admin": """
            agencies api brakes commands contacts demo drives health import_doubts kinds
            named_in_a_list privacy_requests progress provider refused_forms registers reply_log
            reports second_factor_and_sessions sending setup units_of_another_day users visits
        """,
        "integration/campaigns": """
            after_restore answer_page_asgi answer_totals at_the_door billing
            calendar case_sms_answers concurrent_actions control_phones
            daily_report decide_unknown erase_contact exchange experiments gateway_accounts
            gateway_callbacks gateway_faults gateway_inbox goals health_retention
            interleaved_transactions key_rotation leases list_fields merge_people message_life
            notices one_person own_answers page_messages public_page reach reconcile
            registered_templates reminders repeated_answers reply_channels report_documents
            retention second_wave shared_limits status_adds_up ten_faults two_approvals
            urge_contact urgent_replies user_notices visit_phones warnings_at_night webhooks
        """,
        "integration/outreach": """
            android approval_mail audit backup_files constraints correct_import_issues
            decide_issue decide_issues_alike do_not_call file_reader_bad_files
            gateway_conformance gateway_guide hostile_files import_file import_stories
            issue_other_commune kept_values killed_imports languages merge_contacts
            place_questions schema smpp twilio_list twilio_webhooks undo_import units
        """,
        "integration/simulator": "callbacks faults pages rules twilio_api",
        "integration/workers": """
            cut_off_worker disk_full hosts queues_in_turn servers_away slow_callers supervision
            upgrade web_restarts
        """,
        "project": "names",
    }.items()
    for name in names.split()
)
LONG = ("tests/integration/workers/", "tests/integration/admin/test_walk.py", "tests/browser/")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        # Were pytest killed, a process of pytest-xdist would live on, and its servers with it.
        follow_parent(signal.SIGTERM)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The processes of pytest-xdist share what is migrated once.

    Each has a PostgreSQL of its own: which events are told depends on the transactions that run in all databases of one.
    """
    config = node.config
    if not hasattr(config, "loa_shared"):
        config.loa_shared = make_folder()
    node.workerinput["loa_folder"] = str(config.loa_shared)


def pytest_unconfigure(config: pytest.Config) -> None:
    gc.freeze()  # pytest collects five times at its end, which took 3 s
    if folder := getattr(config, "loa_shared", None):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_finish() -> None:
    """What is loaded by now stays; the rest is collected now and then: by itself Python took a tenth of the suite's time for it."""
    gc.freeze()
    gc.disable()


_ended = count(1)


def pytest_runtest_logfinish() -> None:
    if next(_ended) % 100 == 0:
        gc.collect()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave unread what `make test` leaves out: each of its processes read 3,600 tests for nothing, 20 s of a processor."""
    is_left = config.option.markexpr == "not rest" and collection_path.is_relative_to(config.rootpath)
    return True if is_left and str(collection_path.relative_to(config.rootpath)) in REST else None


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by `-m`
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts processes and waits for them comes first: at the end one worker would wait for the other."""
    for item in items:
        if item.nodeid.startswith(REST):
            item.add_marker(pytest.mark.rest)
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name in one line what was skipped, and the package that brings it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)]
    packages = {found[1] for reason in reasons if (found := re.search(r"apt-get install (\S+)", reason))}
    if skipped:
        line = (
            f"{len(skipped)} tests were skipped; what they need: apt-get install {' '.join(sorted(packages))}"
        )
        terminalreporter.write_line(line, yellow=True)


class OneSite(LoadScopeScheduling):
    """Any test goes to any worker, but all of the browser's to one, as their site is started once, and those of a file
    about the project, which share what they have read of it.

    Groups of pytest-xdist's own (3.8) are without effect under pytest 9.2, which knows no `_nodeid`.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/browser/"):
            return "browser"
        return nodeid.partition("::")[0] if nodeid.startswith("tests/project/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneSite:
    return OneSite(config, log)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest, servers_folder: Path) -> Path:
    """A folder of all processes that run these tests; this one's own where it is alone."""
    given: str = getattr(request.config, "workerinput", {}).get("loa_folder", "")
    return Path(given) if given else servers_folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process after the other make what all use."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/loa.db"
        return
    url = create_database(request.getfixturevalue("postgres_url"))
    yield url
    drop_database(url)


@pytest.fixture(scope="session")
def migrated_sqlite(shared_folder: Path) -> Path:
    """A file at the newest revision, to be copied: migrating anew takes longer than most tests."""
    path = shared_folder / "template.db"
    with _locked(shared_folder):
        if not path.exists():
            db = Database(f"sqlite:///{path}.new")
            upgrade(db)
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
            Path(f"{path}.new").rename(path)
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite database without rows."""
    shutil.copy(migrated_sqlite, tmp_path / "loa.db")
    return f"sqlite:///{tmp_path}/loa.db"


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[MigratedDatabase]:
    """A database at the newest revision, for one test after the other: making one takes longer than most tests."""
    database = MigratedDatabase(create_database(postgres_url))
    yield database
    database.close()
    drop_database(database.url)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.rest)], ids=["some", "all"])
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether a test tries all that it can, or a part that takes seconds."""
    return bool(request.param)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated database without rows: on PostgreSQL, or on what the test is marked with."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    database: MigratedDatabase = request.getfixturevalue("migrated_postgres")
    database.empty()
    return database.url


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hashes that cost little: what is tested is that they are checked, not how hard they are to guess."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield
