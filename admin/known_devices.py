"""Devices on which somebody has signed in: they pass a lock on their e-mail address that strangers have caused.

A device has a signed cookie for each e-mail address, with a random name under which its own attempts are counted
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

import hashlib
import secrets

from flask import Request
from werkzeug.wrappers import Response

from outreach.core.signed_tokens import VALID_FOR, TokenExpired, TokenPurpose, read_token, sign_token


def device_of(request: Request, email: str, *, secret_key: str) -> str:
    """Return the device's random name, "" if nobody with this address has signed in on it."""
    digest = email_digest(email)
    try:
        known = read_token(TokenPurpose.DEVICE, request.cookies.get(_cookie(digest), ""), secret_key)
    except TokenExpired:
        return ""
    is_theirs = isinstance(known, list) and len(known) == 2 and known[0] == digest
    return str(known[1]) if is_theirs else ""


def remember_device(response: Response, email: str, *, secret_key: str, is_https: bool) -> None:
    """Let the device be known for a year as one of this address."""
    digest = email_digest(email)
    response.set_cookie(
        _cookie(digest),
        sign_token(TokenPurpose.DEVICE, [digest, secrets.token_hex(16)], secret_key),
        max_age=VALID_FOR[TokenPurpose.DEVICE],
        httponly=True,
        secure=is_https,
        samesite="Lax",
        path="/login",
    )


def email_digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def _cookie(digest: str) -> str:
    return f"device-{digest[:12]}"
