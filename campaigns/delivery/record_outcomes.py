"""Recording: outcomes, callbacks and finds become attempt states, and messages follow from them."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, String, delete, null, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.claims import Claim
from campaigns.delivery.consequences import Failure, heed, stop_refused
from campaigns.delivery.lanes import SERVICE_LANE
from campaigns.delivery.outbox import PutBack, put_back
from campaigns.delivery.rules import back_off_s, gives_up, is_charged, policy_of
from campaigns.delivery.tallying import FAILURES, Move, Moved, tally
from campaigns.messages import Attempt, Incident, Message, Outbox
from campaigns.states import (
    ACCEPTED_OR_BEYOND,
    AttemptState,
    MessageState,
    advance,
    message_state,
)
from outreach.bulk import UNSYNCED, listed, rows
from outreach.runtime import Runtime
from outreach.sms.gateway import Accepted, Outcome, Refused, Throttled, Unseen

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What is now known of one attempt.

    `due_at` only where it becomes unknown: when to look for it. `segments` where the gateway says what it charges.
    """

    attempt_id: int
    state: AttemptState
    gateway_id: str | None = None
    cause: str | None = None
    code: str | None = None
    due_at: datetime | None = None
    segments: int | None = None


def store(runtime: Runtime, outcomes: Sequence[tuple[Claim, Outcome | None]]) -> None:
    """`record` in a transaction of its own. May be repeated. Raises SQLAlchemyError."""
    with runtime.db.write() as session:
        record(
            session,
            outcomes,
            now=datetime.now(UTC),
            reconcile_s=runtime.settings.reconcile_s,
            secret_key=runtime.settings.secret_key,
        )


def record(
    session: Session,
    outcomes: Sequence[tuple[Claim, Outcome | None]],
    *,
    now: datetime,
    reconcile_s: float,
    secret_key: str,
) -> None:
    """Store what a worker saw; None stands for a request that was never started."""
    reports: list[Report] = []
    back: list[PutBack] = []
    for claim, outcome in outcomes:
        match outcome:
            case None:
                back.append(PutBack(claim, now, claim.throttled, claim.refused))
            case Throttled(retry_after_s):
                wait = back_off_s(claim.throttled, retry_after_s, seed=claim.message_id)
                not_before = now + timedelta(seconds=wait)
                back.append(PutBack(claim, not_before, claim.throttled + 1, claim.refused))
            case Accepted(gateway_id, status, segments):
                reports.append(
                    Report(claim.attempt_id, AttemptState(status.value), gateway_id, segments=segments)
                )
            case Unseen(detail):
                look_at = now + timedelta(seconds=reconcile_s)
                reports.append(
                    Report(claim.attempt_id, AttemptState.UNKNOWN, code=detail[:24], due_at=look_at)
                )
            case Refused(cause) if policy_of(cause).pauses and not gives_up(
                claim.refused + 1, is_service=claim.lane == SERVICE_LANE
            ):
                # The account or the sender was refused, not this message: it waits for them to be put right.
                wait = back_off_s(claim.refused, None, seed=claim.message_id)
                not_before = now + timedelta(seconds=wait)
                back.append(PutBack(claim, not_before, claim.throttled + 1, claim.refused + 1))
            case Refused(cause, code):
                reports.append(
                    Report(claim.attempt_id, AttemptState.FAILED, cause=cause.value, code=code[:24])
                )
    settle(session, reports, now=now, secret_key=secret_key)
    put_back(session, back)
    stopped = (
        (claim.lane, outcome.code)
        for claim, outcome in outcomes
        if isinstance(outcome, Refused) and policy_of(outcome.cause).pauses
    )
    stop_refused(session, stopped, now=now)


def settle(session: Session, reports: Iterable[Report], *, now: datetime, secret_key: str) -> int:
    """Apply reports by rank; repeated, late and shuffled ones give the same end. Returns attempts changed.

    A gateway id stays with the attempt that had it first; a second one for the same message is an
    incident. Reports of attempts that are not there are passed over.
    """
    by_attempt: dict[int, list[Report]] = {}
    for report in reports:
        by_attempt.setdefault(report.attempt_id, []).append(report)
    if not by_attempt:
        return 0
    held = session.execute(
        select(
            Attempt.id,
            Attempt.message_id,
            Attempt.n,
            Attempt.state,
            Attempt.gateway_id,
            Attempt.lane,
            Attempt.phone_id,
            Attempt.segments,
            Attempt.cause,
            Attempt.price_vnd,
        )
        .where(Attempt.id.in_(listed(session, by_attempt, BigInteger)))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    owner = _owners(session, {r.gateway_id for group in by_attempt.values() for r in group if r.gateway_id})
    for missing in by_attempt.keys() - {row.id for row in held}:
        if any(report.gateway_id for report in by_attempt[missing]):
            log.warning("settle.no_such_attempt attempt=%s", missing)
    moves: list[dict[str, object]] = []
    named: list[dict[str, object]] = []  # only the gateway's id is new
    looks: dict[datetime, list[int]] = {}  # unknown, and when they are looked up
    charged: dict[int, list[int]] = {}  # by segments, those for which the gateway counts other than we did
    returned: list[int] = []  # messages given up as absent that the gateway has after all
    repeated: set[int] = set()
    changed: set[int] = set()
    stepped: dict[Move, Moved] = defaultdict(Moved)
    billed: Counter[int] = Counter()  # segments whose bill is there, by lane
    failed: list[Failure] = []
    for row in held:
        state, gateway_id = row.state, row.gateway_id
        latest: Report | None = None
        for report in by_attempt[row.id]:
            if report.gateway_id and owner.setdefault(report.gateway_id, row.id) != row.id:
                continue  # another attempt's message, whatever the address says
            if report.gateway_id and gateway_id and report.gateway_id != gateway_id:
                add_incident(
                    session,
                    kind="second_gateway_id",
                    subject=f"attempts:{row.id}",
                    now=now,
                    gateway_ids=[gateway_id, report.gateway_id],
                )
            gateway_id = gateway_id or report.gateway_id
            moved = advance(state, report.state)
            if moved is not state:
                state, latest = moved, report
        if latest is None and gateway_id == row.gateway_id:
            continue
        if row.state is AttemptState.ABSENT and state in ACCEPTED_OR_BEYOND:
            returned.append(row.message_id)
        if row.n > 1 or row.state is AttemptState.ABSENT:
            repeated.add(row.message_id)
        changed.add(row.id)
        change: dict[str, object] = {"id": row.id, "gateway_id": gateway_id}
        if latest is None:
            named.append(change)
            continue
        step = stepped[Move(row.lane, row.state, row.cause, state, latest.cause)]
        step.n += 1
        step.segments += row.segments
        if row.price_vnd is not None:
            billed[row.lane] += row.segments * (is_charged(state) - is_charged(row.state))
        elif latest.segments and latest.segments != row.segments:
            step.more += latest.segments - row.segments
            charged.setdefault(latest.segments, []).append(row.id)
        if state in FAILURES:
            failed.append(Failure(row.lane, row.phone_id, latest.cause, latest.code))
        change["state"], change["cause"], change["code"] = state.value, latest.cause, latest.code
        moves.append(change)
        if latest.due_at:
            looks.setdefault(latest.due_at, []).append(row.id)
    _write(session, moves, named, looks, charged, now=now)
    if returned:
        session.execute(delete(Outbox).where(Outbox.message_id.in_(returned)), execution_options=UNSYNCED)
    refresh_messages(session, [row.message_id for row in held if row.id in changed])
    _report_repeated(session, repeated, now=now)
    tally(session, stepped, now=now, billed={lane: (more, 0) for lane, more in billed.items()})
    heed(session, failed, now=now, secret_key=secret_key)
    return len(changed)


def _write(
    session: Session,
    moves: list[dict[str, object]],
    named: list[dict[str, object]],
    looks: dict[datetime, list[int]],
    charged: dict[int, list[int]],
    *,
    now: datetime,
) -> None:
    columns = {"id": BigInteger, "gateway_id": String, "state": String, "cause": String, "code": String}
    for changes, written in ((moves, ("gateway_id", "state", "cause", "code")), (named, ("gateway_id",))):
        if changes:
            new = rows(session, {name: columns[name] for name in ("id", *written)}, changes)
            values: dict[str, Any] = {name: new.c[name] for name in written}
            if changes is moves:
                values["due_at"] = null()
            session.execute(
                update(Attempt).where(Attempt.id == new.c.id).values(settled_at=now, **values),
                execution_options=UNSYNCED,
            )
    for column, groups in (("due_at", looks), ("segments", charged)):
        for value, ids in groups.items():
            session.execute(
                update(Attempt)
                .where(Attempt.id.in_(listed(session, ids, BigInteger)))
                .values({column: value}),
                execution_options=UNSYNCED,
            )


def _owners(session: Session, gateway_ids: set[str]) -> dict[str | None, int]:
    if not gateway_ids:
        return {}
    found = session.execute(
        select(Attempt.gateway_id, Attempt.id).where(
            Attempt.gateway_id.in_(listed(session, gateway_ids, String))
        )
    )
    return dict(found.all())


def refresh_messages(session: Session, message_ids: Sequence[int]) -> None:
    """Derive the states of messages from their attempts, as they now stand."""
    attempts: dict[tuple[int, MessageState], list[AttemptState]] = {}
    for message_id, state, stood in session.execute(
        select(Attempt.message_id, Attempt.state, Message.state)
        .join(Message, Message.id == Attempt.message_id)
        .where(Attempt.message_id.in_(listed(session, message_ids, BigInteger)))
        .order_by(Attempt.message_id, Attempt.n)
    ):
        attempts.setdefault((message_id, stood), []).append(state)
    by_state: dict[MessageState, list[int]] = {}
    for (message_id, stood), states in attempts.items():
        derived = message_state(states)
        # Not left to the update: PostgreSQL may expect none in another state and compare each message with each.
        if derived is not stood:
            by_state.setdefault(derived, []).append(message_id)
    # Queued or cancelled is decided where the message goes back into the outbox, in `requeue`.
    by_state.pop(MessageState.QUEUED, None)
    for derived, ids in by_state.items():
        session.execute(
            update(Message).where(Message.id.in_(listed(session, ids, BigInteger))).values(state=derived),
            execution_options=UNSYNCED,
        )


def _report_repeated(session: Session, message_ids: set[int], *, now: datetime) -> None:
    """A message that the gateway took twice is an incident that a person sees."""
    if not message_ids:
        return
    taken: dict[int, list[str]] = {}
    for message_id, gateway_id in session.execute(
        select(Attempt.message_id, Attempt.gateway_id).where(
            Attempt.message_id.in_(message_ids), Attempt.gateway_id.is_not(None)
        )
    ):
        taken.setdefault(message_id, []).append(gateway_id or "")
    for message_id, ids in taken.items():
        if len(ids) > 1:
            add_incident(
                session, kind="sent_twice", subject=f"messages:{message_id}", now=now, gateway_ids=ids
            )


def add_incident(session: Session, *, kind: str, subject: str, now: datetime, **details: object) -> None:
    """Once for each subject; a repetition is counted."""
    known = session.execute(
        update(Incident).where(Incident.subject == subject).values(times=Incident.times + 1)
    )
    if known.rowcount == 0:  # type: ignore[attr-defined]
        session.add(Incident(kind=kind, subject=subject, details=details, at=now))
        session.flush()
