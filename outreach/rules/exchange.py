"""Wishes exchanged between installations: who the others are, what a page of their wishes says, what is done with it. Pure."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from outreach.rules.errors import BadInput
from outreach.rules.wishes import WishSource

# Where clocks differ by more, nobody can tell whether "no" or "yes" was said last.
CLOCKS_DIFFER = timedelta(minutes=5)
# What people said of themselves. What their agency said of them stays where it was said.
USUAL_REASONS = tuple(sorted({*WishSource} - {WishSource.ROSTER, WishSource.EXCHANGE}))
NAME = re.compile(r"[a-z0-9-]{1,15}")
_PEER = re.compile(rf"({NAME.pattern})=(https?://[^\s#]+?)/?#([0-9a-f]{{64}})")
_UID, _HASH = re.compile(r"[0-9]{1,10}\.[0-9a-f]{12}"), re.compile(r"[0-9a-f]{64}")


class Peer(NamedTuple):
    """Another installation: its name, the base of its addresses, and the public key that signs what it tells."""

    name: str
    url: str
    key: str

    def __str__(self) -> str:
        return f"{self.name}={self.url}#{self.key}"


def parse_peers(text: str) -> tuple[Peer, ...]:
    """Parse installations as `name=https://host#key`, separated by commas. Raises BadInput."""
    parts = [part for part in map(str.strip, text.split(",")) if part]
    if wrong := [part for part in parts if not _PEER.fullmatch(part)]:
        raise BadInput("setting_exchange_peers", part=wrong[0])
    return tuple(Peer(*match.groups()) for match in map(_PEER.fullmatch, parts) if match)


def parse_reasons(text: str) -> tuple[WishSource, ...]:
    """Parse ways of saying a wish, separated by commas. Raises BadInput."""
    found, choices = {part.strip() for part in text.split(",")}, {*WishSource} - {WishSource.EXCHANGE}
    if not found <= choices:
        raise BadInput("setting_choice", choices=sorted(choices))
    return tuple(sorted(map(WishSource, found)))


class Told(NamedTuple):
    """A wish as `office` tells it, or as who was told tells it back: the hashes of its numbers under the key that all share.

    `is_whole`: it is about no further number. `ended_at`: when it was taken back.
    """

    uid: str
    office: str
    numbers: frozenset[str]
    is_whole: bool
    said_at: datetime
    ended_at: datetime | None


class Page(NamedTuple):
    """What `office` tells `reader`, in answer to the request with this `nonce`; `key` is the hashes', `place` where to go on."""

    office: str
    reader: str
    nonce: str
    key: str
    at: datetime
    place: str
    wishes: list[Told]


def uid_of(office: str, wish_id: int, source: str, said_at: datetime) -> str:
    """Return what a wish is known by: its number with its content, as after a restore another gets the same number."""
    content = f"{office} {wish_id} {source} {said_at.astimezone(UTC).isoformat()}"
    return f"{wish_id}.{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def read_place(uid: str) -> int:
    """Return the number of the ledger's row in what it is known by, 0 for another text."""
    return int(uid.partition(".")[0]) if _UID.fullmatch(uid) else 0


def request_text(*, office: str, reader: str, after: str, nonce: str) -> bytes:
    """Return what a reader signs to be told the wishes after a place."""
    return "\n".join((office, reader, after, nonce)).encode()


def write_page(page: Page) -> bytes:
    return json.dumps(
        page, default=lambda each: sorted(each) if isinstance(each, frozenset) else each.isoformat()
    ).encode()


def read_page(body: bytes, asked: Page, *, keys: list[str]) -> Page:
    """Return a page that its sender has signed. `asked`: whom who has asked with which nonce, and when; `keys`: known keys' ids.

    Raises BadInput if it cannot be read, answers another request, has another time, or hashes under a key unknown here.
    """
    try:
        office, reader, nonce, key, at, place, wishes = json.loads(body)
        page = Page(office, reader, nonce, key, _moment(at), place, [_read(*each) for each in wishes])
        if place != "" and not _UID.fullmatch(place):
            raise ValueError(place)
    # Also nested too deep, and moments before the year 1: who tells them keeps nobody else from being read.
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise BadInput("exchange_unreadable", office=asked.office) from error
    if page[:3] != asked[:3] or {each.office for each in page.wishes} - {asked.office, asked.reader}:
        raise BadInput("exchange_answers_other", office=asked.office)
    if abs(page.at - asked.at) > CLOCKS_DIFFER:
        seconds = int((page.at - asked.at).total_seconds())
        raise BadInput("exchange_clock", office=asked.office, seconds=seconds)
    if page.key not in keys:
        raise BadInput("exchange_key_unknown", office=asked.office, key=str(page.key)[:8])
    return page


def _read(uid: str, office: str, numbers: list[str], is_whole: bool, said: str, ended: str | None) -> Told:
    if not (_UID.fullmatch(uid) and all(map(_HASH.fullmatch, numbers))):
        raise ValueError(uid)
    return Told(
        uid, str(office), frozenset(numbers), is_whole, _moment(said), _moment(ended) if ended else None
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
