"""Servers of a benchmark run; and databases filled by a few SQL statements: people, a campaign that is being sent, a province during its
third message.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import select, text

import outreach.places
from benchmarks import gateway
from benchmarks.measures import answers, wait_until
from campaigns.answer_totals import recount
from campaigns.lifecycle import change_campaign, create_campaign
from campaigns.models.campaigns import Campaign
from campaigns.planning.kinds import load_kinds
from campaigns.rules.approvals import LaunchTerms
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction
from campaigns.sweep import sweep
from outreach.accounts.users import create_organisation, create_user, find_user
from outreach.core.db import Database
from outreach.core.schema import upgrade
from outreach.core.settings import Settings
from outreach.models.accounts import OrganisationKind, Role
from outreach.models.contacts import ContactList
from outreach.places.areas import load_areas
from outreach.runtime import Runtime, open_runtime
from outreach.use_cases import transaction
from tests.support import servers
from tests.support.processes import Processes

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
    postgres: servers.Server
    redis: servers.Server
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
        url = servers.create_database(self.postgres.url, template)
        try:
            if template is None:
                db = Database(url)
                upgrade(db)
                db.close()
            yield url
        finally:
            servers.drop_database(url)


@contextmanager
def ground() -> Iterator[Ground]:
    """Start PostgreSQL and Redis for this run, and compile the gateway."""
    folder = servers.make_folder()
    try:
        program = gateway.build(folder)
        redis = servers.start_redis(folder)
        postgres = servers.start_postgres(folder, POSTGRES)
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


# The rows of a launch and its sending; every `of`-th message has been sent.
_CAMPAIGN = (
    # Without checking foreign keys row by row.
    "SET LOCAL session_replication_role = replica",
    "UPDATE steps SET opened_at = now()",
    """INSERT INTO recipients (id, campaign_id, contact_id, phone_id)
       SELECT i, :campaign, i, i FROM generate_series(1, CAST(:count AS int)) i""",
    """INSERT INTO messages (id, kind, campaign_id, step_id, recipient_id, phone_id, state)
       SELECT i, 'step', :campaign, (SELECT min(id) FROM steps), i, i,
              CASE WHEN i % :of = 0 THEN :state ELSE 'queued' END
       FROM generate_series(1, CAST(:count AS int)) i""",
    """INSERT INTO outbox (message_id, stream_id, not_before, n, throttled)
       SELECT i, :campaign, now(), 1, 0 FROM generate_series(1, CAST(:count AS int)) i WHERE i % :of <> 0""",
    """INSERT INTO attempts (id, message_id, n, phone_id, stream_id, state, worker, body, segments, claimed_at,
                             times_absent, gateway_id, settled_at)
       SELECT i, i, 1, i, :campaign, :state, 'earlier', 'Chao ong/ba, moi cai Bluezone', 1,
              now() - interval '1 hour', 0, 'SM' || md5(i::text), now()
       FROM generate_series(CAST(:of AS int), CAST(:count AS int), CAST(:of AS int)) i""",
    """INSERT INTO tallies (stream_id, state, cause, n, segments, at)
       SELECT stream_id, state, NULL, COUNT(*), SUM(segments), now() FROM attempts GROUP BY stream_id, state""",
    "UPDATE campaigns SET recipients = :count WHERE id = :campaign",
    *(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :count)"
        for table in ("recipients", "messages", "attempts")
    ),
)


def fill_campaign(runtime: Runtime, count: int, *, sent_of: int, state: str) -> int:
    """Fill an empty database with a campaign of `count` messages. Returns its id.

    Each `sent_of`-th message is in `state`, the others in the outbox. A message has the same id as its attempt, its
    recipient and its phone.
    """
    add_people(runtime.db, count)
    campaign = approve_campaign(runtime)
    launch(runtime, campaign)
    parameters = {"count": count, "campaign": campaign, "of": sent_of, "state": state}
    with runtime.db.write() as session:
        for statement in _CAMPAIGN:
            session.execute(text(statement), parameters)
        recount(session, campaign)
    return campaign


@contextmanager
def campaign_of(on: Ground, count: int, *, sent_of: int, state: str) -> Iterator[tuple[str, Runtime]]:
    """Create a database with the campaign of `fill_campaign`."""
    with on.database() as url:
        runtime = open_runtime(on.settings(url))
        try:
            fill_campaign(runtime, count, sent_of=sent_of, state=state)
            vacuum(runtime.db)
            yield url, runtime
        finally:
            runtime.close()


ORGANISATIONS = ("PN", "ND", "TN", "CCB")
LISTS_EACH = 5
# One person in ten shares the phone of another; one in fifty has a second phone after a shared one.
_VARIETY = (
    "SET LOCAL session_replication_role = replica",
    """UPDATE contacts SET area_code = codes[1 + id % (array_length(codes, 1) + 1)],
              has_smartphone = CASE id % 5 WHEN 0 THEN NULL WHEN 1 THEN false ELSE true END
       FROM (SELECT array_agg(code) AS codes FROM areas WHERE level = 'commune') all_areas""",
    """UPDATE phones SET language = CASE id % 10 WHEN 0 THEN 'sed' WHEN 1 THEN 'bdq' ELSE 'jra' END
       WHERE id % 10 < 3""",
    "UPDATE contact_phones SET phone_id = phone_id - 1 WHERE contact_id % 10 = 0",
    "INSERT INTO contact_phones (contact_id, phone_id, position) SELECT id, id, 2 FROM contacts WHERE id % 50 = 0",
    """INSERT INTO memberships (list_id, contact_id, unit)
       SELECT :first + id / 3 % :lists, id, '' FROM contacts WHERE id % 3 = 0""",
    """UPDATE recipients SET answer = CASE WHEN id % 10 < 2 THEN 'installed' ELSE 'need_help' END, answered_at = now()
       WHERE id % 10 < 3""",
)


def add_variety(db: Database) -> list[str]:
    """Vary a database filled by `campaign_of`. Returns the names of the new lists, as in campaign forms."""
    now = datetime.now(UTC)
    names = []
    with db.write() as session:
        load_areas(session, Path(next(iter(outreach.places.__path__)), "kontum_units.csv"))
        lists = []
        for code in ORGANISATIONS:
            owner = create_organisation(
                session, code=code, name=code, kind=OrganisationKind.MASS, parent_code="MTTQ"
            )
            for n in range(LISTS_EACH):
                lists.append(ContactList(organisation_id=owner.id, name=f"Danh sách {n}", created_at=now))
                names.append(f"{code}/Danh sách {n}")
        session.add_all(lists)
        session.flush()
        parameters = {"first": min(item.id for item in lists), "lists": len(lists)}
        for statement in _VARIETY:
            session.execute(text(statement), parameters if ":first" in statement else {})
        for campaign_id in session.scalars(select(Campaign.id)):
            recount(session, campaign_id)
    return names


# Of twenty messages one was refused, one was not delivered, three have no report.
_OUTCOME = """CASE WHEN i % 20 = 0 THEN 'failed' WHEN i % 20 = 1 THEN 'undelivered'
                  WHEN i % 20 < 5 THEN 'no_report' ELSE 'delivered' END"""
_CAUSE = "CASE WHEN i % 20 < 2 THEN CASE WHEN i % 3 = 0 THEN 'bad_number' ELSE 'unreachable' END END"
# The first step exists and is delivered; the last `waiting` messages of the third are in the outbox.
_PROVINCE = (
    "SET LOCAL session_replication_role = replica",
    "ANALYZE",  # else the list of each person is looked for in the wrong index
    """UPDATE recipients SET area_code = contacts.area_code,
              list_id = COALESCE(latest.list_id, recipients.list_id),
              exclusion = CASE WHEN recipients.id % 50 = 0 THEN 'opted_out' END,
              clicked_at = CASE WHEN recipients.id % 10 < 2 THEN now() - interval '3 days' END
       FROM contacts LEFT JOIN (SELECT contact_id, max(list_id) AS list_id FROM memberships GROUP BY contact_id) latest
            ON latest.contact_id = contacts.id
       WHERE contacts.id = recipients.contact_id""",
    "DELETE FROM messages WHERE recipient_id % 50 = 0",
    "DELETE FROM attempts WHERE message_id % 50 = 0",
    """INSERT INTO steps (campaign_id, number, after_days, text)
       SELECT :campaign, n, 2, text FROM steps, generate_series(2, CAST(:last AS int)) n WHERE campaign_id = :campaign AND number = 1""",
    """UPDATE steps SET opened_at = now() - CASE number WHEN 1 THEN interval '4 days' WHEN :last THEN interval '2 hours'
                                                        ELSE interval '2 days' END""",
    f"""INSERT INTO messages (id, kind, campaign_id, step_id, recipient_id, phone_id, state)
        SELECT i + (number - 1) * CAST(:people AS bigint), 'step', :campaign, steps.id, i, i,
               CASE WHEN number = :last AND i > CAST(:people AS int) - :waiting THEN 'queued' ELSE {_OUTCOME} END
        FROM steps, generate_series(1, CAST(:people AS int)) i
        WHERE campaign_id = :campaign AND number > 1 AND i % 50 <> 0
        ORDER BY number, i""",
    f"""INSERT INTO attempts (id, message_id, n, phone_id, stream_id, state, worker, body, segments, claimed_at,
                              times_absent, gateway_id, settled_at, cause)
        SELECT m.id, m.id, 1, i, :campaign, state, 'earlier', 'Chao ong/ba, moi cai Bluezone', 1,
               now() - interval '30 hours', 0, 'SM' || md5(m.id::text), now(), {_CAUSE}
        FROM (SELECT *, recipient_id AS i FROM messages WHERE step_id > 1 AND state <> 'queued') m""",
    """INSERT INTO outbox (message_id, stream_id, not_before, n, throttled)
       SELECT id, :campaign, now(), 1, 0 FROM messages WHERE state = 'queued'""",
    "DELETE FROM tallies",
    """INSERT INTO tallies (stream_id, state, cause, n, segments, at)
       SELECT stream_id, state, cause, COUNT(*), SUM(segments), now() - interval '1 day' FROM attempts GROUP BY stream_id, state, cause""",
    """INSERT INTO openings (campaign_id, recipient_id, at)
       SELECT :campaign, id, now() - (id % 96) * interval '1 hour' FROM recipients WHERE id % 10 < 4 AND exclusion IS NULL""",
    """INSERT INTO answers (id, recipient_id, campaign_id, phone_id, label, source, at)
       SELECT id, id, :campaign, phone_id, answer, 'page', now() - (id % 96) * interval '1 hour'
       FROM recipients WHERE answer IS NOT NULL""",
    """INSERT INTO install_reports (campaign_id, phone_id, recipient_id, answer_id, source, reported_at)
       SELECT campaign_id, phone_id, recipient_id, id, source, at FROM answers WHERE label = 'installed'""",
    "UPDATE recipients SET answered_at = answers.at FROM answers WHERE answers.recipient_id = recipients.id",
    # Nothing is sent before the measurement starts.
    "UPDATE campaigns SET state = 'paused'",
    *(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
        for table in ("messages", "attempts", "answers", "install_reports")
    ),
)


def fill_province(runtime: Runtime, people: int, *, waiting: int, steps: int) -> None:
    """Fill an empty database with a paused campaign: each step sent to all, the last to all but `waiting` people."""
    fill_campaign(runtime, people, sent_of=1, state="delivered")
    add_variety(runtime.db)
    parameters = {"people": people, "campaign": 1, "waiting": waiting, "last": steps}
    with runtime.db.write() as session:
        for statement in _PROVINCE:
            session.execute(text(statement), {k: v for k, v in parameters.items() if f":{k}" in statement})
        recount(session, 1)
