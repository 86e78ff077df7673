"""Benchmark of one database with ten million people and twenty million messages, made once and used again.

`python -m benchmarks.scale --people 10000000 --messages 20000000 --folder FOLDER` makes it in FOLDER where it is not
there yet, which takes about an hour and 40 GB; `--people 20000 --messages 40000` shows in a minute that everything runs.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import make_url, select, text

from admin.app import create_app
from benchmarks import callbacks, ground, pages
from benchmarks.__main__ import machine
from benchmarks.measures import show, show_times
from benchmarks.readers import login_form
from campaigns.analytics.campaign_status import keep_counts
from campaigns.analytics.reach import find_disagreements, read_reach
from campaigns.analytics.reach_counts import store_reach
from campaigns.delivery.claim_messages import ClaimSettings, claim
from campaigns.delivery.streams import open_streams
from campaigns.goals.goals import enter_denominator, enter_official, set_goal
from campaigns.models.campaigns import Campaign
from campaigns.planning.audience import delete_reach, store_frozen
from campaigns.planning.drives import open_drive_of
from campaigns.privacy.retention import preview_clear
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.goals import GoalScope, GoalSubject
from campaigns.rules.sending_hours import VIETNAM
from campaigns.sweep import sweep
from outreach.accounts.users import create_user, find_user
from outreach.backups.backups import create_backup
from outreach.core.db import Database
from outreach.core.schema import upgrade
from outreach.models.accounts import Area, AreaLevel, Role
from outreach.rules.quiet_days import NO_DAYS
from outreach.runtime import Runtime, open_runtime
from tests.support.servers import create_database, drop_database, start_postgres, start_redis

PEOPLE, MESSAGES = 10_000_000, 20_000_000
NAME = "scale"
WAITING = 200_000  # messages of the last step that are not sent yet
# As deploy/postgresql has it; while the data are made nothing need survive a crash.
SETTINGS = {**ground.POSTGRES, "shared_buffers": "2GB", "work_mem": "16MB", "random_page_cost": "1.1"}
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
    *("phones", "contacts", "contact_phones", "recipients", "messages"),
    *("attempts", "answers", "install_reports", "outbox"),
)
GB = 2**30
TIMES = 20
CLAIM, CLAIMS = 500, 25
LEADER = "lanhdao0@loa.example"
LEADERS_PAGES = {
    "leader's page": "/admin/progress/?campaign=1",
    "leader's page, a district": "/admin/progress/?campaign=1&district=615",
    "campaign reach": "/admin/campaigns/1/reach/",
}
LISTS = [f"{code}/Danh sách {n}" for code in ground.ORGANISATIONS for n in range(ground.LISTS_EACH)]
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
_CONSTRAINTS = text(
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE contype = 'u' AND conrelid::regclass::text = ANY(:tables) ORDER BY 1, 2"""
)
_INDEXES = text(
    """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(:tables)
       AND indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY tablename, indexname"""
)


_OF = "FROM recipients r JOIN messages m ON m.recipient_id = r.id WHERE r.exclusion IS NULL AND step_id IS NOT NULL AND state"
_TAKEN = "IN ('accepted', 'sent', 'delivered', 'undelivered', 'no_report')"
_PLAIN = {
    "recipients": "SELECT count(*) FROM recipients WHERE campaign_id = 1 AND exclusion IS NULL",
    "written": f"SELECT count(DISTINCT r.id) {_OF} {_TAKEN}",
    "arrived": f"SELECT count(DISTINCT r.id) {_OF} = 'delivered'",
    "sent": f"SELECT count(*) {_OF} {_TAKEN}",
    "delivered": f"SELECT count(*) {_OF} = 'delivered'",
    "failed": f"SELECT count(*) {_OF} IN ('failed', 'undelivered')",
    "waiting": f"SELECT count(*) {_OF} IN ('queued', 'sending', 'unknown')",
    "opened": "SELECT count(*) FROM openings o JOIN recipients r ON r.id = o.recipient_id WHERE exclusion IS NULL",
    "clicked": "SELECT count(*) FROM recipients WHERE clicked_at IS NOT NULL AND exclusion IS NULL",
    "answered": "SELECT count(*) FROM recipients WHERE answer IS NOT NULL AND exclusion IS NULL",
    "installed": """SELECT count(*) FROM install_reports i JOIN recipients r ON r.id = i.recipient_id
                    WHERE withdrawn_at IS NULL AND exclusion IS NULL""",
}


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
        runtime = open_runtime(ground.Ground(folder, postgres, redis, folder).settings(url))
        upgrade(runtime.db)
        with timed("rows and indexes"), timed("rows"), _without_indexes(runtime.db):
            ground.fill_province(runtime, people, waiting=min(WAITING, people // 2), steps=messages // people)
            add_figures(runtime.db)
        with timed("vacuum and statistics"):
            ground.vacuum(runtime.db)
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


def add_figures(db: Database) -> None:
    """Add a leader, goals, a denominator for every area and a week of official installs."""
    now = datetime.now(UTC)
    today = now.astimezone(VIETNAM).date()
    with db.write() as session:
        create_user(session, email=LEADER, password=ground.PASSWORD, role=Role.LEADER, now=now)
        entered: dict[str, Any] = {"user": find_user(session, ground.APPROVER), "now": now}
        drive = open_drive_of(session, DEFAULT_KIND, now=now).id
        province = GoalSubject(drive, GoalScope.RESIDENTS, area="62")
        for subject, share in ((province, "50"), (GoalSubject(drive, GoalScope.STAFF), "100")):
            deadline = (today + timedelta(days=5)).isoformat()
            set_goal(session, subject, share=share, deadline=deadline, basis="", **entered)
        for area in session.scalars(select(Area)).all():
            people = "1200000" if area.code == "62" else "12000"
            owners: dict[str, Any] = {"value": people, "as_of": "2020-08-01", "source": "Sở TT&TT"}
            enter_denominator(session, province._replace(area=area.code), **owners, **entered)
            for ago in range(7) if area.level is AreaLevel.DISTRICT else ():
                figure = {
                    "day": (today - timedelta(days=ago)).isoformat(),
                    "installed": str(9_000 - 100 * ago),
                }
                enter_official(session, drive=drive, area=area.code, source="Sở TT&TT", **figure, **entered)


# -- what is measured; each part leaves the database as it was, but for rows that were changed and changed back


def show_disk(on: ground.Ground, runtime: Runtime, people: int) -> str:
    """Return the largest tables with their indexes."""
    with runtime.db.read() as session:
        rows = session.execute(_SIZES).all()
    shown = []
    for name, count, table, indexes in rows:
        sizes = f"{table / GB:.2f}", f"{indexes / GB:.2f}", f"{(table + indexes) / count:.0f}"
        shown.append([name, f"{count:,.0f}", *sizes])
    whole = sum(table + indexes for _, _, table, indexes in rows) / GB
    return show(["table", "rows", "GB", "indexes, GB", "bytes a row"], shown) + f"\n\n{whole:.1f} GB in all"


def time_claim(runtime: Runtime) -> float:
    """Return the milliseconds to look up the streams, claim CLAIM messages and commit."""
    settings = runtime.settings
    by = replace(ClaimSettings.of(settings, worker="benchmark"), is_live=False, quiet=NO_DAYS)
    now = datetime.now(UTC)
    started = time.perf_counter()
    with runtime.db.read() as session:
        stream = open_streams(session, now=now, is_live=False, quiet=NO_DAYS)[0]
    with runtime.db.write() as session:
        batch = claim(
            session,
            stream,
            by,
            limit=CLAIM,
            segments=float("inf"),
            now=now,
            price_vnd=settings.price_per_segment_vnd,
        )
    took = (time.perf_counter() - started) * 1000
    assert len(batch.claims) + batch.skipped == CLAIM, "the outbox is empty"
    return took


def measure_claims(on: ground.Ground, runtime: Runtime, people: int) -> str:
    with runtime.db.write() as session:
        session.execute(text("UPDATE campaigns SET state = 'sending' WHERE id = 1"))
        waiting, last = session.execute(
            text("SELECT (SELECT count(*) FROM outbox), (SELECT max(id) FROM attempts)")
        ).one()
    took = [time_claim(runtime) for _ in range(min(CLAIMS, waiting // CLAIM))]
    with runtime.db.write() as session:
        for statement in _UNCLAIM:
            session.execute(text(statement), {"last": last} if ":last" in statement else {})
    return show_times(f"ms for {CLAIM} messages", {"a claim": took})


def measure_callbacks(on: ground.Ground, runtime: Runtime, people: int) -> str:
    # Those without a message are not asked about (`province.py`).
    ids = [i for i in range(1, min(people, callbacks.CALLBACKS)) if i % 50][: callbacks.CALLBACKS // 2]
    with runtime.db.write() as session:
        for table in ("attempts", "messages"):
            session.execute(text(f"UPDATE {table} SET state = 'accepted' WHERE id = ANY(:ids)"), {"ids": ids})
    taken, applied = callbacks.time_applying(on, runtime.settings.database_url, ids)
    return f"{2 * len(ids):,} callbacks: {taken:,.0f}/s taken, {applied:,.0f}/s until all are applied"


def measure_pages(on: ground.Ground, runtime: Runtime, people: int) -> str:
    """Measure an officer's pages and a leader's from the launch on: first looks, the worker's counts, and looks after that."""
    on.flush_redis()
    now = datetime.now(UTC)
    with timed("a launch's first figures"), runtime.db.write() as session:
        delete_reach(session, 1)
        store_frozen(session, 1, now=now)
    first_looks = _time_first_looks(runtime)
    began, blocks = time.monotonic(), 0
    while counted := store_reach(runtime.db, 1, now=now + timedelta(seconds=1)):
        blocks += counted
    said = [f"a campaign's reach counted by a worker, {blocks} blocks: {time.monotonic() - began:.1f} s"]
    for what, work in (
        ("the sweep", lambda: sweep(runtime, now=datetime.now(UTC))),
        ("the campaign's messages counted by a worker", lambda: keep_counts(runtime, 1)),
        ("every figure of the reach compared", lambda: say(_compare(runtime.db))),
    ):
        began = time.monotonic()
        work()
        said.append(f"{what}: {time.monotonic() - began:.1f} s")
    lists = [f"MTTQ/{ground.LIST}", *LISTS]
    took, first_count = pages.time_officers_pages(runtime, lists, people=people, times=TIMES)
    client = _signed_in(runtime, LEADER)
    opening = {name: partial(_open, client, path) for name, path in LEADERS_PAGES.items()}
    took |= pages.time_pages(opening, TIMES)
    memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    said.append(f"{first_count}, {memory:,.0f} MB at most")
    first = show_times("the first look, before a worker has counted, ms", first_looks)
    return "\n".join([first, show_times(f"{people:,} people, ms", took), *said])


def _signed_in(runtime: Runtime, email: str) -> FlaskClient:
    client = create_app(runtime.settings).test_client()
    form = login_form(email, client.get("/login").text)
    assert client.post("/login", data=form).status_code == 303
    return client


def _open(client: FlaskClient, path: str, _time: int = 0) -> None:
    assert client.get(path).status_code == 200


def _time_first_looks(runtime: Runtime) -> dict[str, list[float]]:
    """Return the milliseconds of the first look at each page with figures of the campaign, templates not yet compiled."""
    took, campaign = {}, "/admin/campaigns/1/"
    for email, pages_of in ((ground.AUTHOR, {"the campaign": campaign}), (LEADER, LEADERS_PAGES)):
        client = _signed_in(runtime, email)
        for name, path in {"home": "/admin/", **pages_of}.items():
            began = time.perf_counter()
            _open(client, path)
            took[f"{name}, {email.split('@')[0]}"] = [(time.perf_counter() - began) * 1000]
    return took


def _compare(db: Database) -> str:
    """Compare the figures that pages show with plain statements, and all counts as `counters verify` does."""
    with db.read() as session:
        total = read_reach(session, session.get_one(Campaign, 1), seen=None, now=datetime.now(UTC)).total
        for name, statement in _PLAIN.items():
            counted = session.scalar(text(statement))
            assert getattr(total, name) == counted, (name, getattr(total, name), counted)
        compared, wrong = find_disagreements(session)
    assert wrong == [], wrong[:5]
    return f"{len(_PLAIN)} figures equal to plain SQL, {compared:,} counts equal to others"


def measure_retention(on: ground.Ground, runtime: Runtime, people: int) -> str:
    """Preview what clearing the large campaign would remove."""
    began = time.monotonic()
    with runtime.db.read() as session:
        large = preview_clear(session, 1, days=180, now=datetime.now(UTC) + timedelta(days=400))
    return f"told beforehand of {large['people']:,} people: {time.monotonic() - began:.1f} s"


def measure_backup(on: ground.Ground, runtime: Runtime, people: int) -> str:
    key, now = runtime.settings.secret_key, datetime.now(UTC)
    made = create_backup(runtime.db, on.folder / "backups", secret_key=key, keep=1, now=now)
    memory = getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024
    return f"{made.size / GB:.2f} GB in {made.seconds:.0f} s, the largest program {memory:,.0f} MB"


PARTS: dict[str, Callable[[ground.Ground, Runtime, int], str]] = {
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
        on = ground.Ground(folder, postgres, redis, folder)
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
