"""Limits on sign-in attempts and reset mails, per e-mail and per IP address, counted in Redis."""

from __future__ import annotations

import hashlib
import logging
from enum import StrEnum

from redis import Redis, RedisError

from outreach.core.rate_limits import hit

log = logging.getLogger(__name__)
WINDOW_S = 15 * 60
FAILURES_PER_EMAIL = 10
FAILURES_PER_ADDRESS = 30  # many colleagues share one
REQUESTS_S = 3600
REQUESTS_PER_EMAIL = 3
REQUESTS_PER_ADDRESS = 20


def hit_login(redis: Redis, *, email: str, address: str) -> int:
    """Count an attempt before its password is checked, so that parallel attempts all count.

    Returns the seconds to wait, 0 if the attempt may go on. An attempt refused for its e-mail does not count
    against the IP address. If Redis is unavailable, all may pass: staff must get in, and argon2 is slow by itself.
    """
    limits = {_email_key(email): FAILURES_PER_EMAIL, _address_key(address): FAILURES_PER_ADDRESS}
    try:
        for key, limit in limits.items():
            count, seconds_left = hit(redis, key, window_s=WINDOW_S)
            if count > limit:
                return seconds_left
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)
    return 0


class ResetRequestDecision(StrEnum):
    YES = "yes"
    SILENTLY_NOT = "silently_not"  # the e-mail has had its mails; the answer must not reveal that it exists
    WAIT = "wait"


def count_request(redis: Redis, *, email: str, address: str) -> ResetRequestDecision:
    """Count a request for a reset mail: no mailbox is flooded, and no IP address asks for everybody."""
    try:
        if hit(redis, f"{_address_key(address)}:link", window_s=REQUESTS_S)[0] > REQUESTS_PER_ADDRESS:
            return ResetRequestDecision.WAIT
        if hit(redis, f"{_email_key(email)}:link", window_s=REQUESTS_S)[0] > REQUESTS_PER_EMAIL:
            return ResetRequestDecision.SILENTLY_NOT
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)
    return ResetRequestDecision.YES


def may_try_own_password(redis: Redis, user_id: int) -> bool:
    """Limit password checks on the account page as on the sign-in page; counts the attempt."""
    try:
        return hit(redis, f"loa:login:own:{user_id}", window_s=WINDOW_S)[0] <= FAILURES_PER_EMAIL
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)
        return True


def clear_login_limits(redis: Redis, email: str) -> None:
    """Let an account try again at once. Raises redis.RedisError."""
    redis.delete(_email_key(email))


def refund_login(redis: Redis, *, email: str, address: str) -> None:
    """Undo the count after a right password: reset the e-mail's, take one attempt off the IP address's."""
    try:
        redis.delete(_email_key(email))
        redis.decr(_address_key(address))
    except RedisError as error:
        log.warning("login.limits_away error=%s", type(error).__name__)


def _email_key(email: str) -> str:
    return f"loa:login:email:{hashlib.sha256(email.strip().lower().encode()).hexdigest()}"


def _address_key(address: str) -> str:
    return f"loa:login:address:{address}"
