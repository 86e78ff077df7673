"""Signatures by Ed25519, with keys that are derived from an installation's own; the public half is given to who checks them."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from outreach.rules.keys import newest_key


def signing_key(secret_key: str, use: str) -> Ed25519PrivateKey:
    """Return the key for one use, as "backup", from the newest of these keys."""
    digest = hashlib.sha256(f"{use}/{newest_key(secret_key)}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(digest)


def public_half(secret_key: str, use: str) -> str:
    """Return the public half of the key for one use, in hexadecimal."""
    return signing_key(secret_key, use).public_key().public_bytes_raw().hex()


def is_signed(content: bytes, signature: str, *, by: str) -> bool:
    """Return whether the owner of a public half has signed this content; both are in hexadecimal."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(by)).verify(bytes.fromhex(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True
