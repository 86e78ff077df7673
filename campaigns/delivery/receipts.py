"""Receipts: delivery reports that do not name our attempt, as SMPP has them.

They are stored as they come. Their attempt is found by the gateway's id; where no answer with an id was ever seen, by
our reference, or by number and text if only one attempt fits. What fits nothing is tried again for three days: other
systems may use the same account.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, String, delete, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.record_outcomes import AttemptReport, apply_reports
from campaigns.models.messages import Attempt, MessagePart, WaitingReceipt
from campaigns.rules.states import AttemptState
from outreach.core.bulk import change_rows, values_subquery
from outreach.models.contacts import Phone
from outreach.rules.gateway import DeliveryStatus, Receipt
from outreach.rules.smpp import gateway_id, is_same_text, number_tag, possible_ids
from outreach.rules.smpp import tag_key as key_of_tags

MATCH_LIMIT = 1000
# An answer of a moment ago may not be recorded yet: before that an unknown attempt is not taken for a receipt's.
ANSWER_IS_RECORDED_IN = timedelta(seconds=10)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(hours=1)
KEEP_FOR = timedelta(days=3)
CLOCK_SLACK = timedelta(minutes=1)  # a claim has the database's time, a receipt that of the worker's host


def store_receipts(session: Session, receipts: Sequence[Receipt], *, now: datetime) -> None:
    """Store receipts as they came, due at once."""
    session.add_all(
        WaitingReceipt(
            message_ids=list(receipt.message_ids),
            tags=list(receipt.tags),
            status=receipt.status.value,
            cause=receipt.cause.value if receipt.cause else None,
            code=receipt.code,
            reference=receipt.reference,
            text=receipt.text[:20],
            received_at=now,
            next_try_at=now,
        )
        for receipt in receipts
    )


def match_receipts(session: Session, *, now: datetime, tag_key: str, secret_key: str) -> int:
    """Find the attempts of up to MATCH_LIMIT due receipts and apply them. Returns how many were found.

    `tag_key` is what the first account's gateway made the tags with, `secret_key` that of suppressed numbers.
    """
    due = session.scalars(
        select(WaitingReceipt)
        .where(WaitingReceipt.next_try_at <= now)
        .order_by(WaitingReceipt.next_try_at, WaitingReceipt.id)
        .limit(MATCH_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    if not due:
        return 0
    owners = _owners(session, {i for receipt in due for i in _exact_ids(receipt)})
    # Other spellings of an id are looked for only where it is not known as it stands.
    spellings = {
        receipt.id: possible_ids(receipt.message_ids, receipt.tags)
        for receipt in due
        if owners.keys().isdisjoint(_exact_ids(receipt))
    }
    owners |= _owners(session, {i for ids in spellings.values() for i in ids})
    reports: list[AttemptReport] = []
    done: list[int] = []
    parts: list[tuple[str, int, WaitingReceipt]] = []
    unmatched: list[WaitingReceipt] = []
    for receipt in due:
        ids = spellings.get(receipt.id) or _exact_ids(receipt)
        found = next((i for i in ids if i in owners), None)
        if found is None:
            unmatched.append(receipt)
            continue
        attempt_id, is_part = owners[found]
        done.append(receipt.id)
        if is_part:
            parts.append((found, attempt_id, receipt))
        else:
            reports.append(_report(receipt, attempt_id, found))
    waiting = [receipt for receipt in unmatched if now - receipt.received_at >= ANSWER_IS_RECORDED_IN]
    for receipt, attempt in _match_unknown(session, waiting, tag_key=tag_key):
        done.append(receipt.id)
        tag = _tag(attempt, key=tag_key)
        adopted = next((gateway_id(message_id, tag) for message_id in receipt.message_ids), None)
        if attempt.segments == 1:
            reports.append(_report(receipt, attempt.id, adopted))
        elif adopted:
            session.merge(MessagePart(gateway_id=adopted, attempt_id=attempt.id))
            session.flush()
            parts.append((adopted, attempt.id, receipt))
    # Locked before the parts are read: two transactions with one part each must not both miss that all are there.
    touched = {report.attempt_id for report in reports} | {attempt_id for _, attempt_id, _ in parts}
    session.execute(
        select(Attempt.id)
        .where(Attempt.id.in_(values_subquery(session, touched, BigInteger)))
        .order_by(Attempt.id)
        .with_for_update()
    )
    reports += _reports_of_parts(session, parts)
    apply_reports(session, reports, now=now, secret_key=secret_key)
    finished = set(done) | {receipt.id for receipt in unmatched if now - receipt.received_at > KEEP_FOR}
    for receipt in unmatched:
        wait = min(LONGEST_RETRY, max(FIRST_RETRY, now - receipt.received_at))
        receipt.next_try_at = now + wait
    session.flush()
    change_rows(
        session,
        delete(WaitingReceipt).where(WaitingReceipt.id.in_(values_subquery(session, finished, BigInteger))),
    )
    return len(done)


def _exact_ids(receipt: WaitingReceipt) -> list[str]:
    return [gateway_id(message_id, tag) for message_id in receipt.message_ids for tag in receipt.tags]


def _owners(session: Session, gateway_ids: set[str]) -> dict[str, tuple[int, bool]]:
    """Return the attempts that have these ids, and whether an id is that of one part of several."""
    if not gateway_ids:
        return {}
    ids = values_subquery(session, gateway_ids, String)
    owners: dict[str, tuple[int, bool]] = {}
    for known, attempt_id in session.execute(
        select(Attempt.gateway_id, Attempt.id).where(Attempt.gateway_id.in_(ids))
    ):
        owners[str(known)] = attempt_id, False
    for known, attempt_id in session.execute(
        select(MessagePart.gateway_id, MessagePart.attempt_id).where(MessagePart.gateway_id.in_(ids))
    ):
        owners[known] = attempt_id, True
    return owners


def _report(receipt: WaitingReceipt, attempt_id: int, known_as: str | None) -> AttemptReport:
    return AttemptReport(
        attempt_id, AttemptState(receipt.status), known_as, cause=receipt.cause, code=receipt.code
    )


def _match_unknown(
    session: Session, receipts: Sequence[WaitingReceipt], *, tag_key: str
) -> list[tuple[WaitingReceipt, Any]]:
    """Return pairs of a receipt and the one unknown attempt that it can be about.

    The reference decides where the centre gives it back; else number and text, if no other attempt fits.
    """
    if not receipts:
        return []
    by_tag: dict[str, list[Any]] = {}
    for attempt in session.execute(
        select(Attempt.id, Attempt.account_id, Attempt.segments, Attempt.body, Attempt.claimed_at, Phone.e164)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(Attempt.state == AttemptState.UNKNOWN, Attempt.gateway_id.is_(None))
    ):
        by_tag.setdefault(_tag(attempt, key=tag_key), []).append(attempt)
    pairs: list[tuple[WaitingReceipt, Any]] = []
    taken: set[int] = set()
    for receipt in receipts:
        fitting = [
            attempt
            for tag in set(receipt.tags)
            for attempt in by_tag.get(tag, ())
            if attempt.claimed_at <= receipt.received_at + CLOCK_SLACK
            and (attempt.segments > 1 or attempt.id not in taken)
            and (
                attempt.id & 0xFFFF == receipt.reference
                if receipt.reference is not None
                else attempt.segments > 1 or is_same_text(receipt.text, attempt.body)
            )
        ]
        if len(fitting) == 1:
            taken.add(fitting[0].id)
            pairs.append((receipt, fitting[0]))
    return pairs


def _tag(attempt: Any, *, key: str) -> str:
    return number_tag(attempt.e164, secret_key=key_of_tags(key, attempt.account_id))


def _reports_of_parts(
    session: Session, parts: Sequence[tuple[str, int, WaitingReceipt]]
) -> list[AttemptReport]:
    """Note the receipts of parts. Returns reports: failed with the first part that failed, delivered with the last."""
    if not parts:
        return []
    for part_id, _, receipt in parts:
        change_rows(
            session,
            update(MessagePart).where(MessagePart.gateway_id == part_id).values(status=receipt.status),
        )
    attempt_ids = values_subquery(session, {attempt_id for _, attempt_id, _ in parts}, BigInteger)
    statuses: dict[int, list[str | None]] = {}
    segments: dict[int, int] = {}
    for attempt_id, expected, status in session.execute(
        select(Attempt.id, Attempt.segments, MessagePart.status)
        .join(MessagePart, MessagePart.attempt_id == Attempt.id)
        .where(Attempt.id.in_(attempt_ids))
        .order_by(Attempt.id)
    ):
        statuses.setdefault(attempt_id, []).append(status)
        segments[attempt_id] = expected
    reports = []
    for _, attempt_id, receipt in parts:
        known = statuses.get(attempt_id, [])
        if receipt.status == DeliveryStatus.DELIVERED:
            if len(known) >= segments.get(attempt_id, 0) and set(known) == {DeliveryStatus.DELIVERED.value}:
                reports.append(_report(receipt, attempt_id, None))
        elif receipt.status in (DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED):
            reports.append(_report(receipt, attempt_id, None))
    return reports
