"""A brake on guessing passwords: so many failures an e-mail and an address in a while, then a wait."""

from __future__ import annotations

import hashlib
import logging

from redis import Redis, RedisError

from outreach.brake import count

log = logging.getLogger(__name__)

WINDOW_S = 15 * 60
FAILURES_PER_EMAIL = 10
FAILURES_PER_ADDRESS = 30  # an office of many sits behind one


def count_attempt(redis: Redis, *, email: str, address: str) -> int:
    """Count an attempt before its password is looked at, so that many at once count as many.

    Returns the seconds to wait; 0 where it may go on. Whoever is held back by the e-mail does not use up
    the address's attempts. Redis away lets pass: the office must open, and argon2 is slow by itself.
    """
    limits = {_email_key(email): FAILURES_PER_EMAIL, _address_key(address): FAILURES_PER_ADDRESS}
    try:
        for key, limit in limits.items():
            times, left = count(redis, key, window_s=WINDOW_S)
            if times > limit:
                return left
    except RedisError as error:
        log.warning("login.brake_away error=%s", type(error).__name__)
    return 0


def forget_attempt(redis: Redis, *, email: str, address: str) -> None:
    """The password was right: the e-mail begins afresh, and the address gets its attempt back."""
    try:
        redis.delete(_email_key(email))
        redis.decr(_address_key(address))
    except RedisError as error:
        log.warning("login.brake_away error=%s", type(error).__name__)


def _email_key(email: str) -> str:
    return f"loa:login:email:{hashlib.sha256(email.strip().lower().encode()).hexdigest()}"


def _address_key(address: str) -> str:
    return f"loa:login:address:{address}"
