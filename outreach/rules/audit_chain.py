"""Hash chain of the audit log: each entry's hash covers the hash of the entry before it. Pure.

Entries are keyed (HMAC-SHA256) under a key that the database does not hold, so that nobody who can only write to the
database can chain them anew. Those from before keys have a plain SHA-256; after the first keyed entry there are none.

The values before and after a change may be personal data, which an erasure must be able to delete: the chain
covers only their salted digest. The salt is deleted with them; without it no number can be guessed from its digest.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any

GENESIS = "0" * 64  # `previous` of the first entry


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """Entry of the audit log with its values and their salt, both None once erased."""

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
    key_id: str = ""
    salt: str | None = None
    values: dict[str, Any] | None = None


class ChainFault(StrEnum):
    CHANGED = "changed"
    VALUES = "values"  # the entry is intact, its values before and after are not
    REMOVED = "removed"
    INSERTED = "inserted"
    UNKNOWN_KEY = "unknown_key"  # it cannot be verified
    UNKEYED = "unkeyed"  # no entry is keyed, though there is a key


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """First entry that is not as it was written; if entries were removed, the first missing one."""

    id: int
    fault: ChainFault


# What an entry's hash covers besides the hash of the entry before it, in this order.
HASHED = ("id", "at", "actor_id", "origin", "action", "subject", "details", "values_digest")


def hash_entry(previous: str, *, key: str = "", **entry: Any) -> str:
    """Return the hash of an entry, its fields HASHED, that follows the one with the hash `previous`; without a key a plain one."""
    moment = entry["at"].astimezone(UTC).isoformat(timespec="microseconds")
    parts = [previous, *(moment if name == "at" else entry[name] for name in HASHED)]
    if not key:
        return _sha256(parts)
    return hmac.new(f"audit/{key}".encode(), _as_bytes(parts), hashlib.sha256).hexdigest()


def digest(salt: str, values: dict[str, Any]) -> str:
    """Return the salted digest of an entry's values."""
    return _sha256([salt, values])


def find_break(
    links: Iterable[ChainEntry],
    *,
    last_id: int,
    last_hash: str,
    keys: Mapping[str, str] = MappingProxyType({}),
) -> ChainBreak | None:
    """Return the first break of the chain, or None if it is intact.

    `links` are in the order of ids; the last entry ever written was `last_id` with `last_hash`. `keys`: by `key_id`.
    """
    before_id, before_hash, is_keyed = 0, GENESIS, False
    known_keys = {None, "", *keys}
    ahead: Iterator[Any] = chain(links, [None])
    for link, following in pairwise(ahead):
        if link.key_id not in known_keys:
            return ChainBreak(link.id, ChainFault.UNKNOWN_KEY)
        is_unchanged = link.hash == _expected_hash(link, keys) and bool(link.key_id or not is_keyed)
        is_keyed |= bool(link.key_id)
        if not is_unchanged or link.previous != before_hash:
            return ChainBreak(*_classify(link, following, is_unchanged, before_id, before_hash, last_id))
        if link.values is not None and digest(link.salt or "", link.values) != link.values_digest:
            return ChainBreak(link.id, ChainFault.VALUES)
        before_id, before_hash = link.id, link.hash
    if before_hash != last_hash:
        is_cut = before_id < last_id
        return ChainBreak(before_id + is_cut, ChainFault.REMOVED if is_cut else ChainFault.INSERTED)
    return ChainBreak(before_id, ChainFault.UNKEYED) if keys and before_id and not is_keyed else None


def _classify(
    link: ChainEntry,
    following: ChainEntry | None,
    is_unchanged: bool,
    before_id: int,
    before_hash: str,
    last_id: int,
) -> tuple[int, ChainFault]:
    """Return the id and the fault at a link that does not fit, judged by the link after it."""
    if following is not None and following.previous == before_hash:
        return link.id, ChainFault.INSERTED
    if following is None and link.id > last_id:
        return link.id, ChainFault.INSERTED
    if not is_unchanged:
        return link.id, ChainFault.CHANGED
    # Ids have gaps only among entries from before the chain existed.
    return (before_id + 1 if link.id > before_id + 1 else link.id), ChainFault.REMOVED


def _expected_hash(link: ChainEntry, keys: Mapping[str, str]) -> str:
    entry = {name: getattr(link, name) for name in HASHED}
    return hash_entry(link.previous, **entry, key=keys[link.key_id] if link.key_id else "")


def _sha256(parts: list[Any]) -> str:
    return hashlib.sha256(_as_bytes(parts)).hexdigest()


def _as_bytes(parts: list[Any]) -> bytes:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")
