"""Databases filled by a few SQL statements: people, a campaign that is being sent, a province during its third message."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, text

import outreach.places
from benchmarks.ground import Ground, add_people, approve_campaign, launch, vacuum
from campaigns.answer_totals import recount
from campaigns.models.campaigns import Campaign
from outreach.accounts.organisations import create_organisation
from outreach.core.db import Database
from outreach.models.accounts import OrganisationKind
from outreach.models.contacts import ContactList
from outreach.places.areas import load_areas
from outreach.runtime import Runtime, open_runtime

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
