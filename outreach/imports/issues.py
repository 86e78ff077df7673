"""Rows kept aside for a person: those that could not be taken, those to decide, and questions about those taken.

The same row of the same list is asked about once, whichever file brings it again: what was decided stays decided.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String, select, update
from sqlalchemy.orm import Session

from outreach.bulk import UNSYNCED, listed
from outreach.people.erased import WAS_ERASED
from outreach.people.importing.again import see_again
from outreach.people.importing.bulk import insert_rows
from outreach.people.models import ImportIssue, ListImport
from outreach.people.reading.rows import CheckedRow


class Decision(StrEnum):
    TAKEN = "taken"  # stored, with the number as read or as a person put it right
    SAME = "same"  # the person of the directory, whose name stays
    RENAMED = "renamed"  # the person of the directory, with the name of the row
    DROPPED = "dropped"
    ANSWERED = "answered"  # what a question asked for is known now, or is left open for good
    CORRECTED = "corrected"  # put right in a file that came in later
    SUPERSEDED = "superseded"  # a later file brought the same row; it is asked there


# What a row that is stored may be asked about.
BIRTH_UNCLEAR, OTHER_COMMUNE = "birth_unclear", "other_commune"

_COLUMNS = ("import_id", "row", "status", "reason", "key", "cells", "contact_id", "decision")
# The code that a file to correct gives a row: within what an id and a row's number may be.
_CODE = re.compile(r"L([0-9]{1,9})\.([0-9]{1,9})")
STORED = (Decision.TAKEN, Decision.SAME, Decision.RENAMED)


class IssueStatus(StrEnum):
    REVIEW = "review"
    REJECT = "reject"
    QUESTION = "question"


def keep_aside(
    session: Session,
    kept: Sequence[tuple[CheckedRow, IssueStatus, str, int | None]],
    *,
    brought: ListImport,
    now: datetime,
) -> list[IssueStatus | None]:
    """Keep rows aside, each with its status, reason and the person it is about.

    The status that each is counted as: None where it was decided before to take it, or asked before.
    """
    if not kept:
        return []
    keys = [_key(row, brought, reason) for row, _, reason, _ in kept]
    before = _decided_before(session, keys)
    waiting, decided_on = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    counted = list[IssueStatus | None]()
    stored = set[int]()
    for (row, status, reason, contact_id), key in zip(kept, keys, strict=True):
        decided, person = before.get(key, (None, None))
        if decided in STORED and person:
            stored.add(person)
        counted.append(_counted_as(status, decided, was_asked=key in before))
        if counted[-1] is None:
            continue
        # Of whom was erased, and is not to come back, nothing is kept.
        told = {} if reason == WAS_ERASED and decided else describe(row)
        cells = json.dumps(told, ensure_ascii=False)
        issue = (brought.id, row.row, status.value, reason[:40], key, cells, contact_id, decided)
        (decided_on if decided else waiting).append(issue)
    see_again(session, stored, brought=brought)
    asked_again = [key for *_, key, _cells, _person, _decision in (*waiting, *decided_on)]
    session.execute(
        update(ImportIssue)
        .where(
            ImportIssue.key.in_(listed(session, asked_again, String)),
            ImportIssue.decision.is_(None),
            ImportIssue.status != IssueStatus.QUESTION,
        )
        .values(decision=Decision.SUPERSEDED, decided_at=now),
        execution_options=UNSYNCED,
    )
    insert_rows(session, ImportIssue.__table__, _COLUMNS, waiting)
    insert_rows(session, ImportIssue.__table__, _COLUMNS, decided_on, always={"decided_at": now})
    headers = {row.sheet: row.header for row, *_ in kept}
    if new := headers.keys() - brought.headers.keys():
        brought.headers = {
            **brought.headers,
            **{sheet: header.labels_to_give_back() for sheet, header in headers.items() if sheet in new},
        }
    return counted


def count_aside(
    session: Session, kept: Sequence[tuple[CheckedRow, IssueStatus, str, int | None]], *, brought: ListImport
) -> list[IssueStatus | None]:
    """What `keep_aside` would count each row as; nothing is kept."""
    keys = [_key(row, brought, reason) for row, _, reason, _ in kept]
    before = _decided_before(session, keys) if keys else {}
    return [
        _counted_as(status, before.get(key, (None,))[0], was_asked=key in before)
        for (_, status, _, _), key in zip(kept, keys, strict=True)
    ]


def _counted_as(status: IssueStatus, decided: str | None, *, was_asked: bool) -> IssueStatus | None:
    if decided in STORED or (status is IssueStatus.QUESTION and was_asked):
        return None
    return IssueStatus.REJECT if decided else status


def close_corrected(
    session: Session, rows: Sequence[CheckedRow], *, brought: ListImport, now: datetime
) -> None:
    """Rows that put right a row of an earlier import into the same list: that one needs no decision any more."""
    for row in rows:
        code = _CODE.fullmatch(row.corrects) if row.corrects else None
        if code is None:
            continue
        same_list = select(ListImport.id).where(
            ListImport.id == int(code[1]), ListImport.list_id == brought.list_id
        )
        session.execute(
            update(ImportIssue)
            .where(
                ImportIssue.import_id.in_(same_list),
                ImportIssue.row == int(code[2]),
                ImportIssue.decision.is_(None),
            )
            .values(decision=Decision.CORRECTED, decided_at=now)
        )


def describe(row: CheckedRow) -> dict[str, Any]:
    """A row as it is kept: where it stood, its own cells, and what was understood of it."""
    return {
        "sheet": row.sheet,
        "line": row.line,
        "source": row.as_written(),
        "name": row.name,
        "birth_year": row.birth_year,
        "birth_doubt": row.birth_doubt,
        "sex": row.sex.value if row.sex else None,
        "village": row.village,
        "commune": row.commune,
        "area_code": row.place.code,
        "unit": row.unit,
        "language": row.language,
        "has_smartphone": row.has_smartphone,
        "phone": row.phone_text,
        "numbers": list(row.phone.numbers),
    }


def _key(row: CheckedRow, brought: ListImport, reason: str) -> str:
    said: tuple[object, ...] = (
        brought.list_id,
        reason,
        row.name_key,
        row.village,
        row.phone_text,
        row.birth_doubt,
    )
    if reason == OTHER_COMMUNE:  # whoever moves once more is asked about once more
        said = (*said, row.place.code)
    return hashlib.blake2b(repr(said).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _decided_before(session: Session, keys: Sequence[str]) -> dict[str, tuple[str | None, int | None]]:
    """The last decision on each key that was asked about before, and whom it stored; None where it is open."""
    rows = session.execute(
        select(ImportIssue.key, ImportIssue.decision, ImportIssue.undo)
        .where(ImportIssue.key.in_(listed(session, set(keys), String)))
        .where(ImportIssue.decision.is_(None) | (ImportIssue.decision != Decision.SUPERSEDED))
        .order_by(ImportIssue.id)
    )
    return {key: (decision, (undo or {}).get("contact")) for key, decision, undo in rows}
