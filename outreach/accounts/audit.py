"""The record of who did what, when and from where. Written in the transaction of the deed, so neither stands alone.

Entries form a chain (trail/chain.py). They are appended when their transaction is about to commit, so that whoever
waits for the chain's end waits for a few rows and never for another's long work; it is the last lock that any
transaction takes, so that nobody can wait in a circle.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, event, func, select, update
from sqlalchemy.orm import Session

from outreach.access.models import AuditEvent, AuditHead, AuditValues
from outreach.access.trail.chain import GENESIS, digest, seal

COMMAND = "command"
_PENDING = "audit.pending"

# An address, COMMAND, or nothing where a worker does it.
_origin: ContextVar[str] = ContextVar("audit_origin", default="")


@dataclass(frozen=True, slots=True)
class _Entry:
    at: datetime
    actor_id: int | None
    origin: str
    action: str
    subject: str
    details: dict[str, Any]
    changes: dict[str, Any]


def come_from(origin: str) -> None:
    """From where this thread acts from now on: the address of a request, or COMMAND."""
    _origin.set(origin[:64])


def record(
    session: Session,
    *,
    actor_id: int | None,
    action: str,
    subject: str,
    now: datetime,
    **details: Any,
) -> None:
    """Note a deed; it is appended when the session's transaction commits, and gone with it otherwise.

    `subject` is table:id. Details hold ids and counts, never numbers, names or texts.
    """
    record_change(
        session, actor_id=actor_id, action=action, subject=subject, now=now, changes={}, details=details
    )


def record_change(
    session: Session,
    *,
    actor_id: int | None,
    action: str,
    subject: str,
    now: datetime,
    changes: Mapping[str, tuple[Any, Any]],
    details: Mapping[str, Any],
) -> None:
    """As `record`, with fields and their values before and after. They stand beside the chain: `forget` empties them."""
    session.info.setdefault(_PENDING, []).append(
        _Entry(
            now,
            actor_id,
            _origin.get(),
            action,
            subject,
            _as_stored(dict(details)),
            _as_stored({field: list(pair) for field, pair in changes.items()}),
        )
    )


def differences(row: object, wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields of a row that would become something else, with their values before and after."""
    before = {field: getattr(row, field) for field in wanted}
    return {field: (before[field], value) for field, value in wanted.items() if before[field] != value}


def forget(session: Session, subjects: Collection[str], *, now: datetime) -> None:
    """Empty the values before and after of all that was done to these rows; the entries stay."""
    empty_values(session, select(AuditEvent.id).where(AuditEvent.subject.in_(subjects)), now=now)


def entries_with_values(table: str, *, before: datetime) -> Select[Any]:
    """The ids of older entries about a table's rows whose values before and after are still there."""
    return (
        select(AuditEvent.id)
        .join(AuditValues, AuditValues.event_id == AuditEvent.id)
        .where(
            AuditEvent.subject.startswith(f"{table}:"),
            AuditEvent.at < before,
            AuditValues.emptied_at.is_(None),
        )
    )


def empty_values(session: Session, ids: Sequence[int] | Select[Any], *, now: datetime) -> int:
    """Empty the values of these entries; of how many they were there."""
    emptied = session.execute(
        update(AuditValues)
        .where(AuditValues.event_id.in_(ids), AuditValues.emptied_at.is_(None))
        .values(salt=None, changes=None, emptied_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(emptied.rowcount)  # type: ignore[attr-defined]


@event.listens_for(Session, "before_commit")
def _append(session: Session) -> None:
    entries: list[_Entry] = session.info.pop(_PENDING, [])
    if not entries:
        return
    session.flush()
    head = _hold_head(session)
    # Were a row slipped in behind the last one, those who work must still be able to.
    last_id = max(head.last_id, session.scalar(select(func.max(AuditEvent.id))) or 0)
    previous, values = head.hash, []
    for entry in entries:
        last_id += 1
        salt = secrets.token_hex(16)
        parts: dict[str, Any] = {
            "id": last_id,
            "at": entry.at,
            "actor_id": entry.actor_id,
            "origin": entry.origin,
            "action": entry.action,
            "subject": entry.subject,
            "details": entry.details,
            "values_digest": digest(salt, entry.changes) if entry.changes else "",
        }
        sealed = seal(previous, **parts)
        session.add(AuditEvent(**parts, previous=previous, hash=sealed))
        if entry.changes:
            values.append(AuditValues(event_id=last_id, salt=salt, changes=entry.changes))
        previous = sealed
    head.last_id, head.hash = last_id, previous
    session.flush()
    session.add_all(values)
    session.flush()


@event.listens_for(Session, "after_rollback")
def _drop(session: Session) -> None:
    session.info.pop(_PENDING, None)


def _hold_head(session: Session) -> AuditHead:
    """The chain's end, locked. The migration makes its row; the first entry of an emptied database makes it anew."""
    held = select(AuditHead).where(AuditHead.id == 1).with_for_update()
    head = session.scalar(held.execution_options(populate_existing=True))
    if head is None:
        head = AuditHead(id=1, last_id=0, hash=GENESIS)
        session.add(head)
    return head


def _as_stored(values: dict[str, Any]) -> dict[str, Any]:
    """As the database will give it back, so that its hash can be checked."""
    stored: dict[str, Any] = json.loads(json.dumps(values))
    return stored
