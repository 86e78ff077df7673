"""How a receiver knows that a webhook is ours: the signature of Standard Webhooks. Pure.

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256, under the secret's bytes, over `<webhook-id>.<webhook-timestamp>.<body>`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

PREFIX = "whsec_"


def secret_of(salt: str, *, secret_key: str) -> str:
    """A subscription's secret, as its receiver is given it. It is stored nowhere: without our key the salt says nothing."""
    raw = hmac.digest(secret_key.encode(), f"webhook:{salt}".encode(), hashlib.sha256)
    return PREFIX + base64.b64encode(raw).decode()


def sign(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """The signature of one try; `timestamp` is its own, in seconds, so that an old one cannot be played again."""
    raw = base64.b64decode(secret.removeprefix(PREFIX))
    said = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(raw, said, hashlib.sha256)).decode()
