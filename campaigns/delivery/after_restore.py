"""After a restore: nothing is known of what was sent since the backup, so everything is looked up before anything goes.

What waited may have left since, by attempts that are lost with the database; so each waiting message gets an attempt
whose outcome nobody saw, and the reconciler does the rest: what the gateway's list has since the backup, with this
number and text, is adopted; what is absent twice waits again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from campaigns.delivery.claim_messages import create_attempts, select_send_data
from campaigns.delivery.outbox import ChangeTotals, StateChange, add_totals, credit_segments
from campaigns.delivery.record_outcomes import refresh_messages
from campaigns.emergency_stop import RESTORING
from campaigns.lifecycle import pause_automatically
from campaigns.models.campaigns import Campaign, Switch
from campaigns.models.messages import Attempt, Outbox
from campaigns.rules.delivery import Renderer
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignState
from outreach.accounts import audit
from outreach.accounts.api_tokens import end_tokens
from outreach.accounts.sessions import end_all_sessions
from outreach.core.bulk import NO_SYNC
from outreach.models.backups import Backup

SLICE = 1000
# Reports on messages that are older have come; the sweep gives up on what is silent for as long.
REPORTS_WITHIN = timedelta(hours=72)
# Numbers that left the house: in the callbacks' addresses, in personal links, in invitations. One that was given after
# the backup and is lost must not come to mean another; so many were given since, at the very most.
_TABLES_WITH_PUBLIC_IDS = ("attempts", "recipients", "users", "agency_links")
_GAP = 100_000_000


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """What a restore came to: campaigns paused, messages that waited or whose outcome is open, and those on the way;
    people signed out, and tokens of other systems ended.
    """

    paused: int
    waiting: int
    under_way: int
    reported_on: int
    sessions: int = 0
    tokens: int = 0


def worker_of(backup_id: int) -> str:
    """The name that stands in an attempt for the lost one that may have been."""
    return f"restored-{backup_id}"


def backups_by_worker(session: Session) -> dict[str, datetime]:
    """By that name, when the backups that were restored had been taken."""
    restored = select(Backup.id, Backup.taken_at).where(Backup.restored_at.is_not(None))
    return {worker_of(id_): taken_at for id_, taken_at in session.execute(restored)}


def settle_restored(
    session: Session, backup: Backup, *, renderer: Renderer, lease_s: float, now: datetime
) -> RestoreSummary:
    """Everything of a database as it was at the backup that must not go on as if nothing had been since.

    In the caller's one transaction. Looks into the gateway's list begin when the leases of workers that nobody has
    stopped are over.
    """
    paused = _pause_all(session, backup, now=now)
    look_at = now + timedelta(seconds=lease_s)
    under_way = _doubt_open(session, look_at=look_at)
    # After the others: they hold up nothing.
    reported_on = _doubt_taken(
        session, since=backup.taken_at - REPORTS_WITHIN, look_at=look_at + timedelta(seconds=1), now=now
    )
    _refresh(session)
    waiting = 0
    for stream_id in session.scalars(select(Outbox.stream_id).distinct().order_by(Outbox.stream_id)).all():
        waiting += mark_waiting_unknown(
            session, stream_id, backup_id=backup.id, renderer=renderer, look_at=look_at, now=now
        )
    _skip_numbers(session)
    # Whoever was signed out since then, by themselves or as a device was lost, would be in again; a token likewise.
    sessions = end_all_sessions(session, now=now)
    tokens = end_tokens(session, actor_id=None, now=now)
    backup.restored_at = now
    session.execute(delete(Switch).where(Switch.name == RESTORING))
    audit.record(
        session,
        actor_id=None,
        action="backup.restore",
        subject=f"backups:{backup.id}",
        now=now,
        messages=waiting + under_way + reported_on,
        sessions=sessions,
        tokens=tokens,
    )
    return RestoreSummary(paused, waiting, under_way, reported_on, sessions, tokens)


def mark_waiting_unknown(
    session: Session, stream_id: int, *, backup_id: int, renderer: Renderer, look_at: datetime, now: datetime
) -> int:
    """An attempt whose outcome nobody saw for all that waits in a stream, due for a look; how many."""
    total, last = 0, 0
    while True:
        waiting = (
            select(Outbox.message_id, Outbox.n, Outbox.throttled, Outbox.refused)
            .where(Outbox.stream_id == stream_id, Outbox.message_id > last)
            .order_by(Outbox.message_id)
            .limit(SLICE)
            .subquery()
        )
        found = session.execute(select_send_data(waiting)).all()
        if not found:
            return total
        taken = [(row, *renderer.render(row, unaccented=bool(row.unaccented))) for row in found]
        # Charged as a claim charges, and given back where it turns out that it never left.
        credit_segments(session, {stream_id: -sum(size for _row, _body, size in taken)})
        create_attempts(
            session,
            stream_id,
            taken,
            state=AttemptState.UNKNOWN,
            worker=worker_of(backup_id),
            now=now,
            due_at=look_at,
        )
        total, last = total + len(found), found[-1].message_id


def restored_since(session: Session, campaign_id: int) -> int | None:
    """The latest restored backup that holds this campaign: what it sends now it may have sent already."""
    created_at = select(Campaign.created_at).where(Campaign.id == campaign_id).scalar_subquery()
    return session.scalar(
        select(Backup.id)
        .where(Backup.restored_at.is_not(None), Backup.taken_at >= created_at)
        .order_by(Backup.id.desc())
        .limit(1)
    )


def _pause_all(session: Session, backup: Backup, *, now: datetime) -> int:
    goes_on = (CampaignState.SENDING, CampaignState.SCHEDULED)
    campaigns = session.scalars(select(Campaign.id).where(Campaign.state.in_(goes_on))).all()
    taken_at = backup.taken_at.astimezone(VIETNAM)
    reason = (
        f"Dữ liệu được khôi phục từ bản sao lưu lúc {taken_at:%H:%M ngày %d/%m/%Y}. "
        "Hệ thống đang hỏi lại tổng đài từng tin; hết tin chưa rõ kết quả thì cho gửi tiếp."
    )
    for campaign_id in campaigns:
        pause_automatically(session, campaign_id, reason=reason, now=now)
    return len(campaigns)


def _doubt_open(session: Session, *, look_at: datetime) -> int:
    """Requests that were under way, or looked for, at the backup: looked for anew from the beginning."""
    doubted = session.execute(
        update(Attempt)
        .where(Attempt.state.in_((AttemptState.SENDING, AttemptState.UNKNOWN)))
        .values(state=AttemptState.UNKNOWN, due_at=look_at, times_absent=0),
        execution_options=NO_SYNC,
    )
    return int(doubted.rowcount)  # type: ignore[attr-defined]


def _doubt_taken(session: Session, *, since: datetime, look_at: datetime, now: datetime) -> int:
    """What the gateway had taken and had not finished: its reports may have come since and are lost."""
    is_open = (
        Attempt.state.in_((AttemptState.ACCEPTED, AttemptState.SENT)),
        Attempt.gateway_id.is_not(None),
        Attempt.claimed_at > since,
    )
    counted = session.execute(
        select(Attempt.stream_id, Attempt.state, Attempt.cause, func.count(), func.sum(Attempt.segments))
        .where(*is_open)
        .group_by(Attempt.stream_id, Attempt.state, Attempt.cause)
    ).all()
    moves: dict[StateChange, ChangeTotals] = defaultdict(ChangeTotals)
    for stream_id, state, cause, n, segments in counted:
        moves[StateChange(stream_id, state, cause, AttemptState.UNKNOWN, None)] = ChangeTotals(
            n, int(segments)
        )
    session.execute(
        update(Attempt)
        .where(*is_open)
        .values(state=AttemptState.UNKNOWN, due_at=look_at, times_absent=0, cause=None, code=None),
        execution_options=NO_SYNC,
    )
    add_totals(session, moves, now=now)
    return sum(moved.n for moved in moves.values())


def _refresh(session: Session) -> None:
    """The messages of all attempts that are unknown now."""
    last = 0
    while ids := session.execute(
        select(Attempt.id, Attempt.message_id)
        .where(Attempt.state == AttemptState.UNKNOWN, Attempt.id > last)
        .order_by(Attempt.id)
        .limit(SLICE)
    ).all():
        refresh_messages(session, [row.message_id for row in ids])
        last = ids[-1].id


def _skip_numbers(session: Session) -> None:
    """SQLite numbers by itself only attempts so that a gap stays; there the others go on where the backup ended."""
    if session.get_bind().dialect.name != "postgresql":
        session.execute(
            text("UPDATE sqlite_sequence SET seq = seq + :gap WHERE name = 'attempts'"), {"gap": _GAP}
        )
        return
    for table in _TABLES_WITH_PUBLIC_IDS:
        numbers = func.pg_get_serial_sequence(table, "id")
        session.execute(select(func.setval(numbers, func.nextval(numbers) + _GAP)))
