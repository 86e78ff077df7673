"""Operators' push format, timestamps, signatures of calls to us.

A reply that a domestic short code's operator hands on by HTTP: see docs/inbound.md. Pure.

When a gateway says that something came, in whatever form it says it. Pure.

Signatures of calls that come to us, and ids for calls that bring none: HMAC-SHA256 in hexadecimal. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from outreach.rules.errors import BadInput
from outreach.rules.formats import PushFields
from outreach.rules.gateway import InboundMessage
from outreach.rules.phone_cells import read_phone_cell


def parse_push(said: Mapping[str, str], fields: PushFields) -> InboundMessage:
    """The reply in an operator's form. Raises BadInput for one without an id or a sender."""
    identity = said.get(fields.id, "").strip()
    sender = said.get(fields.sender, "").strip()
    if not identity or not sender:
        raise BadInput(f"Thiếu “{fields.id}” hoặc “{fields.sender}”.")
    return InboundMessage(
        gateway_id=f"push:{identity}",
        sender=as_number(sender),
        recipient=said.get(fields.recipient, ""),
        body=said.get(fields.body, ""),
        is_opt_out=False,
        received_at=parse_timestamp(said.get(fields.at, "")),
    )


def as_number(sender: str) -> str:
    """E.164 for a mobile number as operators and people write it; anything else (a short code) stays."""
    numbers = read_phone_cell(sender).numbers
    return numbers[0] if len(numbers) == 1 else sender


_VIETNAM = timezone(timedelta(hours=7))
_EPOCH = re.compile(r"\d{9,13}(\.\d*)?")
_MILLISECONDS_FROM = 100_000_000_000  # as seconds it would be the year 5138
_EARLIEST = 2000  # the year; before it nobody wrote us, whatever a clock says


def parse_timestamp(text: str) -> datetime | None:
    """ISO 8601, Vietnam's time where it names no zone, or seconds or milliseconds since 1970; in UTC.

    None for anything else and for a time before 2000.
    """
    said = text.strip()
    try:
        if _EPOCH.fullmatch(said):
            seconds = float(said)
            moment = datetime.fromtimestamp(
                seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, tz=UTC
            )
        else:
            moment = datetime.fromisoformat(said)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=_VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year >= _EARLIEST else None


def is_signed(content: bytes, *, key: str, signature: str | None) -> bool:
    """Whether `signature` is the content's under this key. Without a key nothing is."""
    if not key or not signature:
        return False
    expected = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def keyed_id(*parts: str, secret_key: str) -> str:
    """40 characters that are the same for the same parts. Keyed: numbers and texts are few enough to be guessed."""
    return hmac.new(f"reply/{secret_key}".encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()[
        :40
    ]


def is_secret(given: str | None, *, secret: str) -> bool:
    """Whether the caller knows the shared secret; compared in a time that tells nothing of it."""
    return bool(secret and given) and hmac.compare_digest(str(given).encode(), secret.encode())
