"""Database with a campaign that is being sent, filled by a few SQL statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from benchmarks.ground import Ground, add_people, approve_campaign, launch, vacuum
from campaigns.answer_totals import recount
from outreach.runtime import Runtime, open_runtime

# The rows of a launch and its sending; every `of`-th message has been sent.
_FILL = (
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
        for statement in _FILL:
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
