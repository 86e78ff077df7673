"""Servers of a benchmark run, and databases filled by SQL."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import text

from benchmarks import gateway
from benchmarks.measures import answers, wait_until
from campaigns.lifecycle import change_campaign, create_campaign
from campaigns.planning.kinds import load_kinds
from campaigns.rules.approvals import LaunchTerms
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction
from campaigns.sweep import sweep
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import create_user, find_user
from outreach.core.db import Database
from outreach.core.schema import upgrade
from outreach.core.settings import Settings
from outreach.models.accounts import OrganisationKind, Role
from outreach.models.contacts import ContactList
from outreach.runtime import Runtime, open_runtime
from outreach.use_cases import transaction
from tests.support.processes import Processes
from tests.support.servers import (
    Server,
    create_database,
    drop_database,
    make_folder,
    start_postgres,
    start_redis,
)

LIST = "Hội viên"
AUTHOR, APPROVER = "canbo@loa.example", "duyet@loa.example"
TERMS = LaunchTerms(approvals=1, estimate_vnd=None)
PASSWORD = "mật khẩu dài"
# One segment for every name below: without accents.
TEXT = "[Chào {name}, ]mời ông/bà cài Bluezone: {link}"
STARTS_WITHIN_S = 120.0
SUPPRESSED_OF = 100  # one number of so many
# As in careful operation: no safety is traded for speed.
POSTGRES = {
    "listen_addresses": "",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
}


@dataclass(frozen=True)
class Ground:
    """Servers of a benchmark run, and its folder."""

    folder: Path
    postgres: Server
    redis: Server
    gateway_program: Path

    def settings(self, database: str, *, gateway_url: str = "http://127.0.0.1:1", **more: Any) -> Settings:
        """Return settings for a database; `more` are further environment variables."""
        return Settings.from_env(
            {
                "DATABASE_URL": database,
                "REDIS_URL": self.redis.url,
                "SECRET_KEY": "benchmarks-only-" + "k" * 32,
                "TWILIO_API_BASE_URL": gateway_url,
                **{name: str(value) for name, value in more.items()},
            }
        )

    def flush_redis(self) -> None:
        Redis.from_url(self.redis.url).flushall()

    def server_pids(self) -> list[int]:
        """Return the ids of PostgreSQL and Redis, whose cost counts for a contestant that uses them."""
        postmaster = (self.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]
        return [int(postmaster), int(Redis.from_url(self.redis.url).info("server")["process_id"])]

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """Create a database, with empty tables or as a copy of `template`, and drop it afterwards."""
        url = create_database(self.postgres.url, template)
        try:
            if template is None:
                db = Database(url)
                upgrade(db)
                db.close()
            yield url
        finally:
            drop_database(url)


@contextmanager
def ground() -> Iterator[Ground]:
    """Start PostgreSQL and Redis for this run, and compile the gateway."""
    folder = make_folder()
    try:
        program = gateway.build(folder)
        redis = start_redis(folder)
        postgres = start_postgres(folder, POSTGRES)
        try:
            yield Ground(folder, postgres, redis, program)
        finally:
            postgres.stop()
            redis.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server(settings: Settings, on: Ground, *, port: int) -> Iterator[Processes]:
    """Run the web with two processes."""
    processes = Processes(settings, on.folder / "web.log")
    try:
        processes.start_web(port, "--workers", "2")
        page = f"http://127.0.0.1:{port}/healthz"
        wait_until(lambda: answers(page), "the web does not start: see web.log", seconds=STARTS_WITHIN_S)
        yield processes
    finally:
        processes.stop()


# -- people and campaigns


def add_people(db: Database, count: int) -> None:
    """Add `count` people with a phone each to the list LIST; every SUPPRESSED_OF-th number has opted out.

    Only for an empty database, as the ids of the rows are fixed.
    """
    now = datetime.now(UTC)
    with db.write() as session:
        front = create_organisation(session, code="MTTQ", name="Ủy ban MTTQ", kind=OrganisationKind.FRONT)
        for email, role in ((AUTHOR, Role.STAFF), (APPROVER, Role.APPROVER)):
            own: dict[str, Any] = {"email": email, "role": role, "organisation_id": front.id}
            create_user(session, password=PASSWORD, now=now, **own)
        contact_list = ContactList(organisation_id=front.id, name=LIST, created_at=now)
        session.add(contact_list)
        session.flush()
        # Without checking foreign keys row by row.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in _PEOPLE:
            session.execute(text(statement), {"count": count, "list": contact_list.id, "of": SUPPRESSED_OF})


_PEOPLE = (
    """INSERT INTO phones (id, e164, reversed, created_at)
       SELECT i, e164, reverse(e164), now()
       FROM (SELECT i, '+849' || lpad(i::text, 8, '0') AS e164 FROM generate_series(1, :count) i) numbers""",
    """INSERT INTO contacts (id, name, name_key, given_key, village, created_at, updated_at)
       SELECT i, 'A Thun ' || i, 'athun' || i, i || '0thun0a0' || chr(9) || i || ' thun a', '', now(), now() FROM generate_series(1, :count) i""",
    "INSERT INTO contact_phones (contact_id, phone_id, position) SELECT i, i, 1 FROM generate_series(1, :count) i",
    "INSERT INTO memberships (list_id, contact_id, unit) SELECT :list, i, '' FROM generate_series(1, :count) i",
    """INSERT INTO wishes (id, scope, source, said_at, learned_at)
       SELECT i, '', 'sms', now(), now() FROM generate_series(CAST(:of AS int), CAST(:count AS int), CAST(:of AS int)) i""",
    "INSERT INTO wish_numbers (wish_id, number_hash, phone_id) SELECT id, md5(id::text), id FROM wishes",
    "SELECT setval(pg_get_serial_sequence('wishes', 'id'), :count)",
    "SELECT setval(pg_get_serial_sequence('phones', 'id'), :count)",
    "SELECT setval(pg_get_serial_sequence('contacts', 'id'), :count)",
)


def approve_campaign(runtime: Runtime, **changes: Any) -> int:
    """Create and approve a campaign to everybody; its limits are never reached. Returns its id."""
    data = {
        "name": "Bluezone",
        "text": TEXT,
        "lists": [LIST],
        "sender": "MTTQ",
        "unaccented": True,
        "cap_per_day": 2,
        "budget_vnd": 2_000_000_000,
        "pace": 50_000,
        **changes,
    }
    now = datetime.now(UTC)
    with runtime.db.write() as session:
        author, approver = find_user(session, AUTHOR), find_user(session, APPROVER)
        campaign = create_campaign(session, read_draft(data, kinds=load_kinds()), user=author, now=now).id
        for action, user in ((CampaignAction.SUBMIT, author), (CampaignAction.APPROVE, approver)):
            change_campaign(session, campaign, action, terms=TERMS, user=user, now=now)
    return campaign


def launch(runtime: Runtime, campaign: int) -> None:
    """Launch an approved campaign, and enqueue the sweep that opens its step, as the page's button does."""
    with transaction(runtime) as session:
        author, now = find_user(session, AUTHOR), datetime.now(UTC)
        change_campaign(session, campaign, CampaignAction.LAUNCH, terms=TERMS, user=author, now=now)


@contextmanager
def ready_to_send(on: Ground, people: int, **changes: Any) -> Iterator[tuple[str, int]]:
    """Create a template database with a paused campaign; yields its URL and the size of the outbox."""
    with on.database() as url:
        runtime = open_runtime(on.settings(url))
        add_people(runtime.db, people)
        campaign = approve_campaign(runtime, **changes)
        launch(runtime, campaign)
        sweep(runtime, now=datetime.now(UTC))
        with runtime.db.write() as session:
            session.execute(text("UPDATE campaigns SET state = 'paused'"))
            waiting = session.execute(text("SELECT count(*) FROM outbox")).scalar_one()
        vacuum(runtime.db)
        runtime.close()
        yield url, waiting


def vacuum(db: Database) -> None:
    """Vacuum and checkpoint, so that PostgreSQL does not do it during a measurement."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
