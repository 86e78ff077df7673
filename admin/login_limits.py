"""A brake on guessing passwords: so many failures an e-mail and an address in a while, then a wait."""

from __future__ import annotations

import hashlib
import logging
from enum import StrEnum

from redis import Redis, RedisError

from outreach.core.rate_limits import hit

log = logging.getLogger(__name__)
WINDOW_S = 15 * 60
FAILURES_PER_EMAIL = 10
FAILURES_PER_ADDRESS = 30  # an office of many sits behind one
REQUESTS_S = 3600
REQUESTS_PER_EMAIL = 3
REQUESTS_PER_ADDRESS = 20


def hit_login(redis: Redis, *, email: str, address: str) -> int:
    """Count an attempt before its password is looked at, so that many at once count as many.

    Returns the seconds to wait; 0 where it may go on. Whoever is held back by the e-mail does not use up
    the address's attempts. Redis away lets pass: the office must open, and argon2 is slow by itself.
    """
    limits = {_email_key(email): FAILURES_PER_EMAIL, _address_key(address): FAILURES_PER_ADDRESS}
    try:
        for key, limit in limits.items():
            times, left = hit(redis, key, window_s=WINDOW_S)
            if times > limit:
                return left
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)
    return 0


class ResetRequestDecision(StrEnum):
    YES = "yes"
    SILENTLY_NOT = "silently_not"  # the address has had its mails: whoever asks must not learn that it exists
    WAIT = "wait"


def count_request(redis: Redis, *, email: str, address: str) -> ResetRequestDecision:
    """Count a request for a link by mail, so that nobody's postbox is filled and no place asks for everybody."""
    try:
        if hit(redis, f"{_address_key(address)}:link", window_s=REQUESTS_S)[0] > REQUESTS_PER_ADDRESS:
            return ResetRequestDecision.WAIT
        if hit(redis, f"{_email_key(email)}:link", window_s=REQUESTS_S)[0] > REQUESTS_PER_EMAIL:
            return ResetRequestDecision.SILENTLY_NOT
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)
    return ResetRequestDecision.YES


def may_try_own_password(redis: Redis, user_id: int) -> bool:
    """Whoever sits down at an open page guesses its user's password no faster than at the door."""
    try:
        return hit(redis, f"loa:login:own:{user_id}", window_s=WINDOW_S)[0] <= FAILURES_PER_EMAIL
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)
        return True


def clear_login_limits(redis: Redis, email: str) -> None:
    """Let an account try again at once. Raises redis.RedisError."""
    redis.delete(_email_key(email))


def refund_login(redis: Redis, *, email: str, address: str) -> None:
    """The password was right: the e-mail begins afresh, and the address gets its attempt back."""
    try:
        redis.delete(_email_key(email))
        redis.decr(_address_key(address))
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)


def _email_key(email: str) -> str:
    return f"loa:login:email:{hashlib.sha256(email.strip().lower().encode()).hexdigest()}"


def _address_key(address: str) -> str:
    return f"loa:login:address:{address}"
