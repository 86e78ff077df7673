"""The audit is a chain: whoever changes, removes or adds an entry behind its back is found out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from outreach.accounts import audit
from outreach.accounts.audit import check_audit, is_due, read_head, read_outside_heads, send_head
from outreach.core.db import Database
from outreach.models.accounts import AuditEvent, AuditValues
from outreach.rules.audit_chain import ChainBreak, ChainFault
from outreach.rules.errors import BadInput
from outreach.runtime import open_runtime
from tests.support.mail_server import running_mail_server
from tests.support.servers import both_databases

NOW = datetime(2020, 8, 12, 3, 4, 5, 678, tzinfo=UTC)


@pytest.fixture
def db(database_url):
    opened = Database(database_url.replace("postgresql://", "postgresql+psycopg://"))
    yield opened
    opened.close()


def note(db, times=1, *, actor_id=7):
    for number in range(times):
        with db.write() as session:
            audit.record(session, "login", f"users:{number}", actor_id, NOW, rows=number)


def correct(db, subject):
    with db.write() as session:
        audit.record_change(session, "contact.correct", subject, 7, NOW, {"name": ("Y Blốc", "Y Blôk")})


def find(db, *anchors):
    with db.read() as session:
        return check_audit(session, anchors).broken


def tamper(db, *statements):
    with db.write() as session:
        for statement in statements:
            session.execute(text(statement))


COPY = (
    "INSERT INTO audit_events (id, at, actor_id, origin, action, subject, details, values_digest, previous, hash)"
    " SELECT {id}, at, actor_id, origin, action, subject, details, values_digest, {previous}, hash"
    " FROM audit_events WHERE id = {of}"
)
FORGERIES = [
    ("who", ["UPDATE audit_events SET actor_id = 8 WHERE id = 4"], ChainBreak(4, ChainFault.CHANGED)),
    (
        "where",
        ["UPDATE audit_events SET origin = '10.0.0.1' WHERE id = 1"],
        ChainBreak(1, ChainFault.CHANGED),
    ),
    ("what", ["UPDATE audit_events SET details = '{}' WHERE id = 6"], ChainBreak(6, ChainFault.CHANGED)),
    (
        "values",
        ["""UPDATE audit_values SET changes = '{"name": ["A", "B"]}' WHERE event_id = 2"""],
        ChainBreak(2, ChainFault.VALUES),
    ),
    ("removed", ["DELETE FROM audit_events WHERE id = 3"], ChainBreak(3, ChainFault.REMOVED)),
    ("removed first", ["DELETE FROM audit_events WHERE id = 1"], ChainBreak(1, ChainFault.REMOVED)),
    ("removed last", ["DELETE FROM audit_events WHERE id >= 5"], ChainBreak(5, ChainFault.REMOVED)),
    (
        "inserted at the end",
        [COPY.format(id=7, of=6, previous="previous")],
        ChainBreak(7, ChainFault.INSERTED),
    ),
    (
        "inserted before all",
        [COPY.format(id=0, of=1, previous="previous")],
        ChainBreak(0, ChainFault.INSERTED),
    ),
    (
        "put in another's place",
        ["DELETE FROM audit_events WHERE id = 4", COPY.format(id=4, of=5, previous="previous")],
        ChainBreak(4, ChainFault.CHANGED),
    ),
]


@both_databases
@pytest.mark.parametrize(
    ("statements", "found"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES]
)
def test_the_first_entry_that_was_forged_is_named(db, statements, found):
    note(db)
    correct(db, "contacts:1")
    note(db, times=4)
    assert find(db) is None
    if "DELETE" in statements[0]:
        statements = ["DELETE FROM audit_values", *statements]
    tamper(db, *statements)
    assert find(db) == found
    # Whoever works is not held up by it, and covers nothing up.
    note(db, times=2)
    assert find(db) == found


def test_a_tail_cut_off_with_the_chains_end_is_told_by_a_head_that_was_noted_elsewhere(db):
    note(db, times=3)
    with db.read() as session:
        noted = read_head(session)
    note(db, times=2)
    assert find(db, noted) is None
    tamper(
        db,
        "DELETE FROM audit_events WHERE id > 2",
        "UPDATE audit_head SET last_id = 2, hash = (SELECT hash FROM audit_events WHERE id = 2)",
    )
    assert find(db) is None
    assert find(db, noted) == ChainBreak(3, ChainFault.REMOVED)
    note(db)
    assert find(db, noted) == ChainBreak(3, ChainFault.CHANGED)


@both_databases
def test_many_at_once_make_one_chain(db):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: note(db, times=6), range(8)))
    with db.read() as session:
        verdict = check_audit(session)
        assert session.scalar(select(func.max(AuditEvent.id))) == 48
    assert (verdict.entries, verdict.broken) == (48, None)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_long_transaction_that_has_noted_something_holds_nobody_up(db):
    noted, over = threading.Event(), threading.Event()

    def work_long():
        with db.write() as session:
            audit.record(session, "register.replace", "registers:1", None, NOW)
            session.flush()
            noted.set()
            assert over.wait(60)

    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(work_long)
        assert noted.wait(60)
        note(db)
        assert not long.done()
        over.set()
        long.result(20)
    with db.read() as session:
        assert session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all() == [
            "login",
            "register.replace",
        ]
    assert find(db) is None


@both_databases
def test_what_was_not_done_is_not_on_record(db):
    def fail():
        with db.write() as session:
            audit.record(session, "login", "users:7", 7, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with db.write() as session:
        audit.record(session, "login", "users:7", 7, NOW)
        session.rollback()
    note(db)
    with db.read() as session:
        assert check_audit(session).entries == 1


def test_erasing_the_values_leaves_the_chain_whole_and_no_way_to_guess_them(db):
    note(db)
    for subject in ("contacts:1", "contacts:2"):
        correct(db, subject)
    with db.write() as session:
        audit.erase_values(session, ["contacts:1"], now=NOW)
    with db.read() as session:
        verdict = check_audit(session)
        kept = {row.event_id: (row.salt, row.changes) for row in session.scalars(select(AuditValues))}
        digests = session.scalars(
            select(AuditEvent.values_digest).where(AuditEvent.values_digest != "")
        ).all()
    assert (verdict.broken, verdict.emptied) == (None, 1)
    assert kept[2] == (None, None)
    assert kept[3][1] == {"name": ["Y Blốc", "Y Blôk"]}
    assert len(set(digests)) == 2  # the same values, salted
    tamper(db, "DELETE FROM audit_values")  # nor is it hidden that values are gone that no erasure emptied
    with db.read() as session:
        assert check_audit(session).emptied == 2


@pytest.fixture
def keyed(settings, tmp_path):
    """An installation whose log's end goes into a file."""
    opened = open_runtime(replace(settings, audit_head_to=(f"file:{tmp_path / 'heads.txt'}",)))
    yield opened
    opened.close()


def test_an_end_that_a_mail_server_rejects_has_not_gone_outside(settings):
    with running_mail_server() as box:
        to = {"smtp_url": box.url, "audit_head_to": ("mail:nobody@loa.example",)}
        opened = open_runtime(replace(settings, **to))
        note(opened.db)
        assert send_head(opened, now=NOW) == 0
        with opened.db.read() as session:
            assert is_due(session, opened.settings, now=NOW)
        opened.close()


def verify(runtime):
    """What `audit verify` finds."""
    with runtime.db.read() as session:
        return check_audit(session, read_outside_heads(runtime.settings)).broken


@both_databases
def test_who_holds_the_database_alone_can_neither_chain_anew_nor_cut_off_the_end(keyed):
    plain = Database(keyed.db.url.render_as_string(hide_password=False))
    note(plain, times=3)  # from before keys
    audit.begin_keyed_chain(keyed, now=NOW)
    audit.begin_keyed_chain(keyed, now=NOW)  # at each upgrade; recorded once
    note(keyed.db, times=2)
    assert send_head(keyed, now=NOW) == 1
    note(keyed.db, times=2)
    assert verify(keyed) is None
    with keyed.db.read() as session:
        assert not is_due(session, keyed.settings, now=NOW)
        assert is_due(session, keyed.settings, now=NOW + timedelta(days=1))
        assert [anchor.id for anchor in read_outside_heads(keyed.settings)] == [6]
    with plain.write() as session:  # who has no key writes an entry that fits the chain as it was before keys
        audit.record(session, "login", "users:7", 7, NOW)
    assert verify(keyed) == ChainBreak(9, ChainFault.CHANGED)
    tamper(
        keyed.db,
        "DELETE FROM audit_values WHERE event_id > 5",
        "DELETE FROM audit_events WHERE id > 5",
        "UPDATE audit_head SET last_id = 5, hash = (SELECT hash FROM audit_events WHERE id = 5)",
    )
    assert verify(keyed) == ChainBreak(6, ChainFault.REMOVED)
    plain.close()
    Path(keyed.settings.audit_head_to[0].removeprefix("file:")).unlink()
    with pytest.raises(BadInput, match="audit_file_missing"):
        verify(keyed)
