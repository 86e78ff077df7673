"""Storing of checked rows: each contact and each number once, with the import they came from.

Importing the same file again changes nothing. A row that an officer must decide on, or that cannot be stored,
is kept as an import issue, as it was in the file.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.contacts.languages import remember_languages
from outreach.contacts.lists import find_holder
from outreach.contacts.phones import create_phones, find_phones
from outreach.contacts.place_questions import ask_about_places
from outreach.contacts.references import set_references
from outreach.core.db import lock_until_end
from outreach.imports.erasures import find_erased
from outreach.imports.issues import (
    BIRTH_UNCLEAR,
    OTHER_COMMUNE,
    WAS_ERASED,
    Issue,
    IssueStatus,
    close_corrected_issues,
    save_issues,
)
from outreach.imports.kept_values import find_new_values, store_values
from outreach.imports.merge_contacts import ContactMerger, ImportedContact
from outreach.models.contacts import ContactList, ListImport
from outreach.rules.list_rows import CheckedRow
from outreach.rules.phone_numbers import PhoneStatus

# Rows looked up and written together; memory holds one chunk and the next.
CHUNK = 10_000
# Advisory lock; any number that no other lock uses.
_LOCK = 620_823_282
# Status None: an issue decided or asked before; its row counts as unchanged.
Refusal = tuple[IssueStatus, str, ImportedContact | None]
Find = Callable[[CheckedRow], tuple[ImportedContact | None, Refusal | None]]
_COUNTED = {IssueStatus.REVIEW: "review", IssueStatus.REJECT: "rejected", None: "unchanged"}


@dataclass(slots=True)
class ImportCounts:
    """Outcomes of a file's rows; all but the first add up to `rows`.

    created: a new contact. merged: a contact of another list, or of a row further up in this file, added to
    this list. updated: a contact of this list of whom more is known now. unchanged: nothing new. review,
    rejected: kept as import issues. A rejected row that names a person is also stored as one without a number.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    merged: int = 0
    unchanged: int = 0
    review: int = 0
    rejected: int = 0


def find_or_create_list(session: Session, *, organisation_id: int, name: str, now: datetime) -> ContactList:
    """Return an organisation's list by name, created if it does not exist; one that was archived is in use again.

    One that was removed is not: its legal basis was that of other people.
    """
    is_its = ContactList.name.in_((name, " ".join(name.split())))
    is_named = (ContactList.organisation_id == organisation_id, is_its)
    contact_list = session.scalar(select(ContactList).where(*is_named, ~ContactList.hidden))
    if contact_list is None:  # or made by another request just now
        name, contact_list = find_holder(session, name, organisation_id=organisation_id)
    if contact_list is None:
        contact_list = ContactList(organisation_id=organisation_id, name=name, created_at=now)
        session.add(contact_list)
        session.flush()
    contact_list.archived_at = None
    return contact_list


def begin_import(session: Session, *, list_id: int, file_name: str, sha256: str, now: datetime) -> ListImport:
    """Create an import without rows."""
    list_import = ListImport(
        list_id=list_id,
        file_name=file_name[:200],
        sha256=sha256,
        imported_at=now,
        counts=asdict(ImportCounts()),
    )
    session.add(list_import)
    session.flush()
    return list_import


def store_rows(
    session: Session,
    rows: Sequence[CheckedRow],
    *,
    list_import: ListImport,
    known_areas: set[str],
    now: datetime,
    references: tuple[int, Mapping[int, str]] = (0, {}),
) -> None:
    """Store one chunk of an import's rows and add to its counts, in the caller's transaction.

    `references`: the organisation whose system handed the rows in, and what it calls their people, by row.
    """
    lock_imports(session)
    ask_about_places(session, rows)
    good = [row for row in rows if row.phone.status is PhoneStatus.OK]
    parts = [*chain.from_iterable(row.parts() for row in rows)]
    erased = find_erased(session, parts)
    known = find_phones(session, {*chain.from_iterable(row.phone.numbers for row in good)})
    wanted = {*chain.from_iterable(row.phone.numbers for row in good if row.row not in erased)}
    phones = known | create_phones(session, sorted(wanted - known.keys()), now=now)
    languages = ((row.language, [*filter(None, map(phones.get, row.phone.numbers))]) for row in good)
    remember_languages(session, languages, list_import=list_import)
    merger = ContactMerger(
        session, list_import, phones=phones, in_use=known.values(), known_areas=known_areas, now=now
    )
    merger.load_namesakes(parts)
    organisation_id, names = references
    chunk = _Chunk(merger, phones, erased, known_areas, names)
    chunk.counts["rows"] = len(rows)
    for row in rows:
        chunk.take(row)
    merger.write()
    counts = chunk.counts
    told_more = find_new_values(session, _by_id(chunk.same), list_id=list_import.list_id)
    more = sum(person.id in told_more for person, _values in chunk.same)
    counts["updated"] += more
    counts["unchanged"] -= more
    store_values(session, _by_id(chunk.kept), list_import=list_import)
    named = {name: person.id for name, person in chunk.named.items()}
    set_references(session, organisation_id, named, import_id=list_import.id)
    # A contact of this chunk has its id only now.
    issues = [as_issue(row, refusal) for row, refusal in chunk.issues]
    for status in save_issues(session, issues, list_import=list_import, now=now):
        counts[_COUNTED[status]] += 1
    questions = [(row, IssueStatus.QUESTION, asked, person.id) for row, asked, person in chunk.questions]
    save_issues(session, questions, list_import=list_import, now=now)
    close_corrected_issues(session, rows, list_import=list_import, now=now)
    list_import.counts = {name: count + counts[name] for name, count in list_import.counts.items()}


def _by_id(
    values: Iterable[tuple[ImportedContact, Mapping[str, str]]],
) -> list[tuple[int, Mapping[str, str]]]:
    return [(person.id, of_person) for person, of_person in values]


@dataclass(slots=True)
class _Chunk:
    """What becomes of the rows of a chunk. `names`: what the sender calls the rows' people, by row."""

    merger: ContactMerger
    phones: Mapping[str, int]
    erased: Collection[int]
    known_areas: Collection[str | None]
    names: Mapping[int, str]
    counts: Counter[str] = field(default_factory=Counter)
    issues: list[tuple[CheckedRow, Refusal]] = field(default_factory=list)
    questions: list[tuple[CheckedRow, str, ImportedContact]] = field(default_factory=list)
    named: dict[str, ImportedContact] = field(default_factory=dict)
    kept: list[tuple[ImportedContact, Mapping[str, str]]] = field(default_factory=list)
    # Nothing new but values.
    same: list[tuple[ImportedContact, Mapping[str, str]]] = field(default_factory=list)

    def take(self, row: CheckedRow) -> None:
        """Merge a row into the contacts that it is about, or keep it as an issue."""
        matches, refusal = match_parts(
            row, partial(match_row, merger=self.merger, phones=self.phones, erased=self.erased)
        )
        if refusal:
            status, reason, about = refusal
            for part, known_person in matches if status is IssueStatus.REJECT else ():
                if part.is_at_the_door:
                    person, _outcome = self._merge(row, part, known_person, is_first=about is None)
                    about = about or person
            self.issues.append((row, (status, reason, about)))
            return
        for n, (part, known_person) in enumerate(matches):
            person, outcome = self._merge(row, part, known_person, is_first=n == 0)
            if n == 0:  # a row counts once, however many people it names
                self.counts[outcome] += 1
                if outcome == "unchanged" and row.values:
                    self.same.append((person, row.values))
                self.questions += [
                    (row, each, person) for each in questions_about(row, person, self.known_areas)
                ]

    def _merge(
        self, row: CheckedRow, part: CheckedRow, known_person: ImportedContact | None, *, is_first: bool
    ) -> tuple[ImportedContact, str]:
        person, outcome = self.merger.merge_row(part, known_person)
        if row.values:
            self.kept.append((person, row.values))
        if is_first and row.row in self.names:
            self.named[self.names[row.row]] = person
        return person, outcome


def as_issue(row: CheckedRow, refusal: Refusal) -> Issue:
    status, reason, about = refusal
    return row, status, reason, about.id if about else None


def questions_about(
    row: CheckedRow, person: ImportedContact, known_areas: Collection[str | None]
) -> list[str]:
    """Return the questions about a row merged into a contact: BIRTH_UNCLEAR, OTHER_COMMUNE."""
    questions = []
    if row.birth_doubt and person.facts["birth_year"] is None:
        questions.append(BIRTH_UNCLEAR)
    known, stated = person.facts["area_code"], row.place.code
    if known and stated in known_areas and stated != known:
        questions.append(OTHER_COMMUNE)
    return questions


def match_parts(
    row: CheckedRow, find: Find
) -> tuple[list[tuple[CheckedRow, ImportedContact | None]], Refusal | None]:
    """Return each person of a row with the contact found for them, and why the whole row becomes an issue, if it does.

    One of several without a number is no issue where another has one.
    """
    matches = [(part, *find(part)) for part in row.parts()]
    refusals = [refusal for _part, _person, refusal in matches]
    others = [each for each in refusals if each is None or each[0] is not IssueStatus.REJECT] or refusals
    return [(part, person) for part, person, _refusal in matches], next(filter(None, others), None)


def match_row(
    row: CheckedRow, merger: ContactMerger, *, phones: Mapping[str, int], erased: Collection[int]
) -> tuple[ImportedContact | None, Refusal | None]:
    """Return the contact that a row is about, or why the row becomes an issue.

    (contact, None); (None, None) for a new contact; or (None, (status, reason, contact it may be)). A person
    without a usable number is stored for visits, and the row is an issue nevertheless: (contact or None, (REJECT, ...)).
    """
    was_erased = row.row in erased
    if row.phone.status is not PhoneStatus.OK:
        if was_erased:
            return None, (IssueStatus.REVIEW, WAS_ERASED, None)
        known = merger.find_at_the_door(row) if row.is_at_the_door else None
        return known, (IssueStatus(row.phone.status), row.phone.reason or "", None)
    person = None if was_erased and not phones.keys() >= {*row.phone.numbers} else merger.find(row)
    if person:
        return person, None
    if was_erased:
        return None, (IssueStatus.REVIEW, WAS_ERASED, None)
    if renamed := merger.find_renamed(row):
        return None, (IssueStatus.REVIEW, "changed_name", renamed)
    return merger.find_at_the_door(row), None


def lock_imports(session: Session) -> None:
    """Serialise imports until the transaction ends: two that miss a contact would both create it."""
    lock_until_end(session, _LOCK)


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
