"""Signatures of calls that come to us: HMAC-SHA256 in hexadecimal. Pure."""

from __future__ import annotations

import hashlib
import hmac


def is_signed(content: bytes, *, key: str, signature: str | None) -> bool:
    """Whether `signature` is the content's under this key. Without a key nothing is."""
    if not key or not signature:
        return False
    expected = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def is_secret(given: str | None, *, secret: str) -> bool:
    """Whether the caller knows the shared secret; compared in a time that tells nothing of it."""
    return bool(secret and given) and hmac.compare_digest(str(given).encode(), secret.encode())
