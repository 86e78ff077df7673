"""Signed tokens, sealed secrets and signatures that others check, each by a key of an installation's own.

A token is what a link, a phone or a cookie carries, for one purpose, some for a limited time. A seal keeps a secret in the
database by keys that are not in it. A signature is by Ed25519; its public half is given to who checks it.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from itsdangerous import BadSignature, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from outreach.core.settings import Settings
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose, newest_key, oldest_first, split_keys

Row = TypeVar("Row")


class TokenPurpose(StrEnum):
    """What a token opens, as its salt names it: one made for something else opens nothing."""

    AGENCY = "agency"  # the form of an agency's figures
    REPORT = "report"  # a day's report
    URGING = "urge"  # the answer to an urging
    INVITATION = "invitation"  # a password chosen for the first time
    RESET = "reset"  # a password chosen anew
    OFFICER = "visits"  # a village officer's phone, once
    PHONE = "visits-phone"  # the same phone from then on
    TEAM = "team"  # the page of a case for who is on the way, as long as it is open
    DEVICE = "known-device"  # a device on which somebody has signed in


VALID_FOR = {
    TokenPurpose.INVITATION: timedelta(hours=72),
    TokenPurpose.RESET: timedelta(hours=2),
    TokenPurpose.OFFICER: timedelta(hours=72),
    TokenPurpose.DEVICE: timedelta(days=365),
}


class TokenExpired(Exception):
    """A token that is genuine and whose time is over."""


def sign_token(purpose: TokenPurpose, value: Any, keys: str) -> str:
    """Return a token that carries a value. `keys` as `outreach.rules.keys` has them."""
    return str(_serializer(purpose, keys).dumps(value))


def signed_link(settings: Settings, path: str, purpose: TokenPurpose, value: Any) -> str:
    """Return the full address of a page, `path` before its token, which carries a value."""
    return f"{settings.public_base_url}{path}{sign_token(purpose, value, settings.keys_of(Purpose.LINKS))}"


def read_token(purpose: TokenPurpose, token: str, keys: str, *, made_since: datetime | None = None) -> Any:
    """Return what a token carries, None for one that is cut, forged or for something else.

    Raises TokenExpired, also for one with a limited time that was made before `made_since`.
    """
    serializer = _serializer(purpose, keys)
    try:
        if not isinstance(serializer, URLSafeTimedSerializer):
            return serializer.loads(token)
        max_age = int(VALID_FOR[purpose].total_seconds())
        value, made_at = serializer.loads(token, max_age=max_age, return_timestamp=True)
        if made_since and made_at < made_since:  # made_at is a whole second
            raise TokenExpired
        return value
    except SignatureExpired as error:
        raise TokenExpired from error
    except BadSignature:
        return None


def find_by_token(
    session: Session, table: type[Row], purpose: TokenPurpose, token: str, *, keys: str
) -> Row | None:
    """Return the row whose id a token carries, None where there is none."""
    row_id = read_token(purpose, token, keys)
    return session.get(table, row_id) if isinstance(row_id, int) else None


def _serializer(purpose: TokenPurpose, keys: str) -> URLSafeSerializer | URLSafeTimedSerializer:
    kind = URLSafeTimedSerializer if purpose in VALID_FOR else URLSafeSerializer
    return kind(oldest_first(keys), salt=purpose.value)


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
