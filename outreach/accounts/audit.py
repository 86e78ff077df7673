"""Audit log: record, read, verify.

The record of who did what, when and from where. Written in the transaction of the deed, so neither stands alone.

Entries form a chain (trail/chain.py). They are appended when their transaction is about to commit, so that whoever
waits for the chain's end waits for a few rows and never for another's long work; it is the last lock that any
transaction takes, so that nobody can wait in a circle.

Is the audit as it was written? Every entry read again, and held against what was noted of it elsewhere.

The audit read back: who did what to which row, the latest first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, event, func, select, update
from sqlalchemy.orm import Session

from outreach.accounts.permissions import visible_to
from outreach.models.accounts import AuditEvent, AuditHead, AuditValues, User
from outreach.rules.audit_chain import (
    GENESIS,
    ChainBreak,
    ChainEntry,
    ChainFault,
    digest,
    find_break,
    hash_entry,
)
from outreach.rules.errors import BadInput

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


def set_origin(origin: str) -> None:
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


def erase_values(session: Session, subjects: Collection[str], *, now: datetime) -> None:
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
        sealed = hash_entry(previous, **parts)
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


_AT_ONCE = 2000
_SHORTEST_HASH = 16


@dataclass(frozen=True, slots=True)
class Anchor:
    """An entry's number and the beginning of its hash, noted outside the database: in a mail, on paper."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """`head` is worth noting elsewhere: it alone tells of entries cut off at the end together with the chain's end."""

    entries: int
    emptied: int  # values before and after that an erasure has taken
    head: Anchor
    broken: ChainBreak | None


def read_head(session: Session) -> Anchor:
    """The chain's last entry."""
    head = session.get(AuditHead, 1)
    return Anchor(head.last_id, head.hash) if head else Anchor(0, GENESIS)


def read_anchor(text: str) -> Anchor:
    """`120:3f9a…`, at least 16 characters of the hash. Raises BadInput."""
    number, _sep, start = text.strip().lower().partition(":")
    if not number.isdecimal() or len(start) < _SHORTEST_HASH:
        raise BadInput(
            "Mốc phải có dạng SỐ:MÃ như lệnh “audit verify” đã in, với ít nhất 16 ký tự của mã. Hãy kiểm tra lại."
        )
    return Anchor(int(number), start)


def check_audit(session: Session, anchors: Collection[Anchor] = ()) -> AuditCheck:
    """Read the whole audit again, in memory that does not grow with it."""
    head = read_head(session)
    broken = find_break(_links(session), last_id=head.id, last_hash=head.hash)
    for anchor in sorted(anchors, key=lambda each: each.id):
        if broken is not None and broken.id <= anchor.id:
            break
        found = session.scalar(select(AuditEvent.hash).where(AuditEvent.id == anchor.id))
        if found is None or not found.startswith(anchor.hash):
            # The chain is whole but is not the one that was noted.
            broken = ChainBreak(anchor.id, ChainFault.REMOVED if found is None else ChainFault.CHANGED)
    entries = session.scalar(select(func.count()).select_from(AuditEvent)) or 0
    emptied = session.scalar(
        select(func.count()).select_from(AuditValues).where(AuditValues.emptied_at.is_not(None))
    )
    return AuditCheck(entries, emptied or 0, head, broken)


def _links(session: Session) -> Iterator[ChainEntry]:
    rows = session.execute(
        select(
            AuditEvent.id,
            AuditEvent.at,
            AuditEvent.actor_id,
            AuditEvent.origin,
            AuditEvent.action,
            AuditEvent.subject,
            AuditEvent.details,
            AuditEvent.values_digest,
            AuditEvent.previous,
            AuditEvent.hash,
            AuditValues.salt,
            AuditValues.changes,
        )
        .outerjoin(AuditValues, AuditValues.event_id == AuditEvent.id)
        .order_by(AuditEvent.id)
        .execution_options(yield_per=_AT_ONCE)
    )
    return (ChainEntry(*row) for row in rows)


ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One deed. `who` is "" where the system or a command did it."""

    id: int
    at: datetime
    who: str
    who_id: int | None
    action: str
    subject: str
    details: dict[str, Any]
    origin: str
    changes: dict[str, Any]  # field: [before, after]
    is_emptied: bool  # there were changes, and an erasure has taken them


def read_journal(
    session: Session,
    user: User,
    *,
    who: int | None = None,
    action: str = "",
    subject: str = "",
    origin: str = "",
    day: datetime | None = None,
    before: int | None = None,
) -> tuple[list[AuditRow], bool]:
    """A page, and whether there are earlier ones. Without the whole scope: what one's own organisations did.

    `day` is the first moment of the day wanted; `before` the id of the last entry shown.
    """
    query = (
        select(AuditEvent, User.name, User.email, AuditValues)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .outerjoin(AuditValues, AuditValues.event_id == AuditEvent.id)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(AuditEvent.id.desc())
        .limit(ON_A_PAGE + 1)
    )
    if who is not None:
        query = query.where(AuditEvent.actor_id == who)
    if action:
        query = query.where(AuditEvent.action == action)
    if subject:
        query = query.where(AuditEvent.subject == subject)
    if origin:
        query = query.where(AuditEvent.origin == origin)
    if day is not None:
        query = query.where(AuditEvent.at >= day, AuditEvent.at < day + timedelta(days=1))
    if before is not None:
        query = query.where(AuditEvent.id < before)
    entries = [
        AuditRow(
            event.id,
            event.at,
            name or email or "",
            event.actor_id,
            event.action,
            event.subject,
            event.details,
            event.origin,
            (values.changes if values else None) or {},
            values is not None and values.emptied_at is not None,
        )
        for event, name, email, values in session.execute(query)
    ]
    return entries[:ON_A_PAGE], len(entries) > ON_A_PAGE


def read_actors(session: Session, user: User) -> list[tuple[int, str]]:
    """(id, e-mail) of the users whose deeds a user may read."""
    rows = session.execute(
        select(User.id, User.email)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(User.email)
    )
    return [(found, email) for found, email in rows]
