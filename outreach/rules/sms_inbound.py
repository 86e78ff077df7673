"""Inbound replies: an operator's push format, the webhook of a Zalo official account, timestamps, signatures and ids. Pure.

The operator of a domestic short code pushes replies by HTTP: see docs/inbound.md. Signatures, and ids for calls without
one, are HMAC-SHA256 in hexadecimal.

Source of the webhook: Zalo for Developers, "Webhook" and "Sự kiện người dùng gửi tin nhắn" of the Official Account API. Events name
a user by an id of the account's; a number comes only with the user's consent (`user_submit_info`).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from outreach.rules.errors import BadInput
from outreach.rules.formats import PushFields
from outreach.rules.gateway import VIETNAM, InboundMessage
from outreach.rules.phone_numbers import read_phone_cell
from outreach.rules.texts import clean_text


def parse_push(form: Mapping[str, str], fields: PushFields) -> InboundMessage:
    """Parse a reply pushed by an operator. Raises BadInput if the id or the sender is missing."""
    message_id = form.get(fields.id, "").strip()
    sender = form.get(fields.sender, "").strip()
    if not message_id or not sender:
        raise BadInput("push_fields_missing", id=fields.id, sender=fields.sender)
    return InboundMessage(
        gateway_id=f"push:{message_id}",
        sender=as_number(sender),
        recipient=form.get(fields.recipient, ""),
        body=form.get(fields.body, ""),
        is_opt_out=False,
        received_at=parse_timestamp(form.get(fields.at, "")),
    )


def as_number(sender: str) -> str:
    """Return a mobile number in E.164, from any usual form; anything else (a short code) stays."""
    numbers = read_phone_cell(sender).numbers
    return numbers[0] if len(numbers) == 1 else sender


_EPOCH = re.compile(r"\d{9,13}(\.\d*)?")
_MILLISECONDS_FROM = 100_000_000_000  # as seconds it would be the year 5138
_FIRST_YEAR = 2000  # an earlier time comes from a wrong clock


def parse_timestamp(text: str) -> datetime | None:
    """Parse ISO 8601 (Vietnam's time if there is no zone), or seconds or milliseconds since 1970.

    Returns UTC; None for anything else and for a time before 2000.
    """
    value = text.strip()
    try:
        if _EPOCH.fullmatch(value):
            seconds = float(value)
            moment = datetime.fromtimestamp(
                seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, tz=UTC
            )
        else:
            moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year >= _FIRST_YEAR else None


def is_signed(content: bytes, *, key: str, signature: str | None) -> bool:
    """Check the content's signature under this key. Returns False without a key."""
    if not key or not signature:
        return False
    expected = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def keyed_id(*parts: str, secret_key: str) -> str:
    """Return an id of 40 characters for the parts, keyed, as a plain hash could be guessed."""
    return hmac.new(f"reply/{secret_key}".encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()[
        :40
    ]


def is_secret(value: str | None, *, secret: str) -> bool:
    """Check the caller's value against the shared secret, in constant time."""
    return bool(secret and value) and hmac.compare_digest(str(value).encode(), secret.encode())


# The account may answer a user without charge for so long after each message ("Tin phản hồi": 48 hours, 8 messages).
ANSWERS_FREE_FOR = timedelta(hours=48)


class ZaloMessage(NamedTuple):
    """What a user wrote to the account. `text` names the kind of what is no text: a picture, a voice message."""

    id: str
    user: str
    text: str
    sent_at: datetime | None


class ZaloNumber(NamedTuple):
    """A number that a user gave the account."""

    user: str
    number: str


def is_signed_event(
    content: bytes, event: Mapping[str, Any], *, secret: str, signature: str | None, sent_at: str = ""
) -> bool:
    """Return whether the account signed an event: the hash of the app's id, the content, a timestamp and the secret.

    The timestamp is the event's, or `sent_at` of the request's head: the documentation shows the first, clients meet both.
    """
    signed = (signature or "").removeprefix("mac=").strip().lower().encode()
    app = str(event.get("app_id", "")).encode() + content
    hashes = (
        hashlib.sha256(app + (timestamp + secret).encode()).hexdigest()
        for timestamp in (str(event.get("timestamp", "")), sent_at)
    )
    return any(hmac.compare_digest(each.encode(), signed) for each in hashes)


def read_event(event: Mapping[str, Any]) -> ZaloMessage | ZaloNumber | None:
    """Return what an event says; None for one that is nothing to us: a notice seen, an account followed."""
    name, user, said, info = (event.get(part) or {} for part in ("event_name", "sender", "message", "info"))
    user_id = clean_text(str(user.get("id", "")))[:26] if isinstance(user, Mapping) else ""
    if not user_id or not isinstance(name, str):
        return None
    if name == "user_submit_info" and isinstance(info, Mapping) and info.get("phone"):
        return ZaloNumber(user_id, as_number(str(info["phone"])))
    sender, _sends, kind = name.partition("_send_")
    if sender in ("user", "anonymous") and kind and isinstance(said, Mapping) and said.get("msg_id"):
        text = str(said.get("text") or f"[{kind}]")
        sent_at = parse_timestamp(str(event.get("timestamp", "")))
        return ZaloMessage(clean_text(str(said["msg_id"]))[:58], user_id, clean_text(text), sent_at)
    return None
