"""Benchmark of one database with ten million people and twenty million messages, made once and used again.

`python -m benchmarks.scale --people 10000000 --messages 20000000 --folder FOLDER` makes it in FOLDER where it is not
there yet, which takes about an hour and 40 GB; `--people 20000 --messages 40000` shows in a minute that everything runs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from sqlalchemy import make_url, select, text

from admin.app import create_app
from benchmarks import callbacks, claims, leaders, pages
from benchmarks.__main__ import machine
from benchmarks.ground import LIST, POSTGRES, Ground, approve_campaign, vacuum
from benchmarks.measures import show, show_times
from benchmarks.province import fill_province
from benchmarks.readers import login_form
from benchmarks.variety import LISTS_EACH, ORGANISATIONS
from campaigns.analytics.reach_counts import store_reach
from campaigns.privacy.retention import clear_campaign, preview_clear
from campaigns.sweep import sweep
from outreach.backups.create_backup import create_backup
from outreach.core.db import Database
from outreach.core.schema import upgrade
from outreach.models.contacts import ContactList
from outreach.runtime import Runtime, open_runtime
from tests.support.servers import create_database, drop_database, start_postgres, start_redis

PEOPLE, MESSAGES = 10_000_000, 20_000_000
NAME = "scale"
WAITING = 200_000  # messages of the last step that are not sent yet
# As deploy/postgresql has it; while the data are made nothing need survive a crash.
SETTINGS = {**POSTGRES, "shared_buffers": "2GB", "work_mem": "16MB", "random_page_cost": "1.1"}
MAKING = {
    **SETTINGS,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "1GB",
    "work_mem": "512MB",
    "autovacuum": "off",
    "jit": "off",
}
# Their indexes are made once the rows are there. Memberships are looked up while the others are filled.
_LARGE = (
    "phones",
    "contacts",
    "contact_phones",
    "recipients",
    "messages",
    "attempts",
    "answers",
    "install_reports",
    "outbox",
)
GB = 2**30
TIMES = 20
EXPIRED = 20_000  # people of a campaign that ended long ago
LISTS = [f"{code}/Danh sách {n}" for code in ORGANISATIONS for n in range(LISTS_EACH)]
_SIZES = text(
    """SELECT relname, reltuples, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
       WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > 0
       ORDER BY pg_total_relation_size(oid) DESC LIMIT 12"""
)
_UNCLAIM = (
    "UPDATE campaigns SET state = 'paused' WHERE id = 1",
    """INSERT INTO outbox (message_id, stream_id, not_before, n, throttled)
       SELECT message_id, stream_id, now(), 1, 0 FROM attempts WHERE id > :last""",
    "UPDATE messages SET state = 'queued' WHERE id IN (SELECT message_id FROM attempts WHERE id > :last)",
    "DELETE FROM attempts WHERE id > :last",
)
# People of one list and campaign, which ended more than 180 days ago.
_EXPIRED = (
    "SET LOCAL session_replication_role = replica",
    """INSERT INTO phones (id, e164, reversed, created_at)
       SELECT i, e164, reverse(e164), now()
       FROM (SELECT i, '+849' || lpad(i::text, 8, '0') AS e164 FROM generate_series(CAST(:first AS int), CAST(:last AS int)) i) numbers""",
    """INSERT INTO contacts (id, name, name_key, given_key, village, created_at, updated_at)
       SELECT i, 'A Thun ' || i, 'athun' || i, i || '0thun0a0', '', now() - interval '1 year', now() - interval '1 year'
       FROM generate_series(CAST(:first AS int), CAST(:last AS int)) i""",
    "INSERT INTO contact_phones (contact_id, phone_id, position) SELECT i, i, 1 FROM generate_series(CAST(:first AS int), CAST(:last AS int)) i",
    "INSERT INTO memberships (list_id, contact_id, unit) SELECT :list, i, '' FROM generate_series(CAST(:first AS int), CAST(:last AS int)) i",
    """INSERT INTO recipients (campaign_id, contact_id, phone_id)
       SELECT :campaign, i, i FROM generate_series(CAST(:first AS int), CAST(:last AS int)) i""",
    """INSERT INTO messages (kind, campaign_id, step_id, recipient_id, phone_id, state)
       SELECT 'step', :campaign, (SELECT min(id) FROM steps WHERE campaign_id = :campaign), id, phone_id, 'delivered'
       FROM recipients WHERE campaign_id = :campaign""",
    """INSERT INTO attempts (message_id, n, phone_id, stream_id, state, worker, body, segments, claimed_at,
                             times_absent, gateway_id, settled_at)
       SELECT id, 1, phone_id, :campaign, state, 'earlier', 'Chao ong/ba', 1, now() - interval '1 year',
              0, 'EX' || id, now() FROM messages WHERE campaign_id = :campaign""",
    """UPDATE campaigns SET state = 'completed', created_at = now() - interval '1 year', launched_at = now() - interval '1 year',
              ended_at = now() - interval '1 year', recipients = (SELECT count(*) FROM recipients WHERE campaign_id = :campaign)
       WHERE id = :campaign""",
)
_CONSTRAINTS = text(
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE contype = 'u' AND conrelid::regclass::text = ANY(:tables) ORDER BY 1, 2"""
)
_INDEXES = text(
    """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(:tables)
       AND indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY tablename, indexname"""
)


def say(what: str) -> None:
    print(what, flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took."""
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")


# -- the database


def make(folder: Path, people: int, messages: int) -> None:
    """Make the database in `folder`."""
    postgres, redis = start_postgres(folder, MAKING), start_redis(folder)
    try:
        url = str(make_url(postgres.url).set(database=NAME).render_as_string(hide_password=False))
        drop_database(url)
        create_database(postgres.url, name=NAME)
        runtime = open_runtime(Ground(folder, postgres, redis, folder).settings(url))
        upgrade(runtime.db)
        with timed("rows and indexes"), timed("rows"), _without_indexes(runtime.db):
            fill_province(runtime, people, waiting=min(WAITING, people // 2), steps=messages // people)
            leaders.add_figures(runtime.db)
        with timed("vacuum and statistics"):
            vacuum(runtime.db)
        runtime.close()
    finally:
        postgres.stop()
        redis.stop()


@contextmanager
def _without_indexes(db: Database) -> Iterator[None]:
    """Drop all but the primary keys of large tables, and make them again after the block from tables without dead rows."""
    tables = {"tables": list(_LARGE)}
    with db.engine.begin() as connection:
        constraints = connection.execute(_CONSTRAINTS, tables).all()
        indexes = connection.execute(_INDEXES, tables).all()
        for table, name, _ in constraints:
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        for name, _ in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
    yield
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("contacts", "recipients", "phones", "contact_phones"):  # which were updated
            with timed(f"  {table} packed"):
                connection.execute(text(f"VACUUM FULL {table}"))
        for name, definition in indexes:
            with timed(f"  {name}"):
                connection.execute(text(definition))
        for table, name, definition in constraints:
            with timed(f"  {name}"):
                connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))


# -- what is measured; each part leaves the database as it was, but for rows that were changed and changed back


def show_disk(on: Ground, runtime: Runtime, people: int) -> str:
    """Return the largest tables with their indexes."""
    with runtime.db.read() as session:
        rows = session.execute(_SIZES).all()
    shown = [
        [
            name,
            f"{count:,.0f}",
            f"{table / GB:.2f}",
            f"{indexes / GB:.2f}",
            f"{(table + indexes) / count:.0f}",
        ]
        for name, count, table, indexes in rows
    ]
    whole = sum(table + indexes for _, _, table, indexes in rows) / GB
    return show(["table", "rows", "GB", "indexes, GB", "bytes a row"], shown) + f"\n\n{whole:.1f} GB in all"


def measure_claims(on: Ground, runtime: Runtime, people: int) -> str:
    with runtime.db.write() as session:
        session.execute(text("UPDATE campaigns SET state = 'sending' WHERE id = 1"))
        waiting, last = session.execute(
            text("SELECT (SELECT count(*) FROM outbox), (SELECT max(id) FROM attempts)")
        ).one()
    took = [claims.time_claim(runtime) for _ in range(min(claims.CLAIMS, waiting // claims.CLAIM))]
    with runtime.db.write() as session:
        for statement in _UNCLAIM:
            session.execute(text(statement), {"last": last} if ":last" in statement else {})
    return show_times(f"ms for {claims.CLAIM} messages", {"a claim": took})


def measure_callbacks(on: Ground, runtime: Runtime, people: int) -> str:
    # Those without a message are not asked about (`province.py`).
    ids = [i for i in range(1, min(people, callbacks.CALLBACKS)) if i % 50][: callbacks.CALLBACKS // 2]
    with runtime.db.write() as session:
        for table in ("attempts", "messages"):
            session.execute(text(f"UPDATE {table} SET state = 'accepted' WHERE id = ANY(:ids)"), {"ids": ids})
    taken, applied = callbacks.time_applying(on, runtime.settings.database_url, ids)
    return f"{2 * len(ids):,} callbacks: {taken:,.0f}/s taken, {applied:,.0f}/s until all are applied"


def measure_pages(on: Ground, runtime: Runtime, people: int) -> str:
    """Measure an officer's pages and a leader's. The counts that a worker makes are made before."""
    on.flush_redis()
    said = []
    for what, work in (
        ("the sweep", lambda: sweep(runtime, now=datetime.now(UTC))),
        ("a campaign's reach counted by a worker", lambda: store_reach(runtime.db, 1, now=datetime.now(UTC))),
    ):
        began = time.monotonic()
        work()
        said.append(f"{what}: {time.monotonic() - began:.1f} s")
    lists = [f"MTTQ/{LIST}", *LISTS]
    took, first_count = pages.time_officers_pages(runtime, lists, people=people, times=TIMES)
    client = create_app(runtime.settings).test_client()
    form = login_form("lanhdao0@loa.example", client.get("/login").text)
    assert client.post("/login", data=form).status_code == 303

    def opening(path: str) -> pages.Ask:
        def ask(_: int) -> None:
            assert client.get(path).status_code == 200

        return ask

    took |= pages.time_pages({name: opening(path) for name, path in leaders.PAGES.items()}, TIMES)
    memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    said.append(
        f"a process's first count, when it reads everybody: {first_count:.1f} s, {memory:,.0f} MB at most"
    )
    return "\n".join([show_times(f"{people:,} people, ms", took), *said])


def measure_retention(on: Ground, runtime: Runtime, people: int) -> str:
    """Clear a small campaign of long ago beside the large one, and preview the clearing of the large one."""
    expired = min(EXPIRED, people // 10)
    now = datetime.now(UTC)
    with runtime.db.write() as session:
        owner = session.scalar(select(ContactList.organisation_id).where(ContactList.name == LIST))
        assert owner is not None
        former = ContactList(organisation_id=owner, name=f"{now:%H:%M:%S.%f}", created_at=now)
        session.add(former)
        session.flush()
        list_id, name = former.id, former.name
    campaign = approve_campaign(runtime, lists=[name])
    with runtime.db.write() as session:
        last = session.execute(
            text("SELECT greatest(max(phones.id), (SELECT max(id) FROM contacts)) FROM phones")
        )
        known = int(last.scalar_one())
        ids = {"first": known + 1, "last": known + expired, "list": list_id, "campaign": campaign}
        for statement in _EXPIRED:
            session.execute(text(statement), {k: v for k, v in ids.items() if f":{k}" in statement})
    began = time.monotonic()
    result = clear_campaign(runtime, campaign, days=180, now=now)
    took = time.monotonic() - began
    assert result.people == expired, result
    began = time.monotonic()
    with runtime.db.read() as session:
        large = preview_clear(session, 1, days=180, now=now + timedelta(days=400))
    return (
        f"{result.people:,} people of a campaign of long ago: {took:.1f} s, {result.people / took:,.0f} a second\n"
        f"told beforehand of the large one, {large.people:,} people: {time.monotonic() - began:.1f} s"
    )


def measure_backup(on: Ground, runtime: Runtime, people: int) -> str:
    made = create_backup(
        runtime.db,
        on.folder / "backups",
        secret_key=runtime.settings.secret_key,
        keep=1,
        now=datetime.now(UTC),
    )
    memory = getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024
    return f"{made.size / GB:.2f} GB in {made.seconds:.0f} s, the largest program {memory:,.0f} MB"


PARTS: dict[str, Callable[[Ground, Runtime, int], str]] = {
    "disk": show_disk,
    "claims": measure_claims,
    "callbacks": measure_callbacks,
    "pages": measure_pages,
    "retention": measure_retention,
    "backup": measure_backup,
}


def measure(folder: Path, people: int, names: list[str]) -> None:
    """Measure these parts with the database in `folder`."""
    postgres, redis = start_postgres(folder, SETTINGS), start_redis(folder)
    try:
        on = Ground(folder, postgres, redis, folder)
        url = make_url(postgres.url).set(database=NAME).render_as_string(hide_password=False)
        runtime = open_runtime(on.settings(url))
        upgrade(runtime.db)  # where it was made by an earlier version
        for name in names:
            began = time.monotonic()
            say(f"\n## {name}\n\n{PARTS[name](on, runtime, people)}")
            say(f"\n({time.monotonic() - began:.0f} s)")
        runtime.close()
    finally:
        postgres.stop()
        redis.stop()


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    options.add_argument("--people", type=int, default=PEOPLE)
    options.add_argument("--messages", type=int, default=MESSAGES)
    options.add_argument("--folder", type=Path, required=True, help="where the database is, or is made")
    options.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parsed = options.parse_args(arguments)
    say(machine())
    made = parsed.folder / "made"
    size = f"{parsed.people} {parsed.messages}"
    parsed.folder.mkdir(parents=True, exist_ok=True)
    if not made.exists() or made.read_text() != size:
        made.unlink(missing_ok=True)
        make(parsed.folder, parsed.people, parsed.messages)
        made.write_text(size)
    measure(parsed.folder, parsed.people, parsed.only.split(","))
    return 0


if __name__ == "__main__":
    sys.exit(main())
