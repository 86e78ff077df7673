"""National do-not-call register: receive a file, read its numbers, replace the former register.

The newest file replaces the one before it: its numbers are suppressed for all organisations. Numbers are read
from the column that holds them, whichever it is. A file uploaded on the admin site is processed by a worker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy import BigInteger, String, bindparam, column, distinct, func, select, table, text, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.phones import find_phones, link_late_numbers
from outreach.contacts.suppressions import newest_hasher
from outreach.core.db import (
    DATABASE_AWAY,
    Database,
    change_rows,
    chunks,
    count_rows,
    full_scan,
    gc_paused,
    insert_rows,
    rows_table,
)
from outreach.imports.sheet_process import read_sheets
from outreach.imports.store_rows import lock_imports
from outreach.imports.uploads import LARGEST, forget_file, path_of, safe_file_name, write_file
from outreach.models.accounts import User
from outreach.models.contacts import DoNotCallFile, Phone, RegisterState, Suppression, SuppressionReason
from outreach.rules.errors import BadList, LoaError, error_from_json
from outreach.rules.phone_numbers import PhoneStatus, Reason, read_phone_cell
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_do_not_call_import, use_case

_CHUNK = 5_000
# The register grows. A file that removes more of the current numbers is a part of it, a delta or another list.
_MAX_REMOVED_SHARE = 0.2
_STAGED = table("register_numbers", column("number_hash", String), column("phone_id", BigInteger))
_CURRENT = (
    Suppression.reason == SuppressionReason.DO_NOT_CALL,
    Suppression.source == "register",
    Suppression.lifted_at.is_(None),
)
_REMOVE = """
UPDATE suppressions SET lifted_at = :now
WHERE reason = 'do_not_call' AND source = 'register' AND lifted_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM register_numbers r WHERE r.number_hash = suppressions.number_hash)
"""
# A number that an officer entered is not added again, and stays when the register drops it.
_ADD = """
INSERT INTO suppressions (number_hash, key_id, phone_id, reason, source, note, created_at)
SELECT r.number_hash, :key_id, MAX(r.phone_id), 'do_not_call', 'register', '', :now FROM register_numbers r
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
    now: datetime,
    record: Callable[[Session, RegisterCounts], None],
    may_shrink: bool = False,
) -> RegisterCounts:
    """Replace the register by a file, in one transaction with what `record` writes: all or nothing.

    More than a fifth of the current numbers is removed only with `may_shrink`. The file is read before that
    transaction begins, as SQLite lets nobody else write meanwhile. Memory holds a few thousand numbers at a
    time, whatever the file's size. Raises BadList.
    """
    counts = RegisterCounts()
    with db.write() as session:
        hashed, key = newest_hasher(session)
        lock_imports(session)  # no import is about to create a phone with an id below the last one
        last_phone_id = session.scalar(select(func.max(Phone.id))) or 0
    with TemporaryFile("w+", encoding="ascii") as hashes, gc_paused():
        with db.read() as session:
            for chunk in chunks(read_register(path, counts), _CHUNK):
                known = find_phones(session, chunk)
                hashes.writelines(f"{hashed(e164)} {known.get(e164, '')}\n" for e164 in chunk)
        hashes.seek(0)
        with db.write() as session:
            session.execute(text("DROP TABLE IF EXISTS register_numbers"))
            columns = "number_hash VARCHAR(64), phone_id BIGINT"
            session.execute(text(f"CREATE TEMPORARY TABLE register_numbers ({columns})"))
            lines = (line.rstrip("\n").partition(" ") for line in hashes)
            staged = ((number, int(phone) if phone else None) for number, _, phone in lines)
            for part in chunks(staged, _CHUNK):
                insert_rows(session, _STAGED, ("number_hash", "phone_id"), part)
            # From here to the end no import creates a number that this transaction does not see.
            lock_imports(session)
            _add_new_phones(session, last_phone_id, hashed)
            _replace(session, counts, now, key_id=key, may_shrink=may_shrink)
            record(session, counts)
    with db.write() as session:
        # A reply has created a number meanwhile, which that transaction did not see, nor the reply what it wrote.
        lock_imports(session)
        link_late_numbers(session, Phone.id > last_phone_id)
    return counts


def _replace(
    session: Session, counts: RegisterCounts, now: datetime, *, key_id: str, may_shrink: bool
) -> None:
    for column_name in ("number_hash", "phone_id"):
        session.execute(text(f"CREATE INDEX register_{column_name} ON register_numbers ({column_name})"))
    # So that a message to one of them is claimed before this or sees the suppression.
    phone_ids = select(_STAGED.c.phone_id).where(_STAGED.c.phone_id.is_not(None))
    lock = select(Phone.id).where(Phone.id.in_(phone_ids)).order_by(Phone.id)
    session.execute(lock.with_for_update(key_share=True)).all()
    with full_scan(session):
        counts.numbers = session.scalar(select(func.count(distinct(_STAGED.c.number_hash)))) or 0
        current = count_rows(session, Suppression, *_CURRENT)
        counts.removed = _run_update(session, _REMOVE, now)
        if not may_shrink and counts.removed > current * _MAX_REMOVED_SHARE:
            raise too_few_left(counts.removed, current)
        counts.added = _run_update(session, _ADD, now, key_id=key_id)
        counts.people = session.scalar(text(_COUNT_PEOPLE)) or 0
    session.execute(text("DROP TABLE register_numbers"))


def too_few_left(removed: int, standing: int) -> BadList:
    """Return the error for a file that would remove too many of the current numbers."""
    return BadList("register_too_few", removed=removed, standing=standing)


def _add_new_phones(session: Session, last_phone_id: int, hashed: Callable[[str], str]) -> None:
    """Add phones that were created while the file was read."""
    new = session.execute(select(Phone.id, Phone.e164).where(Phone.id > last_phone_id)).all()
    if new:
        data = [{"phone_id": phone_id, "number_hash": hashed(e164)} for phone_id, e164 in new]
        new_phones = rows_table(session, {"phone_id": BigInteger, "number_hash": String}, data)
        change = update(_STAGED).where(_STAGED.c.number_hash == new_phones.c.number_hash)
        change_rows(session, change.values(phone_id=new_phones.c.phone_id))


def _run_update(session: Session, statement: str, now: datetime, **more: str) -> int:
    moment = bindparam("now", now, type_=Suppression.created_at.type)
    return session.execute(text(statement).bindparams(moment), more).rowcount  # type: ignore[attr-defined]


_ROWS_SEARCHED = 200
# How registers write a mobile number: most cells need no further parsing.
_USUAL = re.compile(r"\s*(?:\+?84|0)([35789]\d{8})\s*")
_DIGITS = re.compile(r"\d")
_MIN_DIGITS = 8
_NO_MOBILE = (Reason.LANDLINE, Reason.FOREIGN_NUMBER, Reason.SERVICE_NUMBER)


@dataclass(slots=True)
class RegisterCounts:
    """Counts of a file's rows and of what it changed.

    numbers: different mobile numbers. other: numbers that are no mobiles of Vietnam. unread: what looks like
    a number and is none. added, removed: against the file before it. people: contacts with one of its
    numbers. skipped: names of sheets that were left out, as their first 200 rows have no number.
    """

    rows: int = 0
    numbers: int = 0
    other: int = 0
    unread: int = 0
    added: int = 0
    removed: int = 0
    people: int = 0
    skipped: list[str] = field(default_factory=list)


def read_register(path: Path, counts: RegisterCounts) -> Iterator[str]:
    """Yield the mobile numbers in E.164; of a text file one row is in memory at a time.

    Raises BadList as `read_sheets` does, or if no column holds numbers.
    """
    has_numbers = False
    for sheet in read_sheets(path):
        filled = (row for row in sheet.rows if any(cell not in (None, "") for cell in row))
        first = list(islice(filled, _ROWS_SEARCHED))
        votes = Counter(
            position for row in first for position, cell in enumerate(row) if read_phone_cell(cell).numbers
        )
        if not votes:
            if first:
                counts.skipped.append(sheet.name)
            continue
        has_numbers, column = True, min(votes, key=lambda position: (-votes[position], position))
        for row in chain(first, filled):
            counts.rows += 1
            yield from _numbers(row[column] if column < len(row) else None, counts)
    if not has_numbers:
        raise BadList("register_no_numbers", name=path.name)


def _numbers(cell: object, counts: RegisterCounts) -> tuple[str, ...]:
    usual = _USUAL.fullmatch(cell) if isinstance(cell, str) else None
    parsed = read_phone_cell(f"0{usual[1]}" if usual else cell)
    if parsed.status is PhoneStatus.OK:
        return tuple(parsed.numbers)
    if parsed.reason in _NO_MOBILE:
        counts.other += 1
    elif len(_DIGITS.findall(str(cell))) >= _MIN_DIGITS:
        counts.unread += 1
    return ()


# Longer than the largest file takes: another worker takes over only if this one has died.
LEASE = timedelta(minutes=30)
MOST_TRIES = 3


@use_case
def receive_file(
    session: Session,
    content: IO[bytes],
    *,
    file_name: str,
    folder: Path,
    user: User | None,
    now: datetime,
    may_shrink: bool = False,
) -> DoNotCallFile:
    """Store a file for a worker. Administrators only; a command has no user, and no limit of size.

    Raises BadList, NotAllowed.
    """
    if user:
        require_role(user)
    register = DoNotCallFile(
        file_name=safe_file_name(file_name),
        may_shrink=may_shrink,
        handed_in_by=user.id if user else None,
        handed_in_at=now,
        due_at=now,
    )
    session.add(register)
    session.flush()
    try:
        size, _sha256 = write_file(content, path_of(register, folder), most=LARGEST if user else None)
        if user and not 0 < size <= LARGEST:
            raise BadList("register_size_wrong")
    except BaseException:
        forget_file(register, folder)
        raise
    if user:
        enqueue_after_commit(session, enqueue_do_not_call_import, register.id)
    audit.record(session, "register.receive", register, register.handed_in_by, now)
    return register


def import_do_not_call(runtime: Runtime, path: Path, *, may_shrink: bool, now: datetime) -> dict[str, Any]:
    """Replace the register by a file at once, as a command does. Returns the counts. Raises BadList."""
    folder = Path(runtime.settings.uploads_dir)
    with path.open("rb") as content:
        register = receive_file(
            runtime, content, file_name=path.name, folder=folder, user=None, now=now, may_shrink=may_shrink
        )
    process_file(runtime.db, folder, register.id)
    with runtime.db.read() as session:
        register = session.get_one(DoNotCallFile, register.id)
    if register.state is not RegisterState.DONE:
        raise BadList("file_refused", reason=error_from_json(register.error) or register.error)
    return register.counts


def files_to_process(session: Session, *, now: datetime) -> list[int]:
    """Return the ids of files that wait and that no worker holds a lease on."""
    query = select(DoNotCallFile.id).where(
        DoNotCallFile.state == RegisterState.WAITING, DoNotCallFile.due_at <= now
    )
    return list(session.scalars(query.order_by(DoNotCallFile.id)))


def process_file(db: Database, folder: Path, register_id: int) -> bool:
    """Replace the register by a received file; all or nothing. Returns False if there is nothing to do."""
    now = datetime.now(UTC)
    with db.write() as session:
        register = session.get(DoNotCallFile, register_id, with_for_update=True)
        if register is None or register.state is not RegisterState.WAITING or not register.due_at:
            return False
        if register.due_at > now:
            return False
        register.tries += 1
        register.due_at = now + LEASE
        tries, may_shrink = register.tries, register.may_shrink
    path = path_of(register, folder)
    error: LoaError | None = None
    try:
        if tries > MOST_TRIES:
            raise BadList("register_given_up")
        replace_register(db, path, now=now, record=partial(_end, register_id), may_shrink=may_shrink)
    except LoaError as refused:
        error = refused
    except DATABASE_AWAY:
        raise  # another worker continues when the lease has run out
    except Exception:
        error = LoaError("register_fault")
        raise
    finally:
        if error:
            with db.write() as session:
                failed = session.get_one(DoNotCallFile, register_id)
                failed.state, failed.error, failed.due_at = RegisterState.FAILED, error.as_json(), None
                failed.ended_at = datetime.now(UTC)
            forget_file(register, folder)
    forget_file(register, folder)
    return True


def _end(register_id: int, session: Session, counts: RegisterCounts) -> None:
    """Record the counts and the end of a file, in the transaction that replaces the register."""
    register, now, values = session.get_one(DoNotCallFile, register_id), datetime.now(UTC), asdict(counts)
    register.state, register.counts = RegisterState.DONE, values
    register.due_at, register.ended_at = None, now
    told = {name: count for name, count in values.items() if name != "skipped"}
    audit.record(session, "register.replace", register, register.handed_in_by, now, **told)
