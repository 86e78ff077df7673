"""Keys of the hashes of numbers: which of them are needed, and how hashes come under the newest one.

A hash whose number is known is made anew. One whose number was erased, or is known to the national register alone,
cannot be: it stays under the key of its time, which is kept for comparison only.
"""

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.contacts.suppressions import newest_hasher
from outreach.contacts.wishes import rehash_numbers
from outreach.models.contacts import Erasure, Phone, Suppression, WishNumber
from outreach.rules.identity import ERASED
from outreach.runtime import Runtime

_CHUNK = 5000


def count_hashes(session: Session) -> Counter[str]:
    """Return how many hashes of suppressions, wishes and erasures there are under each key, by `key_id`."""
    counts: Counter[str] = Counter()
    for table in (Suppression, WishNumber, Erasure):
        for key, count in session.execute(select(table.key_id, func.count()).group_by(table.key_id)):
            counts[key] += count
    return counts


def hash_migrated_wishes(runtime: Runtime) -> None:
    """Hash the numbers of wishes that a migration, which has no key, has written by the ids of their phones."""
    with runtime.db.write() as session:
        rehash_numbers(session, WishNumber.key_id == "")


def rehash_suppressions(runtime: Runtime, *, now: datetime) -> int:
    """Bring the hashes of all suppressed numbers that are known under the newest key. Returns how many.

    In parts, while the system is running; a part that was interrupted is done by the next call.
    """
    last_id, done = 0, 0
    while True:
        with runtime.db.write() as session:
            last_id, changed = _rehash_part(session, after=last_id)
            done += changed
            if not last_id:
                done += rehash_numbers(session)
                audit.record(session, "keys.rehash", "suppressions", None, now, changed=done)
                return done


def _rehash_part(session: Session, *, after: int) -> tuple[int, int]:
    """Return the last id looked at, 0 at the end, and how many hashes were changed."""
    hashed, newest = newest_hasher(session)
    rows = session.execute(
        select(Suppression.id, Suppression.reason, Suppression.lifted_at, Phone.e164)
        .join(Phone, Phone.id == Suppression.phone_id)
        .where(Suppression.id > after, Suppression.key_id != newest, Phone.e164.not_like(f"{ERASED}%"))
        .order_by(Suppression.id)
        .limit(_CHUNK)
        .with_for_update(of=Suppression)
    ).all()
    if not rows:
        return 0, 0
    new = {row.id: hashed(row.e164) for row in rows}
    # The same number may have been suppressed again meanwhile: of two the one under the newest key counts.
    standing = set(
        session.execute(
            select(Suppression.number_hash, Suppression.reason).where(
                Suppression.number_hash.in_(set(new.values())), Suppression.lifted_at.is_(None)
            )
        ).all()
    )
    changes = [
        {"id": row.id, "number_hash": new[row.id], "key_id": newest}
        for row in rows
        if row.lifted_at is not None or (new[row.id], row.reason) not in standing
    ]
    if changes:
        session.execute(update(Suppression), changes)
    return rows[-1].id, len(changes)
