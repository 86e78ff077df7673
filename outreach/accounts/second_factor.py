"""Second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

The secret is derived from the installation's key and a nonce: the database alone reveals no code.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

import pyotp
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.notices import Notice, notify
from outreach.accounts.permissions import require_role
from outreach.accounts.users import lock_user
from outreach.core.db import count_rows
from outreach.models.accounts import RecoveryCode, Role, User
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.keys import newest_key, split_keys
from outreach.use_cases import use_case

STEP_S = 30
WRONG_CODES = 5
WAIT = timedelta(minutes=15)
RECOVERY_CODES = 10
# Everybody who may see full numbers.
MUST_HAVE_ONE = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER})
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look alike
_GROUPS = (4, 4, 4)


class CodeCheck(StrEnum):
    RIGHT = "right"
    RECOVERED = "recovered"  # a recovery code, used up now
    WRONG = "wrong"
    WAIT = "wait"


def has_second_factor(user: User) -> bool:
    return user.totp_nonce is not None


def new_nonce() -> str:
    return secrets.token_hex(16)


def secret_of(user_id: int, nonce: str, *, secret_key: str) -> str:
    """Return the secret that the authenticator app stores, in base32: of the newest key."""
    mac = hmac.new(newest_key(secret_key).encode(), f"totp:{user_id}:{nonce}".encode(), hashlib.sha256)
    return base64.b32encode(mac.digest()[:20]).decode()


def address_of(secret: str, email: str) -> str:
    """Return the `otpauth://` address for the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Loa")


@use_case
def set_up(
    session: Session, user: User, *, nonce: str, code: str, secret_key: str, now: datetime
) -> list[str]:
    """Activate a second factor, after a right code of the app. Returns new recovery codes.

    Raises BadInput for a wrong code, WrongState if there is a second factor already.
    """
    user = lock_user(session, user.id)
    if has_second_factor(user):
        raise WrongState("second_factor_set_before")
    step = _find_step(secret_of(user.id, nonce, secret_key=secret_key), code, after=0, now=now)
    if step is None:
        raise BadInput("second_factor_code_wrong")
    user.totp_nonce, user.totp_step, user.wrong_codes = nonce, step, 0
    notify(session, user.id, Notice.FACTOR_SET_UP)
    audit.record(session, "second_factor.set_up", user, user, now)
    return _renew_codes(session, user, secret_key=secret_key)


@use_case
def check_code(session: Session, user_id: int, code: str, *, secret_key: str, now: datetime) -> CodeCheck:
    """Check a code against the user's app and recovery codes. Each code is accepted once.

    After five wrong codes the user must wait. They are counted in the database, not in Redis: with a password
    known there are only a million codes, and none may be tried freely.
    """
    user = lock_user(session, user_id)
    if user.totp_nonce is None:
        return CodeCheck.WRONG
    if user.wrong_code_at is not None and user.wrong_code_at <= now - WAIT:
        user.wrong_codes = 0
    if user.wrong_codes >= WRONG_CODES:
        return CodeCheck.WAIT
    code = "".join(code.split()).lower().replace("-", "")
    # An app that was set up under a former key keeps its secret.
    secrets_of_app = [secret_of(user.id, user.totp_nonce, secret_key=key) for key in split_keys(secret_key)]
    steps = [_find_step(secret, code, after=user.totp_step, now=now) for secret in secrets_of_app]
    if step := next(filter(None, steps), None):
        user.totp_step, user.wrong_codes = step, 0
        return CodeCheck.RIGHT
    recovery_code = session.scalar(
        select(RecoveryCode).where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash.in_([_hash(code, user.id, key) for key in split_keys(secret_key)]),
            RecoveryCode.used_at.is_(None),
        )
    )
    if recovery_code is not None:
        recovery_code.used_at, user.wrong_codes = now, 0
        notify(session, user.id, Notice.CODE_USED)
        audit.record(session, "second_factor.recover", user, user, now)
        return CodeCheck.RECOVERED
    user.wrong_codes, user.wrong_code_at = user.wrong_codes + 1, now
    return CodeCheck.WRONG


def count_recovery_codes(session: Session, user_id: int) -> int:
    """Return how many recovery codes are unused."""
    return count_rows(session, RecoveryCode, RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))


@use_case
def renew_recovery_codes(session: Session, user: User, *, secret_key: str, now: datetime) -> list[str]:
    """Replace the recovery codes. Raises WrongState without a second factor."""
    user = lock_user(session, user.id)
    if not has_second_factor(user):
        raise WrongState("second_factor_not_set")
    notify(session, user.id, Notice.CODES_RENEWED)
    audit.record(session, "second_factor.renew_codes", user, user, now)
    return _renew_codes(session, user, secret_key=secret_key)


@use_case
def remove_second_factor(session: Session, user_id: int, *, user: User | None, now: datetime) -> None:
    """Remove the second factor, if the phone and codes are lost or the phone is replaced.

    By its owner, an administrator who knows the person who asks for it, or a command, which has no `user`. Raises
    NotFound, NotAllowed, WrongState.
    """
    if user and user.id != user_id:
        require_role(user)
    account = lock_user(session, user_id)
    if not has_second_factor(account):
        raise WrongState("second_factor_none")
    account.totp_nonce, account.wrong_codes = None, 0
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    notify(session, account.id, Notice.FACTOR_REMOVED)
    audit.record(session, "second_factor.remove", account, user, now)


def _find_step(secret: str, code: str, *, after: int, now: datetime) -> int | None:
    """Return the time step of this code, the current or a neighbour, if later than `after`; None for none."""
    current, totp, match = int(now.timestamp()) // STEP_S, pyotp.TOTP(secret), None
    for step in (current - 1, current, current + 1):
        if hmac.compare_digest(totp.at(step * STEP_S).encode(), code.encode()) and step > after:
            match = step
    return match


def _renew_codes(session: Session, user: User, *, secret_key: str) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(length)) for length in _GROUPS)
        for _ in range(RECOVERY_CODES)
    ]
    session.add_all(
        RecoveryCode(user_id=user.id, code_hash=_hash(code.replace("-", ""), user.id, newest_key(secret_key)))
        for code in codes
    )
    return codes


def _hash(code: str, user_id: int, secret_key: str) -> str:
    return hmac.new(secret_key.encode(), f"recovery:{user_id}:{code}".encode(), hashlib.sha256).hexdigest()
