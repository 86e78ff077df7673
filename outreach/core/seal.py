"""Seal of secrets that are stored in the database, by keys that are not in it."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from outreach.rules.errors import BadInput
from outreach.rules.keys import split_keys


def _keyring(keys: str) -> MultiFernet:
    digests = [hashlib.sha256(b"seal/" + key.encode()).digest() for key in split_keys(keys)]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def seal_secret(secret: str, *, keys: str) -> str:
    """Return a secret sealed by the newest of `keys` (as in `outreach.rules.keys`)."""
    return _keyring(keys).encrypt(secret.encode()).decode("ascii")


def open_sealed(sealed: str, *, keys: str) -> str:
    """Return the secret. Raises BadInput if none of the keys has sealed it."""
    try:
        return _keyring(keys).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise BadInput("seal_broken") from None
