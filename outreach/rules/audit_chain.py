"""The arithmetic of the audit's chain: each entry's hash covers the entry before it. Pure.

The values before and after a change may be personal data, which an erasure must be able to take away: the chain
covers their salted digest alone. Without the salt, which goes with them, no number can be guessed from its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

GENESIS = "0" * 64  # what the first entry follows


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One entry as the chain sees it, and what stands beside it. `values` and `salt` are None once erased."""

    id: int
    at: datetime
    actor_id: int | None
    origin: str
    action: str
    subject: str
    details: dict[str, Any]
    values_digest: str
    previous: str
    hash: str
    salt: str | None = None
    values: dict[str, Any] | None = None


class ChainFault(StrEnum):
    CHANGED = "changed"
    VALUES = "values"  # the entry is whole, its values before and after are not
    REMOVED = "removed"
    INSERTED = "inserted"


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first entry that is not as it was written; of removed ones the first that is missing."""

    id: int
    fault: ChainFault


def hash_entry(
    previous: str,
    *,
    id: int,
    at: datetime,
    actor_id: int | None,
    origin: str,
    action: str,
    subject: str,
    details: dict[str, Any],
    values_digest: str,
) -> str:
    """The hash of an entry that follows the one with the hash `previous`."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return _sha256([previous, id, moment, actor_id, origin, action, subject, details, values_digest])


def digest(salt: str, values: dict[str, Any]) -> str:
    return _sha256([salt, values])


def find_break(links: Iterable[ChainEntry], *, last_id: int, last_hash: str) -> ChainBreak | None:
    """The first break of a chain whose last entry was `last_id`; None where it is whole. Links in the order of ids."""
    before_id, before_hash = 0, GENESIS
    for link, following in _with_next(links):
        is_own = link.hash == _seal_of(link)
        if not is_own or link.previous != before_hash:
            return ChainBreak(*_name(link, following, is_own, before_id, before_hash, last_id))
        if link.values is not None and digest(link.salt or "", link.values) != link.values_digest:
            return ChainBreak(link.id, ChainFault.VALUES)
        before_id, before_hash = link.id, link.hash
    if before_hash != last_hash:
        return (
            ChainBreak(before_id + 1, ChainFault.REMOVED)
            if before_id < last_id
            else ChainBreak(before_id, ChainFault.INSERTED)
        )
    return None


def _name(
    link: ChainEntry,
    following: ChainEntry | None,
    is_own: bool,
    before_id: int,
    before_hash: str,
    last_id: int,
) -> tuple[int, ChainFault]:
    """What happened at a link that does not fit, by where the one after it holds on."""
    if following is not None and following.previous == before_hash:
        return link.id, ChainFault.INSERTED
    if following is None and link.id > last_id:
        return link.id, ChainFault.INSERTED
    if not is_own:
        return link.id, ChainFault.CHANGED
    # Numbers have gaps only among entries from before there was a chain.
    return (before_id + 1 if link.id > before_id + 1 else link.id), ChainFault.REMOVED


def _seal_of(link: ChainEntry) -> str:
    return hash_entry(
        link.previous,
        id=link.id,
        at=link.at,
        actor_id=link.actor_id,
        origin=link.origin,
        action=link.action,
        subject=link.subject,
        details=link.details,
        values_digest=link.values_digest,
    )


def _with_next(links: Iterable[ChainEntry]) -> Iterator[tuple[ChainEntry, ChainEntry | None]]:
    held: ChainEntry | None = None
    for link in links:
        if held is not None:
            yield held, link
        held = link
    if held is not None:
        yield held, None


def _sha256(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
