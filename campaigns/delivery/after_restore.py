"""After a restore: everything is looked up before anything is sent.

Nothing is known of what was sent since the backup. A message that waited in the backup may have left since, by an
attempt that is lost with the database. So each waiting message gets an attempt with unknown outcome, and the reconciler
does the rest: what the gateway's list has since the backup, with this number and text, is adopted; what is absent twice
waits again.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from campaigns.delivery.claim_messages import NewAttempt, create_attempts
from campaigns.delivery.message_data import read_list_values, read_outbox
from campaigns.delivery.outbox import ChangeTotals, StateChange, add_totals, credit_segments
from campaigns.delivery.record_outcomes import refresh_messages
from campaigns.lifecycle import RESTORING, pause_automatically
from campaigns.models.campaigns import Campaign, Step, Switch
from campaigns.models.messages import Attempt, Outbox
from campaigns.rules.delivery import Renderer
from campaigns.rules.receipts import RESTORED
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignState
from outreach.accounts import audit
from outreach.accounts.api_tokens import end_tokens
from outreach.accounts.users import end_all_sessions
from outreach.core.db import Base, BaseWithId, change_rows, is_postgresql, set_columns
from outreach.core.schema import redeclare
from outreach.models.office import Backup
from outreach.rules.errors import LoaError
from outreach.rules.gateway import Channel

SLICE = 1000
# For older messages the reports have come; after the same time the sweep gives up on messages without one.
REPORTS_WITHIN = timedelta(hours=72)
# Ids leave the system: in the callbacks' addresses, in links, on paper, and as the last one that another system has read. An id that was
# given after the backup and is lost must not come to mean another row. At the very most so many were given since: _ID_GAP where rows
# come by themselves, else _SMALL_ID_GAP, as people type these ids. Messages hold an account's id in 16 bits; no account is ever removed.
_LARGE = frozenset(
    [
        "attempts",
        "messages",
        "recipients",
        "contacts",
        "phones",
        "answers",
        "replies",
        "wishes",
        "cases",
        "install_reports",
        "webhook_deliveries",
        "agency_links",
        "report_links",
        "urgings",
        "users",
    ]
)
_SHORT = "gateway_accounts"
_ID_GAP, _SMALL_ID_GAP = 100_000_000, 10_000
_SKIP_ON_SQLITE = (
    "INSERT INTO sqlite_sequence SELECT '{table}', COALESCE(MAX(last), 0) + {gap} FROM ("
    "SELECT MAX(id) AS last FROM {table} UNION ALL SELECT seq FROM sqlite_sequence WHERE name = '{table}')",
    "DELETE FROM sqlite_sequence WHERE name = '{table}'"
    " AND seq < (SELECT MAX(seq) FROM sqlite_sequence WHERE name = '{table}')",
)


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """Totals of a restore.

    Campaigns paused; messages that waited, that were under way, and whose reports may be lost; sessions and API tokens
    ended.
    """

    paused: int
    waiting: int
    under_way: int
    reported_on: int
    sessions: int = 0
    tokens: int = 0


def worker_of(backup_id: int) -> str:
    """Return the worker's name in attempts that stand for possibly lost ones."""
    return f"{RESTORED}{backup_id}"


def backups_by_worker(session: Session) -> dict[str, datetime]:
    """Return when each restored backup had been taken, by the name of `worker_of`."""
    restored = select(Backup.id, Backup.taken_at).where(Backup.restored_at.is_not(None))
    return {worker_of(id_): taken_at for id_, taken_at in session.execute(restored)}


def settle_restored(
    session: Session, backup: Backup, *, renderer: Renderer, lease_s: float, now: datetime
) -> RestoreSummary:
    """Prepare a restored database for sending: pause, mark unknown what may have left, end sessions.

    In the caller's one transaction. Lookups begin when the leases of workers that were not stopped are over.
    """
    paused = _pause_all(session, backup, now=now)
    look_at = now + timedelta(seconds=lease_s)
    under_way = _mark_in_flight_unknown(session, look_at=look_at)
    # Looked up after the others: nothing waits for them.
    reported_on = _mark_accepted_unknown(
        session, since=backup.taken_at - REPORTS_WITHIN, look_at=look_at + timedelta(seconds=1), now=now
    )
    # The text of a notice that waited for its report may have followed since: a person decides.
    waited = update(Attempt).where(Attempt.channel == Channel.ZALO, Attempt.state == AttemptState.UNKNOWN)
    change_rows(session, waited.values(worker=worker_of(backup.id), gateway_id=None))
    _refresh_messages(session)
    waiting = 0
    for stream_id in session.scalars(select(Outbox.stream_id).distinct().order_by(Outbox.stream_id)).all():
        waiting += mark_waiting_unknown(
            session, stream_id, backup_id=backup.id, renderer=renderer, look_at=look_at, now=now
        )
    _skip_ids(session)
    # A user who was signed out since then, by themselves or because a device was lost, would be signed in again, or by an
    # invitation that was used; an ended token would be valid again.
    sessions = end_all_sessions(session, now=now)
    tokens = end_tokens(session, actor_id=None, now=now)
    backup.restored_at = now
    session.execute(delete(Switch).where(Switch.name == RESTORING))
    audit.record(
        session,
        "backup.restore",
        backup,
        None,
        now,
        messages=waiting + under_way + reported_on,
        sessions=sessions,
        tokens=tokens,
    )
    return RestoreSummary(paused, waiting, under_way, reported_on, sessions, tokens)


def mark_waiting_unknown(
    session: Session,
    stream_id: int,
    *,
    backup_id: int,
    renderer: Renderer,
    look_at: datetime,
    now: datetime,
    after: int = 0,
) -> int:
    """Create an unknown attempt for each message waiting in a stream with an id after this one, due at `look_at`. Returns how many."""
    total, last = 0, after
    while True:
        waiting = (
            select(Outbox.message_id, Outbox.n, Outbox.throttled, Outbox.refused)
            .where(Outbox.stream_id == stream_id, Outbox.message_id > last)
            .order_by(Outbox.message_id)
            .limit(SLICE)
            .subquery()
        )
        rows = read_outbox(session, waiting, lock_phones=False)
        if not rows:
            return total
        values = read_list_values(session, [row for row in rows if row.step_id is not None])
        rendered = ((row, *renderer.render(row, values)) for row in rows)
        taken = [NewAttempt(row, body, segments, segments) for row, body, segments in rendered]
        # Charged as a claim charges, and credited where it turns out that the message never left.
        credit_segments(session, {stream_id: -sum(each.segments for each in taken)})
        create_attempts(
            session,
            stream_id,
            taken,
            state=AttemptState.UNKNOWN,
            worker=worker_of(backup_id),
            now=now,
            due_at=look_at,
        )
        total, last = total + len(rows), rows[-1].message_id


def restored_since(session: Session, step: Step, *, not_before: datetime | None = None) -> int | None:
    """Return the latest backup before whose restore this step may have left, or None: what it sends may have been sent then.

    A reminder leaves at the earliest so many days after the launch, less the hours of a day, as one may be due at an hour.
    Restores from before `not_before` are left out.
    """
    campaign, days = step.campaign, timedelta(days=step.after_days - 1)
    restored = select(Backup).where(Backup.restored_at.is_not(None), Backup.taken_at >= campaign.created_at)
    if not_before:
        restored = restored.where(Backup.restored_at >= not_before)
    for backup in session.scalars(restored.order_by(Backup.id.desc())):
        launched_at = min(campaign.launched_at or backup.taken_at, backup.taken_at)
        if backup.restored_at and launched_at + days <= backup.restored_at:
            return backup.id
    return None


def _pause_all(session: Session, backup: Backup, *, now: datetime) -> int:
    states = (CampaignState.SENDING, CampaignState.SCHEDULED)
    campaigns = session.scalars(select(Campaign.id).where(Campaign.state.in_(states))).all()
    taken_at = backup.taken_at.astimezone(VIETNAM)
    reason = LoaError("restored_from_backup", time=f"{taken_at:%H:%M}", day=f"{taken_at:%d/%m/%Y}")
    for campaign_id in campaigns:
        pause_automatically(session, campaign_id, reason=reason, now=now)
    return len(campaigns)


def _mark_in_flight_unknown(session: Session, *, look_at: datetime) -> int:
    """Mark attempts unknown that were under way or looked up at the backup; lookups start anew."""
    under_way = Attempt.state.in_((AttemptState.SENDING, AttemptState.UNKNOWN))
    values = {"state": AttemptState.UNKNOWN, "due_at": look_at, "times_absent": 0}
    return set_columns(session, Attempt, under_way, **values)


def _mark_accepted_unknown(session: Session, *, since: datetime, look_at: datetime, now: datetime) -> int:
    """Mark attempts unknown that the gateway had accepted but not finished.

    Their reports may have come since and are lost.
    """
    conditions = (
        Attempt.state.in_((AttemptState.ACCEPTED, AttemptState.SENT)),
        Attempt.gateway_id.is_not(None),
        Attempt.claimed_at > since,
    )
    kind = (Attempt.stream_id, Attempt.state, Attempt.cause, Attempt.account_id)
    rows = session.execute(
        select(*kind, func.count(), func.sum(Attempt.segments)).where(*conditions).group_by(*kind)
    ).all()
    changes: dict[StateChange, ChangeTotals] = defaultdict(ChangeTotals)
    for stream_id, state, cause, account_id, n, segments in rows:
        changes[StateChange(stream_id, state, cause, AttemptState.UNKNOWN, None, account_id)] = ChangeTotals(
            n, int(segments)
        )
    values = {"state": AttemptState.UNKNOWN, "due_at": look_at, "times_absent": 0}
    set_columns(session, Attempt, *conditions, **values, cause=None, code=None)
    add_totals(session, changes, now=now)
    return sum(totals.n for totals in changes.values())


def _refresh_messages(session: Session) -> None:
    """Refresh the states of the messages of all unknown attempts."""
    last = 0
    while ids := session.execute(
        select(Attempt.id, Attempt.message_id)
        .where(Attempt.state == AttemptState.UNKNOWN, Attempt.id > last)
        .order_by(Attempt.id)
        .limit(SLICE)
    ).all():
        refresh_messages(session, [row.message_id for row in ids])
        last = ids[-1].id


def _skip_ids(session: Session) -> None:
    """Leave a gap in the ids of all tables. On SQLite they have a sequence from now on."""
    for mapper in Base.registry.mappers:
        table = mapper.class_.__tablename__
        if not issubclass(mapper.class_, BaseWithId) or table == _SHORT:
            continue
        gap = _ID_GAP if table in _LARGE else _SMALL_ID_GAP
        if is_postgresql(session):
            sequence = func.pg_get_serial_sequence(table, "id")
            session.execute(select(func.setval(sequence, func.nextval(sequence) + gap)))
            continue
        redeclare(session.connection(), table, "PRIMARY KEY (id)", "PRIMARY KEY (id AUTOINCREMENT)")
        for statement in _SKIP_ON_SQLITE:
            session.execute(text(statement.format(table=table, gap=gap)))
