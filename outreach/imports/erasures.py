"""People whose data were erased: known by keyed hashes alone, so that no list brings them back unnoticed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import String, exists, literal, or_, select
from sqlalchemy.orm import Session

from outreach.bulk import listed
from outreach.people.models import Erasure
from outreach.people.names import name_key
from outreach.people.reading.rows import CheckedRow
from outreach.people.suppression import hash_number

WAS_ERASED = "was_erased"  # why a row waits for a person


def remember_erased(
    session: Session,
    name: str,
    numbers: Iterable[tuple[str, bool]],
    *,
    secret_key: str,
    now: datetime,
) -> None:
    """Remember somebody by their numbers, each with whether it is nobody else's."""
    for e164, is_gone in numbers:
        session.add(
            Erasure(
                number_hash=hash_number(e164, secret_key=secret_key),
                person_hash=_hash_person(e164, name, secret_key=secret_key),
                is_gone=is_gone,
                erased_at=now,
            )
        )


def find_erased(session: Session, rows: Collection[CheckedRow], *, secret_key: str) -> set[int]:
    """Of rows with good numbers, by `CheckedRow.row`, those that may be somebody who was erased: anybody on a number
    that was theirs alone, the same name on one that they shared.
    """
    if not session.scalar(select(exists(select(literal(1)).select_from(Erasure)))):
        return set()
    hashes: dict[str, set[int]] = {}
    for row in rows:
        for e164 in row.phone.numbers:
            hashes.setdefault(hash_number(e164, secret_key=secret_key), set()).add(row.row)
            hashes.setdefault(_hash_person(e164, row.name, secret_key=secret_key), set()).add(row.row)
    asked = listed(session, hashes, String)
    found = session.execute(
        select(Erasure.number_hash, Erasure.person_hash, Erasure.is_gone).where(
            or_(Erasure.number_hash.in_(asked), Erasure.person_hash.in_(asked))
        )
    )
    return set[int]().union(
        *(
            hashes.get(number_hash if is_gone else person_hash, ())
            for number_hash, person_hash, is_gone in found
        )
    )


def _hash_person(e164: str, name: str, *, secret_key: str) -> str:
    return hash_number(f"{e164}/{name_key(name)}", secret_key=secret_key)
