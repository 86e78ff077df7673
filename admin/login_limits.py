"""Limits on sign-in attempts and reset mails, per e-mail and per IP address, counted in Redis.

A device on which somebody has signed in passes a lock on their e-mail address that strangers have caused: it has a signed
cookie for each address, with a random name under which its own attempts are counted
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

import hashlib
import secrets
from enum import StrEnum

from flask import Request
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from redis import Redis
from werkzeug.wrappers import Response

from outreach.core.rate_limits import hit, limiter, network_of, nothing_limited_without_redis
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


# From one network: strangers lock nobody elsewhere.
FAILURES_PER_EMAIL = RateLimitItemPerMinute(10, 15, "login:email")
FAILURES_IN_ALL = RateLimitItemPerHour(100, 1, "login:email:all")  # from all networks together
FAILURES_PER_ADDRESS = RateLimitItemPerMinute(30, 15, "login:address")  # many colleagues share one
FAILURES_PER_DEVICE = RateLimitItemPerMinute(10, 15, "login:device")  # of one that is known
FAILURES_AT_OWN_PASSWORD = RateLimitItemPerMinute(10, 15, "login:own")
REQUESTS_PER_EMAIL = RateLimitItemPerHour(3, 1, "login:link:email")
REQUESTS_PER_ADDRESS = RateLimitItemPerHour(20, 1, "login:link:address")
_AWAY = "login.limits_away"
_CLEARED = "loa:login-cleared:"


def hit_login(redis: Redis, *, email: str, address: str, device: str = "") -> int:
    """Count an attempt before its password is checked, so that parallel attempts all count.

    Returns the seconds to wait, 0 if the attempt may go on. An attempt refused for its e-mail does not count
    against the IP address. An e-mail's limit is that of one network, and a wide one of all. A known device has a limit of its own: strangers lock nobody out of their own computer. If Redis is unavailable, all may pass: staff must get in, and argon2 is slow by itself.
    """
    with nothing_limited_without_redis(_AWAY):
        if device:
            return hit(redis, FAILURES_PER_DEVICE, device)
        return (
            hit(redis, FAILURES_PER_EMAIL, _from_there(redis, email, address))
            or hit(redis, FAILURES_IN_ALL, email_digest(email))
            or hit(redis, FAILURES_PER_ADDRESS, network_of(address))
        )
    return 0


def _from_there(redis: Redis, email: str, address: str) -> str:
    """Return the name of an e-mail's limit in a network; it is another one once an administrator has cleared them."""
    digest = email_digest(email)
    cleared = redis.get(_CLEARED + digest) or b"0"
    return f"{digest}:{network_of(address)}:{int(cleared)}"


class ResetRequestDecision(StrEnum):
    YES = "yes"
    SILENTLY_NOT = "silently_not"  # the e-mail has had its mails; the answer must not reveal that it exists
    WAIT = "wait"


def count_request(redis: Redis, *, email: str, address: str) -> ResetRequestDecision:
    """Count a request for a reset mail: no mailbox is flooded, and no IP address asks for everybody."""
    with nothing_limited_without_redis(_AWAY):
        if hit(redis, REQUESTS_PER_ADDRESS, network_of(address)):
            return ResetRequestDecision.WAIT
        if hit(redis, REQUESTS_PER_EMAIL, email_digest(email)):
            return ResetRequestDecision.SILENTLY_NOT
    return ResetRequestDecision.YES


def may_try_own_password(redis: Redis, user_id: int) -> bool:
    """Limit password checks on the account page as on the sign-in page; counts the attempt."""
    with nothing_limited_without_redis(_AWAY):
        return not hit(redis, FAILURES_AT_OWN_PASSWORD, str(user_id))
    return True


def clear_login_limits(redis: Redis, email: str) -> None:
    """Let an account try again at once. Raises redis.RedisError."""
    digest = email_digest(email)
    limiter(redis).clear(FAILURES_IN_ALL, digest)
    redis.incr(_CLEARED + digest)
    redis.expire(_CLEARED + digest, FAILURES_IN_ALL.get_expiry())


def refund_login(redis: Redis, *, email: str, address: str, device: str = "") -> None:
    """Undo the count after a right password: reset the device's, or the e-mail's and take one off the IP address's."""
    with nothing_limited_without_redis(_AWAY):
        if device:
            limiter(redis).clear(FAILURES_PER_DEVICE, device)
            return
        limiter(redis).clear(FAILURES_PER_EMAIL, _from_there(redis, email, address))
        limiter(redis).clear(FAILURES_IN_ALL, email_digest(email))
        limit = FAILURES_PER_ADDRESS
        limiter(redis).storage.incr(limit.key_for(network_of(address)), limit.get_expiry(), amount=-1)
