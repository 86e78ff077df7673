"""Rows of an uploaded file that need an eye, put right by an officer before anything is stored.

What the officer says of a row is kept with the upload, by sheet and line, and applied whenever the file is read: a number
typed in place of the cell, "as read", or "leave out". It is forgotten when the upload ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.imports.list_reader import SKIPPED, TAKEN, WITHOUT_NUMBERS, rows_key
from outreach.imports.uploads import check_again, find_upload, lock_ready, preview_for
from outreach.models.accounts import User
from outreach.models.contacts import Upload
from outreach.rules.errors import BadInput
from outreach.use_cases import use_case

LONGEST = 120  # characters of a typed cell


@use_case
def see_doubts(session: Session, upload_id: int, *, user: User, now: datetime) -> list[dict[str, Any]]:
    """Return the rows of an upload that need an eye, with their cells as written; recorded in the audit log."""
    upload = find_upload(session, upload_id, user=user)
    doubts: list[dict[str, Any]] = preview_for(session, upload, user=user).get("doubts", [])
    if doubts:
        audit.record(session, "upload.see_rows", upload, user, now, rows=len(doubts))
    return doubts


@use_case
def correct_rows(
    session: Session,
    upload_id: int,
    *,
    typed: Mapping[str, str],
    chosen: Mapping[str, str],
    user: User,
    now: datetime,
) -> Upload:
    """Put rows right and check the file again; nothing is stored.

    `typed` and `chosen` are by the rows' keys in the preview: the phone cell as it should be, and TAKEN (what was read is
    right; several people become as many), SKIPPED or "". A cell that is as written changes nothing. Without any change
    nothing is checked. Raises BadInput for an unknown row or choice, WrongState if the upload is not ready.
    """
    upload = lock_ready(session, upload_id, user=user)
    rows = {row["key"]: row for row in upload.preview.get("doubts", [])}
    if not rows.keys() >= {*typed, *chosen} or not {*chosen.values()} <= {"", TAKEN, SKIPPED}:
        raise BadInput("rows_changed")
    corrected = dict(upload.corrected)
    for key, row in rows.items():
        text, choice = " ".join(typed.get(key, row["written"]).split())[:LONGEST], chosen.get(key, "")
        said = choice or (text if text != row["written"] else "")
        if choice == TAKEN and not row["may_take"]:
            raise BadInput("rows_changed")
        if said:
            sheet = rows_key(row["sheet"])
            corrected[sheet] = {**corrected.get(sheet, {}), str(row["line"]): said}
    if corrected != upload.corrected:
        check_again(session, upload, corrected, now=now)
    return upload


@use_case
def keep_without_numbers(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Say that a list without a column of numbers has none, and check it again: its people are stored for visits.

    Raises WrongState if the upload is not ready, BadInput if a column of numbers is known.
    """
    upload = lock_ready(session, upload_id, user=user)
    if not upload.preview.get("problem"):
        raise BadInput("rows_changed")
    check_again(session, upload, {**upload.corrected, WITHOUT_NUMBERS: {"all": "yes"}}, now=now)
    return upload


@use_case
def forget_corrections(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Take back everything that was said of the rows of an upload, and check the file again."""
    upload = lock_ready(session, upload_id, user=user)
    kept = {key: value for key, value in upload.corrected.items() if not key.startswith(rows_key(""))}
    check_again(session, upload, kept, now=now)
    return upload
