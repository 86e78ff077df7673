"""Numbers that lists bring: each one row, suppressed from the start where it was suppressed before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.people.models import Phone, Suppression
from outreach.people.suppression import hash_number


def find_or_create_phones(
    session: Session, numbers: Sequence[str], *, secret_key: str, now: datetime
) -> dict[str, int]:
    """Each number's row by the number, made where it is not there yet."""
    wanted = sorted(set(numbers))
    found = dict(session.execute(select(Phone.e164, Phone.id).where(Phone.e164.in_(wanted))).all())
    missing = [number for number in wanted if number not in found]
    if missing:
        # Another import may bring the same number at this moment: whoever is second takes the first one's row.
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(
            insert(Phone).on_conflict_do_nothing(index_elements=[Phone.e164]),
            [{"e164": e164, "created_at": now} for e164 in missing],
        )
        found |= dict(session.execute(select(Phone.e164, Phone.id).where(Phone.e164.in_(missing))).all())
        _remember_suppressions(session, {e164: found[e164] for e164 in missing}, secret_key=secret_key)
    return found


def _remember_suppressions(session: Session, phones: dict[str, int], *, secret_key: str) -> None:
    """A number that was suppressed before its person was erased is suppressed still when it returns."""
    by_hash = {hash_number(e164, secret_key=secret_key): phone_id for e164, phone_id in phones.items()}
    known = session.scalars(
        select(Suppression.number_hash).where(
            Suppression.number_hash.in_(by_hash), Suppression.phone_id.is_(None)
        )
    ).all()
    for number_hash in set(known):
        session.execute(
            update(Suppression)
            .where(Suppression.number_hash == number_hash)
            .values(phone_id=by_hash[number_hash])
        )
