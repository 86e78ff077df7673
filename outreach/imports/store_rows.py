"""From checked rows to the directory: each person once, each number once, with who brought them and from where.

The same file again changes nothing. A row that a person must look at, or that cannot be taken, is kept
beside the import as it stood in the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.contacts.phones import carry_over_opt_outs, create_phones, find_phones, remember_languages
from outreach.core.bulk import gc_paused, prefetch_chunks
from outreach.imports.erasures import find_erased
from outreach.imports.issues import (
    BIRTH_UNCLEAR,
    OTHER_COMMUNE,
    WAS_ERASED,
    IssueStatus,
    close_corrected_issues,
    save_issues,
)
from outreach.imports.merge_contacts import ContactMerger, ImportedContact
from outreach.models.contacts import ContactList, ListImport
from outreach.rules.list_rows import CheckedRow
from outreach.rules.phone_numbers import PhoneStatus

# Rows looked up and written together; memory holds these and the next ones.
CHUNK = 10_000
# Any number will do, as long as it is no one else's.
_LOCK = 620_823_282
# What was decided before on a row kept aside makes it one that is there already.
_COUNTED = {IssueStatus.REVIEW: "review", IssueStatus.REJECT: "rejected", None: "unchanged"}


@dataclass(slots=True)
class ImportCounts:
    """What came of a file's rows; all but the first add up to `rows`.

    created: a new person. merged: a person who stood in another list, or further up in this file, joined
    to this list. updated: a person of this list of whom more is known now. unchanged: nothing new.
    review, rejected: kept aside with the reason.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    merged: int = 0
    unchanged: int = 0
    review: int = 0
    rejected: int = 0


def find_or_create_list(session: Session, *, organisation_id: int, name: str, now: datetime) -> ContactList:
    """An organisation's list by name, made where it is not there yet."""
    found = session.scalar(
        select(ContactList).where(ContactList.organisation_id == organisation_id, ContactList.name == name)
    )
    if found is None:
        found = ContactList(organisation_id=organisation_id, name=name, created_at=now)
        session.add(found)
        session.flush()
    return found


def import_rows(
    session: Session,
    rows: Iterable[CheckedRow],
    *,
    into: ContactList,
    file: Path,
    known_areas: set[str],
    secret_key: str,
    now: datetime,
) -> tuple[ListImport, ImportCounts]:
    """Store the rows of one file in one list, in the caller's transaction: all of them or none."""
    brought = begin_import(session, list_id=into.id, file_name=file.name, sha256=digest(file), now=now)
    # PostgreSQL proves with each row that the import is there: not over a hundred versions of its counts.
    with gc_paused(), session.no_autoflush:
        for chunk in prefetch_chunks(rows, CHUNK):
            store_rows(
                session, chunk, brought=brought, known_areas=known_areas, secret_key=secret_key, now=now
            )
    return brought, ImportCounts(**brought.counts)


def begin_import(session: Session, *, list_id: int, file_name: str, sha256: str, now: datetime) -> ListImport:
    """An import that no row has come from yet."""
    brought = ListImport(
        list_id=list_id,
        file_name=file_name[:200],
        sha256=sha256,
        imported_at=now,
        counts=asdict(ImportCounts()),
    )
    session.add(brought)
    session.flush()
    return brought


def store_rows(
    session: Session,
    rows: Sequence[CheckedRow],
    *,
    brought: ListImport,
    known_areas: set[str],
    secret_key: str,
    now: datetime,
) -> None:
    """Store one chunk of an import's rows and add to its counts, in the caller's transaction."""
    lock_imports(session)
    good = [row for row in rows if row.phone.status is PhoneStatus.OK]
    erased = find_erased(session, good, secret_key=secret_key)
    numbers = {number for row in good for number in row.phone.numbers}
    known = find_phones(session, numbers)
    if erased:
        numbers = {number for row in good if row.row not in erased for number in row.phone.numbers}
    phones = known | create_phones(session, sorted(numbers - known.keys()), secret_key=secret_key, now=now)
    remember_languages(
        session,
        (
            (row.language, [phones[each] for each in row.phone.numbers if each in phones])
            for row in good
            if row.language
        ),
    )
    merger = ContactMerger(
        session, brought, phones=phones, in_use=known.values(), known_areas=known_areas, now=now
    )
    counts = Counter[str]({"rows": len(rows)})
    issues: list[tuple[CheckedRow, IssueStatus, str, int | None]] = []
    asked: list[tuple[CheckedRow, str, ImportedContact]] = []
    for row in rows:
        person, why_not = match_row(row, merger, phones=phones, erased=erased)
        if why_not:
            issues.append((row, *why_not))
            continue
        person, outcome = merger.merge_row(row, person)
        counts[outcome] += 1
        asked += [(row, question, person) for question in questions_about(row, person, known_areas)]
    merger.write()
    carry_over_opt_outs(session, merger.numbers_added(), source="import", secret_key=secret_key, now=now)
    issues = [
        (row, status, reason, _whom(row, about, merger=merger)) for row, status, reason, about in issues
    ]
    for status in save_issues(session, issues, brought=brought, now=now):
        counts[_COUNTED[status]] += 1
    questions = [(row, IssueStatus.QUESTION, question, person.id) for row, question, person in asked]
    save_issues(session, questions, brought=brought, now=now)
    close_corrected_issues(session, rows, brought=brought, now=now)
    brought.counts = {name: count + counts[name] for name, count in brought.counts.items()}


def questions_about(
    row: CheckedRow, person: ImportedContact, known_areas: Collection[str | None]
) -> list[str]:
    """What a person must say about a row that was joined to somebody: BIRTH_UNCLEAR, OTHER_COMMUNE."""
    asked = []
    if row.birth_doubt and person.facts["birth_year"] is None:
        asked.append(BIRTH_UNCLEAR)
    known, said = person.facts["area_code"], row.place.code
    if known and said in known_areas and said != known:
        asked.append(OTHER_COMMUNE)
    return asked


def match_row(
    row: CheckedRow, merger: ContactMerger, *, phones: Mapping[str, int], erased: Collection[int]
) -> tuple[ImportedContact | None, tuple[IssueStatus, str, int | None] | None]:
    """Who a row is, None for somebody new; or why it is kept aside: as what, the reason and the person it is about."""
    if row.phone.status is not PhoneStatus.OK:
        return None, (IssueStatus(row.phone.status), row.phone.reason or "", None)
    was_erased = row.row in erased
    person = None if was_erased and not phones.keys() >= {*row.phone.numbers} else merger.find(row)
    if person:
        return person, None
    if was_erased:
        return None, (IssueStatus.REVIEW, WAS_ERASED, None)
    renamed = merger.find_renamed(row)
    return None, (IssueStatus.REVIEW, "changed_name", renamed.id) if renamed else None


def _whom(row: CheckedRow, about: int | None, *, merger: ContactMerger) -> int | None:
    """Whom a row kept aside is about: somebody of the same chunk has an id only once written."""
    person = merger.find_renamed(row) if about == 0 else None
    return person.id if person else about


def lock_imports(session: Session) -> None:
    """Two imports that both find a person missing would both make them: one chunk at a time."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def digest(file: Path) -> str:
    """A file's SHA-256."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
