"""Numbers that lists bring: each one row, suppressed from the start where it was suppressed before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, String, exists, literal, select, text, update
from sqlalchemy.orm import Session

from outreach.bulk import UNSYNCED, listed
from outreach.people.importing.bulk import insert_rows, take_ids
from outreach.people.languages import language_code
from outreach.people.models import Phone, Suppression
from outreach.people.suppression import hash_number

_INSERT_NUMBERS = text("""
INSERT INTO phones (e164, backwards, created_at)
SELECT number, reverse(number), :now FROM unnest(CAST(:numbers AS text[])) AS number
ON CONFLICT (e164) DO NOTHING RETURNING e164, id
""")


def find_or_create_phones(
    session: Session, numbers: Iterable[str], *, secret_key: str, now: datetime
) -> dict[str, int]:
    """Each number's row by the number, made where it is not there yet."""
    wanted = sorted(set(numbers))
    found = find_phones(session, wanted)
    missing = [number for number in wanted if number not in found]
    return found | create_phones(session, missing, secret_key=secret_key, now=now)


def create_phones(
    session: Session, numbers: Sequence[str], *, secret_key: str, now: datetime
) -> dict[str, int]:
    """Rows of numbers that were not there a moment ago, by number; each once, in order."""
    if not numbers:
        return {}
    made = _make(session, numbers, now=now)
    _remember_suppressions(session, made, secret_key=secret_key)
    return made


def find_phones(session: Session, numbers: Collection[str]) -> dict[str, int]:
    """The rows of those numbers that are there."""
    if not numbers:
        return {}
    wanted = select(Phone.e164, Phone.id).where(Phone.e164.in_(listed(session, numbers, String)))
    return dict(session.execute(wanted).all())


def remember_languages(session: Session, spoken: Iterable[tuple[str, Iterable[int]]]) -> None:
    """Give phones the language that a list writes beside them, where none was known: (as written, phones)."""
    phones: dict[str, set[int]] = {}
    for written, ids in spoken:
        if written and (code := language_code(written)):
            phones.setdefault(code, set()).update(ids)
    for code, ids in sorted(phones.items()):
        session.execute(
            update(Phone)
            .where(Phone.id.in_(listed(session, sorted(ids), BigInteger)), Phone.language.is_(None))
            .values(language=code),
            execution_options=UNSYNCED,
        )


def _make(session: Session, numbers: Sequence[str], *, now: datetime) -> dict[str, int]:
    table = Phone.__table__
    if session.get_bind().dialect.name == "sqlite":  # the write lock is ours: nobody can bring them meanwhile
        ids = take_ids(session, table, len(numbers))
        rows = [(phone_id, e164, e164[::-1]) for phone_id, e164 in zip(ids, numbers, strict=True)]
        insert_rows(session, table, ("id", "e164", "backwards"), rows, always={"created_at": now})
        return dict(zip(numbers, ids, strict=True))
    # A reply may bring the same number at this moment: whoever is second takes the first one's row.
    made: dict[str, int] = dict(session.execute(_INSERT_NUMBERS, {"numbers": [*numbers], "now": now}).all())
    return made | find_phones(session, [number for number in numbers if number not in made])


def _remember_suppressions(session: Session, phones: dict[str, int], *, secret_key: str) -> None:
    """A number that was suppressed before its person was erased is suppressed still when it returns."""
    without_phone = Suppression.phone_id.is_(None)
    if not session.scalar(select(exists(select(literal(1)).where(without_phone)))):
        return
    by_hash = {hash_number(e164, secret_key=secret_key): phone_id for e164, phone_id in phones.items()}
    known = session.scalars(
        select(Suppression.number_hash).where(
            Suppression.number_hash.in_(listed(session, by_hash, String)), without_phone
        )
    ).all()
    for number_hash in set(known):
        session.execute(
            update(Suppression)
            .where(Suppression.number_hash == number_hash)
            .values(phone_id=by_hash[number_hash])
        )
