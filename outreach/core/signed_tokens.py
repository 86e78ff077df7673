"""Signed tokens: what a link, a phone or a cookie carries, each for one purpose, some for a limited time."""

from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from itsdangerous import BadSignature, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from outreach.rules.keys import oldest_first

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


def read_token(purpose: TokenPurpose, token: str, keys: str) -> Any:
    """Return what a token carries, None for one that is cut, forged or for something else. Raises TokenExpired."""
    serializer = _serializer(purpose, keys)
    try:
        if isinstance(serializer, URLSafeTimedSerializer):
            return serializer.loads(token, max_age=int(VALID_FOR[purpose].total_seconds()))
        return serializer.loads(token)
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
