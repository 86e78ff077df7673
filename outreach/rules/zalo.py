"""Webhook of a Zalo official account: its signature, and what its events say. Pure.

Source: Zalo for Developers, "Webhook" and "Sự kiện người dùng gửi tin nhắn" of the Official Account API. Events name a user by an id of
the account's; a number comes only with the user's consent (`user_submit_info`).
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from outreach.rules.sms_inbound import as_number, parse_timestamp
from outreach.rules.texts import clean_text

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
