"""Reports that come in: status callbacks and receipts, stored as they come and applied later in bulk.

A receipt, as SMPP has them, does not name our attempt. It is kept if it is to a phone of ours; other systems may use the
same account. Its attempt is found by `campaigns.rules.receipts`. What proves no attempt is tried again for three days.

A number's operator, as gateways report it, comes before the guess by its series.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from sqlalchemy import BigInteger, String, case, insert, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.messages import Attempt, MessagePart, StatusEvent, WaitingReceipt
from campaigns.rules.receipts import CLOCK_SLACK, ID_LIFE, Candidate, ReceiptFacts, find_attempt
from campaigns.rules.states import AttemptReport, AttemptState
from outreach.contacts.phones import find_phones
from outreach.core.db import (
    Database,
    UtcDateTime,
    columns_of,
    delete_rows,
    rows_table,
    set_columns,
    values_subquery,
)
from outreach.models.contacts import Phone
from outreach.rules.gateway import DeliveryStatus, Receipt, StatusReport
from outreach.rules.phone_numbers import Operator, operator_of
from outreach.rules.segments import measure, split
from outreach.rules.smpp import gateway_id, id_of_centre, possible_ids, reference_of
from outreach.runtime import Runtime

APPLY_LIMIT = 1000
_CALLBACK_COLUMNS = {
    "attempt_id": BigInteger,
    "gateway_id": String,
    "status": String,
    "cause": String,
    "code": String,
}


class StatusCallback(NamedTuple):
    """A status callback as it is stored. `status` is empty if the gateway sent one that is new to us."""

    attempt_id: int
    gateway_id: str
    status: str
    cause: str | None
    code: str | None

    @classmethod
    def of(cls, attempt_id: int, report: StatusReport) -> Self:
        return cls(
            attempt_id,
            report.gateway_id[:64],
            report.status.value if report.status else "",
            report.cause.value if report.cause else None,
            report.code[:24] if report.code else None,
        )


def store_callbacks(db: Database, callbacks: Sequence[StatusCallback], *, now: datetime) -> None:
    """Store callbacks and return once they are durable.

    Raises what the database raised, and then none is stored. A callback with a status that is new to us is kept too,
    already applied: it changes nothing.
    """
    with db.write() as session:
        new = rows_table(session, _CALLBACK_COLUMNS, [callback._asdict() for callback in callbacks])
        received_at = literal(now, UtcDateTime)
        values = {
            **{name: new.c[name] for name in _CALLBACK_COLUMNS},
            "received_at": received_at,
            "applied_at": case((new.c.status == "", received_at)),
        }
        session.execute(insert(StatusEvent).from_select(list(values), select(*values.values())))


def apply_status_callbacks(session: Session, *, now: datetime) -> int:
    """Apply up to APPLY_LIMIT stored callbacks, in any order. Returns how many there were."""
    events = session.execute(
        select(*columns_of(StatusEvent, "id attempt_id gateway_id status cause code"))
        .where(StatusEvent.applied_at.is_(None))
        .order_by(StatusEvent.id)
        .limit(APPLY_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    apply_reports(
        session,
        [
            AttemptReport(
                event.attempt_id,
                AttemptState(event.status),
                event.gateway_id or None,
                cause=event.cause,
                code=event.code,
            )
            for event in events
        ],
        now=now,
    )
    applied = values_subquery(session, [event.id for event in events])
    set_columns(session, StatusEvent, StatusEvent.id.in_(applied), applied_at=now)
    return len(events)


MATCH_LIMIT = 1000
_OPEN = (AttemptState.SENDING, AttemptState.UNKNOWN)
RECORDED_WITHIN = timedelta(minutes=1)  # an answer that came before the receipt
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(hours=1)


def store_receipts(session: Session, receipts: Sequence[Receipt], *, now: datetime) -> None:
    """Store the receipts to phones of ours as they came, due at once."""
    phones = find_phones(session, {number for receipt in receipts for number in receipt.numbers})
    session.add_all(
        WaitingReceipt(
            message_ids=list(receipt.message_ids),
            phone_id=phone_id,
            account_id=receipt.account_id,
            status=receipt.status.value,
            cause=receipt.cause.value if receipt.cause else None,
            code=receipt.code,
            reference=receipt.reference,
            text=receipt.text[:20],
            received_at=now,
            next_try_at=now,
        )
        for receipt in receipts
        if (phone_id := next((phones[number] for number in receipt.numbers if number in phones), None))
    )


class _Sent(NamedTuple):
    """What was sent to a phone by an account: the attempts, which of them have an id, the ids of their parts, how many it went in."""

    attempts: list[Candidate]
    answered: set[int]
    parts: dict[int, list[str]]
    lengths: dict[int, int]

    def is_one(self, attempt_id: int) -> bool:
        """Return whether an attempt's message was sent in one part."""
        return self.lengths[attempt_id] == 1 and not self.parts.get(attempt_id)

    def part_of(self, attempt_id: int, ids: frozenset[str]) -> str | None:
        """Return the id of the part that a receipt with these ids means; None: of a message whose answer was lost."""
        known = self.parts.get(attempt_id, ())
        return next((part for part in known if id_of_centre(part) in ids), None)


def _try_later(receipt: WaitingReceipt, attempts: Sequence[Candidate], *, now: datetime) -> bool:
    """Set when a receipt is tried again. Returns False where it means none of ours: what is another system's is not kept."""
    waits = now - receipt.received_at
    receipt.next_try_at = now + min(LONGEST_RETRY, max(FIRST_RETRY, waits))
    is_open = any(each.state in _OPEN for each in attempts)
    return waits <= (ID_LIFE if is_open else RECORDED_WITHIN)


def match_receipts(session: Session, *, now: datetime, reference_key: str) -> int:
    """Find the attempts of up to MATCH_LIMIT due receipts and apply them; `reference_key` made our references. Returns how many were found."""
    due = session.scalars(
        select(WaitingReceipt)
        .where(WaitingReceipt.next_try_at <= now)
        .order_by(WaitingReceipt.next_try_at, WaitingReceipt.id)
        .limit(MATCH_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    if not due:
        return 0
    sent = _read_sent(session, due, now=now, reference_key=reference_key)
    reports: list[AttemptReport] = []
    parts: list[tuple[str, int, WaitingReceipt]] = []
    adopted: dict[str, int] = {}  # attempts by ids of parts that become known by their receipts
    finished: list[int] = []
    found = 0
    for receipt in due:
        to_phone = sent.get((receipt.phone_id, receipt.account_id)) or _Sent([], set(), {}, {})
        facts = ReceiptFacts(tuple(receipt.message_ids), receipt.reference, receipt.text, receipt.received_at)
        attempt_id = find_attempt(facts, to_phone.attempts)
        if attempt_id is None:
            if not _try_later(receipt, to_phone.attempts, now=now):
                finished.append(receipt.id)
            continue
        found += 1
        finished.append(receipt.id)
        own = gateway_id(facts.message_ids[0], attempt_id) if facts.message_ids else None
        if to_phone.is_one(attempt_id):
            known_as = None if attempt_id in to_phone.answered else own
            reports.append(_report(receipt, attempt_id, known_as))
        elif own:
            part_id = to_phone.part_of(attempt_id, possible_ids(facts.message_ids))
            if part_id is None:
                adopted[own] = attempt_id
            parts.append((part_id or own, attempt_id, receipt))
    # Locked before the parts are read: two transactions with one part each must not both miss that all are there.
    touched = {report.attempt_id for report in reports} | {attempt_id for _, attempt_id, _ in parts}
    session.execute(
        select(Attempt.id)
        .where(Attempt.id.in_(values_subquery(session, touched)))
        .order_by(Attempt.id)
        .with_for_update()
    )
    for part_id, attempt_id in adopted.items():
        session.merge(MessagePart(gateway_id=part_id, attempt_id=attempt_id))
    session.flush()
    reports += _reports_of_parts(session, parts)
    apply_reports(session, reports, now=now)
    session.flush()
    delete_rows(session, WaitingReceipt, WaitingReceipt.id.in_(values_subquery(session, finished)))
    return found


def _read_sent(
    session: Session, receipts: Sequence[WaitingReceipt], *, now: datetime, reference_key: str
) -> Mapping[tuple[int, int], _Sent]:
    """Return what was sent to the receipts' phones within the life of a message's id, by phone and account."""
    phones = values_subquery(session, {receipt.phone_id for receipt in receipts})
    since = min(receipt.received_at for receipt in receipts) - ID_LIFE
    mine = (Attempt.phone_id.in_(phones), Attempt.claimed_at.between(since, now + CLOCK_SLACK))
    parts: dict[int, list[str]] = {}
    for attempt_id, part_id in session.execute(
        select(MessagePart.attempt_id, MessagePart.gateway_id)
        .join(Attempt, Attempt.id == MessagePart.attempt_id)
        .where(*mine)
    ):
        parts.setdefault(attempt_id, []).append(part_id)
    sent: dict[tuple[int, int], _Sent] = {}
    for row in session.execute(
        select(
            *columns_of(Attempt, "id phone_id account_id gateway_id body state claimed_at settled_at")
        ).where(*mine)
    ):
        to_phone = sent.setdefault((row.phone_id, row.account_id), _Sent([], set(), parts, {}))
        to_phone.lengths[row.id] = 1 if row.gateway_id else _count_parts(row.body)
        if row.gateway_id:
            to_phone.answered.add(row.id)
        # Parts of a message whose answer was lost are known by their receipts alone: others may follow.
        known = [row.gateway_id, *parts.get(row.id, ())] if row.gateway_id else []
        to_phone.attempts.append(
            Candidate(
                row.id,
                frozenset(map(id_of_centre, known)),
                reference_of(row.id, secret_key=reference_key),
                row.body,
                row.state,
                row.claimed_at,
                row.settled_at,
            )
        )
    return sent


def _count_parts(body: str) -> int:
    """Return in how many parts we send a text; `Attempt.segments` are those that it may cost."""
    return len(split(measure(body)))


def _report(receipt: WaitingReceipt, attempt_id: int, known_as: str | None) -> AttemptReport:
    return AttemptReport(
        attempt_id, AttemptState(receipt.status), known_as, cause=receipt.cause, code=receipt.code
    )


def _reports_of_parts(
    session: Session, parts: Sequence[tuple[str, int, WaitingReceipt]]
) -> list[AttemptReport]:
    """Note the receipts of parts. Returns reports: failed with the first part that failed, delivered with the last."""
    if not parts:
        return []
    for part_id, _, receipt in parts:
        set_columns(session, MessagePart, MessagePart.gateway_id == part_id, status=receipt.status)
    attempt_ids = values_subquery(session, {attempt_id for _, attempt_id, _ in parts})
    statuses: dict[int, list[str | None]] = {}
    bodies: dict[int, str] = {}
    for attempt_id, body, status in session.execute(
        select(Attempt.id, Attempt.body, MessagePart.status)
        .join(MessagePart, MessagePart.attempt_id == Attempt.id)
        .where(Attempt.id.in_(attempt_ids))
        .order_by(Attempt.id)
    ):
        statuses.setdefault(attempt_id, []).append(status)
        bodies[attempt_id] = body
    reports = []
    for _, attempt_id, receipt in parts:
        known = statuses.get(attempt_id, [])
        if receipt.status == DeliveryStatus.DELIVERED:
            is_whole = len(known) >= _count_parts(bodies.get(attempt_id, ""))
            if is_whole and set(known) == {DeliveryStatus.DELIVERED.value}:
                reports.append(_report(receipt, attempt_id, None))
        elif receipt.status in (DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED):
            reports.append(_report(receipt, attempt_id, None))
    return reports


def store_operator(runtime: Runtime, attempt_id: int, gateway_id: str, operator: Operator) -> None:
    """Store the operator of an attempt's number, where it is not what was known or guessed.

    What is said of another message (`gateway_id`) than the attempt's says nothing of its number.
    """
    with runtime.db.read() as session:
        phone = session.execute(
            select(Phone.id, Phone.e164, Phone.operator)
            .join(Attempt, Attempt.phone_id == Phone.id)
            .where(
                Attempt.id == attempt_id,
                or_(Attempt.gateway_id.is_(None), Attempt.gateway_id == gateway_id, literal(not gateway_id)),
            )
        ).first()
    if phone is None or operator_of(phone.e164, phone.operator) is operator:
        return
    with runtime.db.write() as session:
        set_columns(session, Phone, Phone.id == phone.id, operator=operator.value)
