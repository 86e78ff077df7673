"""Is the audit as it was written? Every entry read again, and held against what was noted of it elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.access.models import AuditEvent, AuditHead, AuditValues
from outreach.access.trail.chain import GENESIS, Break, Fault, Link, find_break
from outreach.errors import BadInput

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
class Verdict:
    """`head` is worth noting elsewhere: it alone tells of entries cut off at the end together with the chain's end."""

    entries: int
    emptied: int  # values before and after that an erasure has taken
    head: Anchor
    broken: Break | None


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


def verify(session: Session, anchors: Collection[Anchor] = ()) -> Verdict:
    """Read the whole audit again, in memory that does not grow with it."""
    head = read_head(session)
    broken = find_break(_links(session), last_id=head.id, last_hash=head.hash)
    for anchor in sorted(anchors, key=lambda each: each.id):
        if broken is not None and broken.id <= anchor.id:
            break
        found = session.scalar(select(AuditEvent.hash).where(AuditEvent.id == anchor.id))
        if found is None or not found.startswith(anchor.hash):
            # The chain is whole but is not the one that was noted.
            broken = Break(anchor.id, Fault.REMOVED if found is None else Fault.CHANGED)
    entries = session.scalar(select(func.count()).select_from(AuditEvent)) or 0
    emptied = session.scalar(
        select(func.count()).select_from(AuditValues).where(AuditValues.emptied_at.is_not(None))
    )
    return Verdict(entries, emptied or 0, head, broken)


def _links(session: Session) -> Iterator[Link]:
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
    return (Link(*row) for row in rows)
