"""Erased contacts: recognise them, empty what imports keep of them.

People whose data were erased: known by keyed hashes alone, so that no list brings them back unnoticed.

What imports keep of somebody beside the directory: rows set aside and first rows shown. Emptied, not removed,
as what was decided stays decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, cast, exists, literal, or_, select
from sqlalchemy.orm import Session

from outreach.contacts.suppressions import hash_number
from outreach.core.bulk import values_subquery
from outreach.imports.issues import Decision, IssueStatus
from outreach.models.contacts import (
    Erasure,
    ImportIssue,
    ImportSighting,
    ListImport,
    Membership,
    Upload,
    UploadState,
)
from outreach.rules.identity import mask_number, name_key
from outreach.rules.list_rows import CheckedRow


def record_erasure(
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
    asked = values_subquery(session, hashes, String)
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
    """Empty the rows set aside that are about somebody, or have one of their own numbers in E.164, or their name beside
    one that they share, or their name in a file that brought them; and the previews that show them. How many rows.
    """
    key, numbers = name_key(name), (*own, *shared)
    brought = select(Membership.import_id).where(Membership.contact_id == contact_id)
    again = select(Membership.last_import_id).where(Membership.contact_id == contact_id)
    between = select(ImportSighting.import_id).where(ImportSighting.contact_id == contact_id)
    files = {each for each in session.scalars(brought.union(again, between)) if each is not None}
    cells = cast(ImportIssue.cells, String)
    candidates = session.execute(
        select(ImportIssue.id, ImportIssue.contact_id, ImportIssue.cells).where(
            or_(
                ImportIssue.contact_id == contact_id,
                ImportIssue.import_id.in_(files),
                *(cells.contains(number.lstrip("+"), autoescape=True) for number in numbers),
            )
        )
    )
    found = [
        issue_id
        for issue_id, about, said in candidates
        if about == contact_id or (said and _is_about(said, key, own, shared))
    ]
    for issue in session.scalars(
        select(ImportIssue).where(ImportIssue.id.in_(found)).with_for_update()
    ).all():
        _end(session, issue, user_id=user_id, now=now)
        issue.cells, issue.key, issue.contact_id, issue.undo = {}, "", None, None
    _forget_previews(session, key, {mask_number(number) for number in numbers})
    return len(found)


def is_undecided() -> ColumnElement[bool]:
    """The condition that nobody has decided on a row set aside: what could not be taken is never decided on."""
    return or_(ImportIssue.decision.is_(None), ImportIssue.decision == Decision.SUPERSEDED)


def erase_issues(session: Session, ids: Sequence[int], *, now: datetime) -> int:
    """Empty these rows set aside, as nobody will decide on them any more; how many."""
    found = session.scalars(
        select(ImportIssue)
        .where(ImportIssue.id.in_(values_subquery(session, ids, BigInteger)))
        .order_by(ImportIssue.id)
        .with_for_update()
    ).all()
    for issue in found:
        _end(session, issue, user_id=None, now=now)
        issue.cells, issue.key, issue.undo = {}, "", None
    return len(found)


def _end(session: Session, issue: ImportIssue, *, user_id: int | None, now: datetime) -> None:
    is_question = issue.status == IssueStatus.QUESTION
    if issue.decision is None and issue.status == IssueStatus.REVIEW:
        _count_dropped(session, issue.import_id)
    if issue.decision in (None, Decision.SUPERSEDED):
        issue.decision = Decision.ANSWERED if is_question else Decision.DROPPED
        issue.decided_by, issue.decided_at = user_id, now


def _is_about(said: dict[str, Any], key: str, own: Sequence[str], shared: Sequence[str]) -> bool:
    """One of their own numbers, read or as digits in the cell; or their name beside one that they share or none."""
    if _has_one(said, own):
        return True
    is_theirs = bool(key) and name_key(said["name"]) == key
    return is_theirs and (not said["numbers"] or _has_one(said, shared))


def _has_one(said: dict[str, Any], numbers: Sequence[str]) -> bool:
    digits = "".join(filter(str.isdecimal, said["phone"]))
    return not {*said["numbers"]}.isdisjoint(numbers) or any(each[3:] in digits for each in numbers)


def _count_dropped(session: Session, import_id: int) -> None:
    brought = session.get_one(ListImport, import_id, with_for_update=True)
    counts = brought.counts
    brought.counts = {**counts, "review": counts["review"] - 1, "rejected": counts["rejected"] + 1}


def _forget_previews(session: Session, key: str, numbers: set[str]) -> None:
    """Of files that wait for an officer's word: if it is given, the import asks about the person's row."""
    for upload in session.scalars(
        select(Upload).where(Upload.state == UploadState.READY).with_for_update()
    ).all():
        rows = [
            row
            for row in upload.preview.get("rows", [])
            if name_key(row["name"]) != key or numbers.isdisjoint(row["phones"])
        ]
        sheets = [
            {
                **sheet,
                "lines": [
                    [line, "" if key in name_key(said) else said] for line, said in sheet.get("lines", [])
                ],
                "columns": [_without(column, key) for column in sheet["columns"]],
            }
            for sheet in upload.preview.get("sheets", [])
        ]
        upload.preview = {**upload.preview, "rows": rows, "sheets": sheets}


def _without(column: list[object], key: str) -> list[object]:
    *told, examples = column
    assert isinstance(examples, list)
    return [*told, [each for each in examples if name_key(str(each)) != key]]
