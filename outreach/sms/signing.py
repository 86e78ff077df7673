"""Signatures of calls that come to us, and ids for calls that bring none: HMAC-SHA256 in hexadecimal. Pure."""

from __future__ import annotations

import hashlib
import hmac


def is_signed(content: bytes, *, key: str, signature: str | None) -> bool:
    """Whether `signature` is the content's under this key. Without a key nothing is."""
    if not key or not signature:
        return False
    expected = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def make_id(*parts: str, secret_key: str) -> str:
    """40 characters that are the same for the same parts. Keyed: numbers and texts are few enough to be guessed."""
    return hmac.new(f"reply/{secret_key}".encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()[
        :40
    ]


def is_secret(given: str | None, *, secret: str) -> bool:
    """Whether the caller knows the shared secret; compared in a time that tells nothing of it."""
    return bool(secret and given) and hmac.compare_digest(str(given).encode(), secret.encode())
