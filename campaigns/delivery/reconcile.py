"""Unknown outcomes looked up, decided by a person at last.

Unknown outcomes: looked up in the gateway's own list before anything is sent again.

What stays unknown although it was looked for: a person decides, and it is on record who did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.after_restore import backups_by_worker
from campaigns.delivery.outbox import OutboxEntry, requeue
from campaigns.delivery.record_outcomes import AttemptReport, apply_reports
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.lifecycle import find_campaign
from campaigns.models.messages import Attempt, Message
from campaigns.rules.delivery import is_same_except_link, is_same_message
from campaigns.rules.states import AttemptState, MessageKind
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.models.accounts import Role, User
from outreach.models.contacts import Phone
from outreach.rules.errors import NotAllowed
from outreach.rules.gateway import Gateway, GatewayUnavailable, ListedMessage
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
LOOK_LIMIT = 200  # attempts looked up by one job
LOOKS_AT_ONCE = 20
TIMES_ABSENT = 2  # and this often absent before it is sent again


@dataclass(slots=True)
class ReconcileResult:
    """What one round of looking came to."""

    adopted: int = 0
    absent_once: int = 0
    requeued: int = 0
    away: int = 0


def expire_leases(session: Session, *, now: datetime, secret_key: str, limit: int = 2000) -> int:
    """Attempts whose worker has not reported in time become unknown, due to be looked up at once."""
    expired = session.scalars(
        select(Attempt.id)
        .where(Attempt.state == AttemptState.SENDING, Attempt.due_at < now)
        .order_by(Attempt.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    reports = [
        AttemptReport(attempt_id, AttemptState.UNKNOWN, code="lease", due_at=now) for attempt_id in expired
    ]
    return apply_reports(session, reports, now=now, secret_key=secret_key)


def has_unknown_due(session: Session, *, now: datetime) -> bool:
    """Whether there is anything to look up."""
    due = select(Attempt.id).where(Attempt.state == AttemptState.UNKNOWN, Attempt.due_at <= now)
    return session.execute(due.limit(1)).first() is not None


async def reconcile(runtime: Runtime, gateway: Gateway) -> ReconcileResult:
    """Look up one round of unknown attempts: adopt what is found, send again what is absent twice."""
    due, busy_until, backups = await asyncio.to_thread(_take_due, runtime)
    at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    # A phone knows a message by its attempt alone, and that of a lost one is lost: a person has to decide.
    asks_by_number = runtime.settings.sms_gateway != "phone"

    async def look(row: Any) -> list[ListedMessage] | None:
        if row.worker in backups and not asks_by_number:
            return None
        async with at_once:
            try:
                return await gateway.list_to(row.e164, attempt_id=row.id)
            except GatewayUnavailable as error:
                log.warning("reconcile.list_unavailable error=%s", error)
                return None

    lists = await asyncio.gather(*map(look, due))
    looked = list(zip(due, lists, strict=True))
    return await asyncio.to_thread(_apply, runtime, looked, busy_until, backups)


def _take_due(runtime: Runtime) -> tuple[Sequence[Any], datetime, dict[str, datetime]]:
    """The attempts to look up, and until when they are ours: no second look begins before. And the backups restored."""
    now = datetime.now(UTC)
    with runtime.db.write() as session:
        due = session.execute(
            select(
                Attempt.id,
                Attempt.message_id,
                Attempt.n,
                Attempt.stream_id,
                Attempt.body,
                Attempt.claimed_at,
                Attempt.worker,
                Attempt.gateway_id,
                Phone.e164,
            )
            .join(Phone, Phone.id == Attempt.phone_id)
            .where(Attempt.state == AttemptState.UNKNOWN, Attempt.due_at <= now)
            .order_by(Attempt.due_at)
            .limit(LOOK_LIMIT)
            .with_for_update(of=Attempt, skip_locked=True)
        ).all()
        # Longer than the slowest round: then only this round's own finding is counted, see _count_absent.
        longest_s = runtime.settings.send_timeout_s * (LOOK_LIMIT / LOOKS_AT_ONCE + 1) + 30
        busy_until = now + timedelta(seconds=longest_s)
        session.execute(
            update(Attempt).where(Attempt.id.in_([row.id for row in due])).values(due_at=busy_until)
        )
        return due, busy_until, backups_by_worker(session)


def _apply(
    runtime: Runtime,
    looked: Sequence[tuple[Any, list[ListedMessage] | None]],
    busy_until: datetime,
    backups: Mapping[str, datetime],
) -> ReconcileResult:
    now = datetime.now(UTC)
    again_at = now + timedelta(seconds=runtime.settings.reconcile_s)
    found = ReconcileResult()
    with runtime.db.write() as session:
        fits = [
            (row, listed and [item for item in listed if _is_same(row, item, backups.get(row.worker))])
            for row, listed in looked
        ]
        owned = _owned_ids(session, fits)
        absent: list[Any] = []
        postponed: list[int] = []
        reports: list[AttemptReport] = []
        for row, listed in fits:
            if listed is None:
                found.away += 1
                postponed.append(row.id)
                continue
            match = next(
                (
                    item
                    for item in listed
                    if item.gateway_id == row.gateway_id or item.gateway_id not in owned
                ),
                None,
            )
            if match:
                owned.add(match.gateway_id)
                found.adopted += 1
                reports.append(
                    AttemptReport(
                        row.id,
                        AttemptState(match.status.value),
                        match.gateway_id,
                        cause=match.cause.value if match.cause else None,
                        code=match.code,
                    )
                )
            elif row.gateway_id:
                # Known from before a restore: the gateway took it, however short its list is.
                found.adopted += 1
                reports.append(AttemptReport(row.id, AttemptState.ACCEPTED, row.gateway_id))
            else:
                absent.append(row)
        key = runtime.settings.secret_key
        apply_reports(session, reports, now=now, secret_key=key)
        session.execute(
            update(Attempt)
            .where(Attempt.id.in_(postponed), Attempt.due_at == busy_until)
            .values(due_at=again_at)
        )
        found.requeued = _count_absent(
            session, absent, now=now, busy_until=busy_until, again_at=again_at, secret_key=key
        )
        found.absent_once = len(absent) - found.requeued
    return found


def _is_same(row: Any, item: ListedMessage, backup_taken_at: datetime | None) -> bool:
    if row.gateway_id:
        return bool(item.gateway_id == row.gateway_id)
    if backup_taken_at:
        return is_same_except_link(
            body=row.body, since=backup_taken_at, listed_body=item.body, listed_at=item.created_at
        )
    if item.attempt_id is not None:
        return bool(item.attempt_id == row.id)
    return is_same_message(
        body=row.body, claimed_at=row.claimed_at, listed_body=item.body, listed_at=item.created_at
    )


def _owned_ids(session: Session, looked: Sequence[tuple[Any, list[ListedMessage] | None]]) -> set[str]:
    ids = {item.gateway_id for _, listed in looked for item in listed or ()}
    return set(session.scalars(select(Attempt.gateway_id).where(Attempt.gateway_id.in_(ids))))


def _count_absent(
    session: Session,
    absent: Sequence[Any],
    *,
    now: datetime,
    busy_until: datetime,
    again_at: datetime,
    secret_key: str,
) -> int:
    """Count one more look in vain; after the second the message goes back into the outbox. Returns how many."""
    rows = {row.id: row for row in absent}
    # Only what is still unknown and ours: a callback may have adopted it while we looked, or a later round
    # have taken it up because this one was stopped for too long.
    times = session.execute(
        select(Attempt.id, Attempt.times_absent)
        .where(Attempt.id.in_(rows), Attempt.state == AttemptState.UNKNOWN, Attempt.due_at == busy_until)
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    gone = [item.id for item in times if item.times_absent + 1 >= TIMES_ABSENT]
    session.execute(
        update(Attempt)
        .where(Attempt.id.in_([item.id for item in times]))
        .values(times_absent=Attempt.times_absent + 1, due_at=again_at)
    )
    reports = [AttemptReport(attempt_id, AttemptState.ABSENT) for attempt_id in gone]
    apply_reports(session, reports, now=now, secret_key=secret_key)
    requeue(
        session,
        [OutboxEntry(rows[i].message_id, rows[i].stream_id, rows[i].n + 1, now) for i in gone],
    )
    return len(gone)


# The gateway's own list settles the rest within minutes; what is older has a list that cannot be had.
# The pages say “quá một giờ”.
DECIDE_AFTER = timedelta(hours=1)

# The campaign to which an attempt belongs: its stream, and where that is the one for answers, the campaign that the
# answer is about. None for what belongs to no campaign: answers to strangers, tests.
CAMPAIGN_OF_ATTEMPT = case(
    (
        Attempt.stream_id == TRANSACTIONAL_STREAM,
        select(Message.campaign_id)
        .where(Message.id == Attempt.message_id, Message.kind != MessageKind.TEST)
        .correlate(Attempt)
        .scalar_subquery(),
    ),
    else_=Attempt.stream_id,
)


def _undecided(campaign_id: int | None, *, now: datetime) -> tuple[Any, ...]:
    return (
        Attempt.state == AttemptState.UNKNOWN,
        Attempt.gateway_id.is_(None),  # after a restore: of these the gateway has the message
        Attempt.claimed_at < now - DECIDE_AFTER,
        CAMPAIGN_OF_ATTEMPT.is_not_distinct_from(campaign_id),
    )


def count_undecided(session: Session, campaign_id: int, *, now: datetime) -> tuple[int, int]:
    """Messages of a campaign of which nobody can say whether the gateway has them: of its steps, and answers."""
    is_answer = Attempt.stream_id == TRANSACTIONAL_STREAM
    found = session.execute(
        select(is_answer, func.count()).where(*_undecided(campaign_id, now=now)).group_by(is_answer)
    )
    counts = {bool(answers): count for answers, count in found}
    return counts.get(False, 0), counts.get(True, 0)


def count_without_campaign(session: Session, user: User, *, now: datetime) -> int:
    """The same of what belongs to no campaign, for those who see everything."""
    if organisations_of(session, user) is not None:
        return 0
    query = select(func.count()).select_from(Attempt).where(*_undecided(None, now=now))
    return session.scalar(query) or 0


def decide_unknown(
    session: Session, campaign_id: int | None, *, resend: bool, user: User, now: datetime, secret_key: str
) -> int:
    """Send them again (somebody may then get two), or let them stand as sent without a report; how many.

    Without a campaign what belongs to none, for those who see everything. A report that still comes counts all the
    same. Raises NotFound, NotAllowed.
    """
    if campaign_id is not None:
        find_campaign(session, campaign_id, user=user)
    elif organisations_of(session, user) is not None:
        raise NotAllowed(
            "Những tin này không thuộc chiến dịch nào: người xem được mọi tổ chức mới quyết định được."
        )
    require_role(user, Role.STAFF, Role.APPROVER)
    attempts = session.execute(
        select(Attempt.id, Attempt.message_id, Attempt.stream_id, Attempt.n)
        .where(*_undecided(campaign_id, now=now))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    if not attempts:
        return 0
    becomes = AttemptState.ABSENT if resend else AttemptState.NO_REPORT
    apply_reports(
        session, [AttemptReport(row.id, becomes) for row in attempts], now=now, secret_key=secret_key
    )
    if resend:
        requeue(session, [OutboxEntry(row.message_id, row.stream_id, row.n + 1, now) for row in attempts])
    audit.record(
        session,
        actor_id=user.id,
        action="campaign.unknown_resend" if resend else "campaign.unknown_keep",
        subject=f"campaigns:{campaign_id}" if campaign_id is not None else "messages:0",
        now=now,
        messages=len(attempts),
    )
    return len(attempts)
