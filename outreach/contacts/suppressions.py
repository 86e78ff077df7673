"""Suppressions: numbers that are not messaged, as they are a stranger's or in the do-not-call register.

Who asked to be left alone is in the ledger of wishes (outreach/contacts/wishes.py). All functions work in the caller's transaction.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from outreach.core.db import installation_of, values_subquery
from outreach.models.contacts import Phone, Suppression, SuppressionReason
from outreach.rules.identity import ERASED
from outreach.rules.keys import key_id, newest_key, split_keys


def number_keys(session: Session) -> str:
    """Return the keys of hashes of numbers. Raises RuntimeError without any: what was hashed would never be found again."""
    if not (keys := installation_of(session).number_keys):
        raise RuntimeError("the database was opened without the keys of numbers")
    return keys


def hashes_of(session: Session, e164: str) -> list[str]:
    """Return the hashes by which a number may be known: under the newest key and all former ones."""
    return [number_hasher(key)(e164) for key in split_keys(number_keys(session))]


def newest_hasher(session: Session) -> tuple[Callable[[str], str], str]:
    """Return what hashes numbers under the newest key, and the key's id; the table alone does not allow guessing a number."""
    key = newest_key(number_keys(session))
    return number_hasher(key), key_id(key)


def number_hasher(key: str) -> Callable[[str], str]:
    """Return what hashes many numbers under a key, which is processed once."""
    keyed_hash = hmac.new(f"suppression/{key}".encode(), digestmod=hashlib.sha256)

    def hashed(e164: str) -> str:
        digest = keyed_hash.copy()
        digest.update(e164.encode())
        return digest.hexdigest()

    return hashed


def lock_phones(session: Session, ids: Collection[int]) -> list[Phone]:
    """Lock several phones, as `lock_phone`, in the order of ids that all transactions use. Returns those that there are."""
    these = Phone.id.in_(values_subquery(session, ids))
    lock = select(Phone).where(these).order_by(Phone.id).with_for_update(key_share=True)
    return list(session.scalars(lock))


def lock_phone(session: Session, phone_id: int) -> Phone:
    """Lock a phone until the transaction ends; a claim of the same phone waits for it, or the reverse."""
    return session.execute(
        select(Phone).where(Phone.id == phone_id).with_for_update(key_share=True)
    ).scalar_one()


def suppress(
    session: Session, phone: Phone, *, reason: SuppressionReason, source: str, now: datetime
) -> bool:
    """Suppress a number. The phone's row must be locked.

    Returns False if it already is for this reason, or if the number was erased.
    """
    if phone.e164.startswith(ERASED) or has_suppression(session, phone.id, reason):
        return False
    hashed, key = newest_hasher(session)
    session.add(
        Suppression(
            number_hash=hashed(phone.e164),
            key_id=key,
            phone_id=phone.id,
            reason=reason,
            source=source,
            created_at=now,
        )
    )
    return True


def has_suppression(session: Session, phone_id: int, reason: SuppressionReason) -> bool:
    """Return whether the number is suppressed for this reason now."""
    query = select(Suppression.id).where(
        Suppression.phone_id == phone_id, Suppression.reason == reason, Suppression.lifted_at.is_(None)
    )
    return session.execute(query).first() is not None


def lift_suppressions(
    session: Session,
    phone_id: int,
    *,
    reason: SuppressionReason,
    now: datetime,
    made_at: Collection[datetime] | None = None,
    source: str | None = None,
) -> None:
    """Lift suppressions; with `made_at` only those created at one of these moments, with `source` those of before that are its.

    The rows stay as history.
    """
    query = update(Suppression).where(
        Suppression.phone_id == phone_id, Suppression.reason == reason, Suppression.lifted_at.is_(None)
    )
    if made_at is not None:
        query = query.where(Suppression.created_at.in_(made_at))
    if source is not None:
        query = query.where(Suppression.source == source, Suppression.created_at < now)
    session.execute(query.values(lifted_at=now))


def is_strangers(phone_id: Any) -> ColumnElement[bool]:
    """Return the condition that a number is known to be somebody else's: it is shown to nobody as its person's."""
    return exists().where(
        Suppression.phone_id == phone_id,
        Suppression.reason == SuppressionReason.WRONG_NUMBER,
        Suppression.lifted_at.is_(None),
    )
