"""What imports keep of somebody beside the directory: rows set aside and first rows shown. Emptied, not removed,
as what was decided stays decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, cast, or_, select
from sqlalchemy.orm import Session

from outreach.bulk import listed
from outreach.people.importing.again import Sighting
from outreach.people.importing.aside import Decision, IssueStatus
from outreach.people.masking import masked
from outreach.people.models import ImportIssue, ListImport, Membership, Upload, UploadState
from outreach.people.names import name_key


def forget_rows(
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
    between = select(Sighting.import_id).where(Sighting.contact_id == contact_id)
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
    _forget_previews(session, key, {masked(number) for number in numbers})
    return len(found)


def is_undecided() -> ColumnElement[bool]:
    """The condition that nobody has decided on a row set aside: what could not be taken is never decided on."""
    return or_(ImportIssue.decision.is_(None), ImportIssue.decision == Decision.SUPERSEDED)


def forget_aside(session: Session, ids: Sequence[int], *, now: datetime) -> int:
    """Empty these rows set aside, as nobody will decide on them any more; how many."""
    found = session.scalars(
        select(ImportIssue)
        .where(ImportIssue.id.in_(listed(session, ids, BigInteger)))
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
