"""The newest file of the register in the place of the one before it: its numbers are suppressed over all organisations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from sqlalchemy import BigInteger, String, bindparam, column, distinct, func, select, table, text, update
from sqlalchemy.orm import Session

from outreach.bulk import UNSYNCED, listed, over_everybody, rows
from outreach.db import Database
from outreach.errors import BadList
from outreach.people.importing.bulk import chunks, insert_rows, rarely_collected
from outreach.people.importing.storing import lock_imports
from outreach.people.models import Phone, Suppression, SuppressionReason
from outreach.people.register.reading import RegisterCounts, read_register
from outreach.people.suppression import number_hasher

_CHUNK = 5_000
# The register grows. A file that takes away more of what stands is a part of it, a delta or another list.
_MOST_REMOVED = 0.2
_STAGED = table("register_numbers", column("number_hash", String), column("phone_id", BigInteger))

_STANDING = (
    Suppression.reason == SuppressionReason.DO_NOT_CALL,
    Suppression.source == "register",
    Suppression.lifted_at.is_(None),
)
_REMOVE = """
UPDATE suppressions SET lifted_at = :now
WHERE reason = 'do_not_call' AND source = 'register' AND lifted_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM register_numbers r WHERE r.number_hash = suppressions.number_hash)
"""

# A number that an officer put there stands already, and stays when the register lets it go.
_ADD = """
INSERT INTO suppressions (number_hash, phone_id, reason, source, note, created_at)
SELECT r.number_hash, MAX(r.phone_id), 'do_not_call', 'register', '', :now FROM register_numbers r
WHERE NOT EXISTS (
    SELECT 1 FROM suppressions s
    WHERE s.number_hash = r.number_hash AND s.reason = 'do_not_call' AND s.lifted_at IS NULL
)
GROUP BY r.number_hash
"""

_COUNT_PEOPLE = """
SELECT COUNT(DISTINCT cp.contact_id) FROM contact_phones cp
WHERE EXISTS (SELECT 1 FROM register_numbers r WHERE r.phone_id = cp.phone_id)
"""


def replace_register(
    db: Database,
    path: Path,
    *,
    secret_key: str,
    now: datetime,
    record: Callable[[Session, RegisterCounts], None],
    may_shrink: bool = False,
) -> RegisterCounts:
    """Make the register what a file says, in one transaction with what `record` writes: all of it or nothing.

    More than a fifth of the standing numbers goes only where somebody has said so, by `may_shrink`. The file is read
    before that transaction begins, as SQLite lets nobody else write meanwhile. Memory holds a few thousand numbers at a
    time, whatever the file's size. Raises BadList.
    """
    counts = RegisterCounts()
    hashed = number_hasher(secret_key)
    with db.write() as session:
        lock_imports(session)  # no list is about to bring a phone below the last one
        last = session.scalar(select(func.max(Phone.id))) or 0
    with TemporaryFile("w+", encoding="ascii") as hashes, rarely_collected():
        with db.read() as session:
            for chunk in chunks(read_register(path, counts), _CHUNK):
                known = _known(session, chunk)
                hashes.writelines(f"{hashed(e164)} {known.get(e164, '')}\n" for e164 in chunk)
        hashes.seek(0)
        with db.write() as session:
            _stage(session, hashes)
            # From here to the end no list brings a number that this one does not see.
            lock_imports(session)
            _add_new_phones(session, last, hashed)
            _replace(session, counts, now, may_shrink=may_shrink)
            record(session, counts)
    return counts


def _stage(session: Session, hashes: IO[str]) -> None:
    session.execute(text("DROP TABLE IF EXISTS register_numbers"))
    session.execute(
        text("CREATE TEMPORARY TABLE register_numbers (number_hash VARCHAR(64), phone_id BIGINT)")
    )
    lines = (line.rstrip("\n").partition(" ") for line in hashes)
    for chunk in chunks(((number, int(phone) if phone else None) for number, _, phone in lines), _CHUNK):
        insert_rows(session, _STAGED, ("number_hash", "phone_id"), chunk)


def _replace(session: Session, counts: RegisterCounts, now: datetime, *, may_shrink: bool) -> None:
    for column_name in ("number_hash", "phone_id"):
        session.execute(text(f"CREATE INDEX register_{column_name} ON register_numbers ({column_name})"))
    _lock_phones(session)
    with over_everybody(session):
        counts.numbers = session.scalar(select(func.count(distinct(_STAGED.c.number_hash)))) or 0
        standing = session.scalar(select(func.count()).select_from(Suppression).where(*_STANDING)) or 0
        counts.removed = _changed(session, _REMOVE, now)
        if not may_shrink and counts.removed > standing * _MOST_REMOVED:
            raise too_few_left(counts.removed, standing)
        counts.added = _changed(session, _ADD, now)
        counts.people = session.scalar(text(_COUNT_PEOPLE)) or 0
    session.execute(text("DROP TABLE register_numbers"))


def too_few_left(removed: int, standing: int) -> BadList:
    """Of a file that takes `removed` of the `standing` numbers away, unasked."""
    told = f"{removed:,} trong {standing:,} số đang có".replace(",", ".")
    return BadList(
        f"Tệp thiếu {told}: nhập vào thì các số đó có thể được nhắn tin trở lại. Chưa có gì thay đổi. Nếu tệp chỉ là một "
        "phần hoặc chỉ có số mới, hãy tải toàn bộ danh sách từ hệ thống DoNotCall rồi nhập lại. Nếu tệp đúng là toàn bộ "
        "danh sách, hãy nhập lại và đánh dấu “Tệp này là toàn bộ danh sách: các số không có trong tệp sẽ bị gỡ khỏi danh sách” (dùng lệnh trên máy "
        "chủ thì thêm --shrink)."
    )


def _known(session: Session, numbers: list[str]) -> dict[str, int]:
    known = select(Phone.e164, Phone.id).where(Phone.e164.in_(listed(session, numbers, String)))
    return dict(session.execute(known).all())


def _add_new_phones(session: Session, last: int, hashed: Callable[[str], str]) -> None:
    """Phones that came in while the file was read."""
    new = session.execute(select(Phone.id, Phone.e164).where(Phone.id > last)).all()
    if new:
        data = [{"phone_id": phone_id, "number_hash": hashed(e164)} for phone_id, e164 in new]
        fresh = rows(session, {"phone_id": BigInteger, "number_hash": String}, data)
        session.execute(
            update(_STAGED)
            .where(_STAGED.c.number_hash == fresh.c.number_hash)
            .values(phone_id=fresh.c.phone_id),
            execution_options=UNSYNCED,
        )


def _lock_phones(session: Session) -> None:
    """A message to one of these numbers is claimed before this or sees it."""
    theirs = select(_STAGED.c.phone_id).where(_STAGED.c.phone_id.is_not(None))
    session.execute(
        select(Phone.id).where(Phone.id.in_(theirs)).order_by(Phone.id).with_for_update(key_share=True)
    ).all()


def _changed(session: Session, statement: str, now: datetime) -> int:
    moment = bindparam("now", now, type_=Suppression.created_at.type)
    return session.execute(text(statement).bindparams(moment)).rowcount  # type: ignore[attr-defined]
