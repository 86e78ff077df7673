"""Erased contacts in imports: recognise them in new lists, and empty the import issues about them.

Erased contacts are known by keyed hashes alone, so that no list stores them again unnoticed. Import issues
and previews also hold personal data; they are emptied, not removed, as a decision stays valid.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, literal, or_, select, union
from sqlalchemy.orm import Session, aliased

from outreach.contacts.suppressions import hashes_of, newest_hasher
from outreach.contacts.wishes import keep_wishes
from outreach.core.db import is_set, values_subquery
from outreach.imports.issues import Decision, IssueStatus, recount
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    Erasure,
    ImportIssue,
    ImportSighting,
    ListImport,
    Membership,
    Phone,
    Upload,
    UploadState,
)
from outreach.places.areas import last_units, read_successors
from outreach.rules.identity import erased_as, mask_number, may_be_erased_as, name_key
from outreach.rules.list_rows import CheckedRow
from outreach.rules.phone_numbers import PhoneStatus


def record_erasure(
    session: Session, person: Contact, numbers: Collection[tuple[str, bool]], *, now: datetime
) -> None:
    """Store keyed hashes of an erased contact.

    `numbers`: (E.164, whether no other contact has it). Lists without a number are recognised by name, year of birth and
    commune, and so is, with any number, who had none of their own.
    """
    key, (hashed, hashed_by) = name_key(person.name), newest_hasher(session)
    known_as = [(hashed(e164), f"{e164}/{key}", is_gone) for e164, is_gone in numbers]
    has_own = any(is_gone for _e164, is_gone in numbers)
    known_as += [
        ("", each, not has_own) for each in erased_as(key, person.birth_year, person.area_code) if key
    ]
    for number_hash, described, is_gone in known_as:
        session.add(
            Erasure(
                number_hash=number_hash,
                person_hash=hashed(described),
                key_id=hashed_by,
                is_gone=is_gone,
                erased_at=now,
            )
        )


def keep_wishes_of(session: Session, people: Sequence[int], *, now: datetime) -> None:
    """Keep what people asked for who are about to be removed: `keep_wishes`, and their names where numbers do not tell.

    A row that may be about one of those waits for an officer.
    """
    for contact_id in sorted(keep_wishes(session, people)):
        person = session.get_one(Contact, contact_id)
        other = aliased(ContactPhone)
        is_shared = exists().where(other.phone_id == Phone.id, other.contact_id != contact_id)
        theirs = select(Phone.e164, ~is_shared).join(ContactPhone, ContactPhone.phone_id == Phone.id)
        numbers = session.execute(theirs.where(ContactPhone.contact_id == contact_id)).all()
        record_erasure(session, person, numbers, now=now)


def find_erased(session: Session, rows: Collection[CheckedRow]) -> set[int]:
    """Return the rows, by `CheckedRow.row`, that may be about an erased contact.

    Any name on a number that only the erased contact had, or the same name on a number that was shared. Without a valid
    number, or where the erased contact had none of their own, the same name, where neither the year of birth nor the
    commune contradicts.
    """
    if not session.scalar(select(exists(select(literal(1)).select_from(Erasure)))):
        return set()
    # Such rows cost four hashes each, so that they are made only where somebody had no number of their own.
    named = select(literal(1)).where(Erasure.number_hash == "", is_set(Erasure.is_gone))
    has_named = session.scalar(select(exists(named)))
    hashes: dict[str, set[int]] = {}
    by_name: dict[str, set[int]] = {}  # of rows with a number
    former = _read_former(session)
    for row in rows:
        numbers, names = _known_as(row, former, has_named=bool(has_named))
        for known, texts in ((hashes, numbers), (by_name if numbers else hashes, names)):
            for hashed in (each for text in texts for each in hashes_of(session, text)):
                known.setdefault(hashed, set()).add(row.row)
    hash_values = values_subquery(session, {*hashes, *by_name}, String)
    erasures = session.execute(
        select(Erasure.number_hash, Erasure.person_hash, Erasure.is_gone).where(
            or_(Erasure.number_hash.in_(hash_values), Erasure.person_hash.in_(hash_values))
        )
    )
    found: set[int] = set()
    for number_hash, person_hash, is_gone in erasures:
        if number_hash:
            found |= hashes.get(number_hash if is_gone else person_hash, set())
        else:
            found |= hashes.get(person_hash, set()) | (by_name.get(person_hash, set()) if is_gone else set())
    return found


def _known_as(
    row: CheckedRow, former: Mapping[str, Collection[str]], *, has_named: bool
) -> tuple[list[str], set[str]]:
    """Return what the person of a row may be known as by a number, and by the name alone."""
    has_number = row.phone.status is PhoneStatus.OK
    numbers = row.phone.numbers if has_number else ()
    by_number = [text for e164 in numbers for text in (e164, *(f"{e164}/{key}" for key in row.name_keys))]
    if not (has_named if has_number else row.is_at_the_door):
        return by_number, set()
    codes = {row.place.code, *former.get(row.place.code or "", ())}
    described = (may_be_erased_as(key, row.birth_year, code) for code in codes for key in row.name_keys)
    return by_number, {text for texts in described for text in texts}


def _read_former(session: Session) -> dict[str, list[str]]:
    """Return by commune of today those on its ground before: somebody erased is known by the commune of that day."""
    former: dict[str, list[str]] = {}
    successors = read_successors(session)
    for before in successors:
        for code in last_units(successors, before):
            former.setdefault(code, []).append(before)
    return former


def erase_import_rows(
    session: Session,
    contact_id: int,
    name: str,
    *,
    own: Sequence[str],
    shared: Sequence[str],
    user_id: int,
    now: datetime,
) -> int:
    """Empty the issues about a contact and the previews that show them. Returns how many issues.

    An issue is about the contact if it refers to them, has one of their `own` numbers (E.164), or has their
    name with one of the `shared` numbers, or their name without a number in a file that contained them.
    """
    key, numbers = name_key(name), (*own, *shared)
    imports = [
        select(column).where(table.contact_id == contact_id)
        for table, column in (
            (Membership, Membership.import_id),
            (Membership, Membership.last_import_id),
            (ImportSighting, ImportSighting.import_id),
        )
    ]
    import_ids = {*session.scalars(union(*imports))} - {None}
    cells = cast(ImportIssue.cells, String)
    candidates = session.execute(
        select(ImportIssue.id, ImportIssue.contact_id, ImportIssue.cells).where(
            or_(
                ImportIssue.contact_id == contact_id,
                ImportIssue.import_id.in_(import_ids),
                *(cells.contains(number.lstrip("+"), autoescape=True) for number in numbers),
            )
        )
    )
    issue_ids = [
        issue_id
        for issue_id, about_id, row in candidates
        if about_id == contact_id or (row and is_about(row, key, own, shared))
    ]
    for issue in session.scalars(
        select(ImportIssue).where(ImportIssue.id.in_(issue_ids)).with_for_update()
    ).all():
        _close(session, issue, user_id=user_id, now=now)
        issue.cells, issue.key, issue.contact_id, issue.undo = {}, "", None, None
    _forget_previews(session, key, {mask_number(number) for number in numbers})
    return len(issue_ids)


def is_undecided() -> ColumnElement[bool]:
    """Return the condition that an issue is undecided. Rejected rows are never decided."""
    return or_(ImportIssue.decision.is_(None), ImportIssue.decision == Decision.SUPERSEDED)


def erase_issues(session: Session, ids: Sequence[int], *, now: datetime) -> int:
    """Empty these issues, which will not be decided any more. Returns how many."""
    issues = session.scalars(
        select(ImportIssue)
        .where(ImportIssue.id.in_(values_subquery(session, ids)))
        .order_by(ImportIssue.id)
        .with_for_update()
    ).all()
    for issue in issues:
        _close(session, issue, user_id=None, now=now)
        issue.cells, issue.key, issue.undo = {}, "", None
    return len(issues)


def _close(session: Session, issue: ImportIssue, *, user_id: int | None, now: datetime) -> None:
    is_question = issue.status == IssueStatus.QUESTION
    if issue.decision is None and issue.status == IssueStatus.REVIEW:
        recount(session.get_one(ListImport, issue.import_id, with_for_update=True), "review", "rejected")
    if issue.decision in (None, Decision.SUPERSEDED):
        issue.decision = Decision.ANSWERED if is_question else Decision.DROPPED
        issue.decided_by, issue.decided_at = user_id, now


def is_about(row: dict[str, Any], key: str, own: Sequence[str], shared: Sequence[str]) -> bool:
    """Return whether an issue's row is about a contact.

    It has one of their own numbers, as read or as digits in the cell; or their name with a shared number or
    none.
    """
    if _has_one(row, own):
        return True
    names = (row["name"], *(name for name, _numbers, _year in row.get("people", ())))
    has_name = bool(key) and key in map(name_key, names)
    return has_name and (not row["numbers"] or _has_one(row, shared))


def _has_one(row: dict[str, Any], numbers: Sequence[str]) -> bool:
    digits = "".join(filter(str.isdecimal, row["phone"]))
    return not {*row["numbers"]}.isdisjoint(numbers) or any(number[3:] in digits for number in numbers)


def _forget_previews(session: Session, key: str, numbers: set[str]) -> None:
    """Remove a contact's rows and texts from previews of unconfirmed uploads.

    If such an upload is confirmed, the import creates an issue for the row.
    """

    def is_theirs(row: Mapping[str, Any], *names: str) -> bool:
        return key in map(name_key, names) and not (row["phones"] and numbers.isdisjoint(row["phones"]))

    for upload in session.scalars(
        select(Upload).where(Upload.state == UploadState.READY).with_for_update()
    ).all():
        rows = [row for row in upload.preview.get("rows", []) if not is_theirs(row, row["name"])]
        sheets = [
            {
                **sheet,
                "lines": [
                    [line, "" if key and key in name_key(cell) else cell]
                    for line, cell in sheet.get("lines", [])
                ],
                "columns": [
                    [*column, [each for each in examples if name_key(str(each)) != key]]
                    for *column, examples in sheet["columns"]
                ],
            }
            for sheet in upload.preview.get("sheets", [])
        ]
        doubts = [
            row for row in upload.preview.get("doubts", []) if not is_theirs(row, row["name"], *row["people"])
        ]
        differing = [each for each in upload.preview.get("differing", []) if name_key(each["name"]) != key]
        kept = {"rows": rows, "doubts": doubts, "sheets": sheets, "differing": differing}
        upload.preview = {**upload.preview, **kept}
