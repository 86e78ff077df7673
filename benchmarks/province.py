"""Database of a province during its third message: areas, lists, three steps, outcomes, answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from benchmarks.campaign_data import fill_campaign
from benchmarks.ground import Ground, vacuum
from benchmarks.variety import add_variety
from campaigns.answer_totals import recount
from outreach.runtime import Runtime, open_runtime

# Of twenty messages one was refused, one was not delivered, three have no report.
_OUTCOME = """CASE WHEN i % 20 = 0 THEN 'failed' WHEN i % 20 = 1 THEN 'undelivered'
                  WHEN i % 20 < 5 THEN 'no_report' ELSE 'delivered' END"""
_CAUSE = "CASE WHEN i % 20 < 2 THEN CASE WHEN i % 3 = 0 THEN 'bad_number' ELSE 'unreachable' END END"
# The first step exists and is delivered; the last `waiting` messages of the third are in the outbox.
_FILL = (
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


def fill_province(runtime: Runtime, people: int, *, waiting: int, steps: int = 3, province: str = "") -> None:
    """Fill an empty database with a paused campaign: each step sent to all, the last to all but `waiting` people.

    `province` as `add_variety` takes it.
    """
    fill_campaign(runtime, people, sent_of=1, state="delivered")
    add_variety(runtime.db, province)
    parameters = {"people": people, "campaign": 1, "waiting": waiting, "last": steps}
    with runtime.db.write() as session:
        for statement in _FILL:
            session.execute(text(statement), {k: v for k, v in parameters.items() if f":{k}" in statement})
        recount(session, 1)


@contextmanager
def province_of(on: Ground, people: int, *, waiting: int) -> Iterator[tuple[str, Runtime]]:
    """Create a database with the campaign of `fill_province`."""
    with on.database() as url:
        runtime = open_runtime(on.settings(url))
        try:
            fill_province(runtime, people, waiting=waiting)
            vacuum(runtime.db)
            yield url, runtime
        finally:
            runtime.close()
