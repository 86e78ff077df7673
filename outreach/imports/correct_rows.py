"""Rows of an uploaded file that need an eye, put right by an officer before anything is stored.

What the officer says of a row is kept with the upload, by sheet and line, and applied whenever the file is read: a number
typed in place of the cell, "as read", or "leave out". It is forgotten when the upload ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.imports.list_reader import SKIPPED, TAKEN, WITHOUT_NUMBERS, rows_key
from outreach.imports.uploads import check_again, confirm_upload, find_upload, lock_ready, preview_for
from outreach.models.accounts import User
from outreach.models.contacts import Upload
from outreach.rules.errors import BadInput
from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
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
    """Put rows right and check the file again; nothing is stored. Without any change nothing is checked.

    `typed` and `chosen` as in `_with_said`. Raises BadInput for an unknown row or choice, WrongState if the upload is not ready.
    """
    upload = lock_ready(session, upload_id, user=user)
    corrected = _with_said(session, upload, typed, chosen, user=user)
    if corrected != upload.corrected or upload.preview.get("is_kept"):
        check_again(session, upload, corrected, now=now)
    return upload


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What a corrected row is now: `numbers` as read from its cell, "" or the reason why it waits, and the file's counts with it."""

    numbers: tuple[str, ...]
    reason: str
    ready: int
    later: int


@use_case
def keep_row(
    session: Session, upload_id: int, key: str, *, text: str, choice: str, user: User, now: datetime
) -> KeptRow:
    """Keep what is said of one row, as one leaves its cell; the file is not read again before it is stored.

    Raises as `correct_rows`.
    """
    upload = lock_ready(session, upload_id, user=user)
    upload.corrected = _with_said(session, upload, {key: text}, {key: choice}, user=user)
    upload.preview = {**upload.preview, "is_kept": True}
    row = next(row for row in upload.preview["doubts"] if row["key"] == key)
    ready, later = count_ready(upload)
    said = said_of(upload, row)
    if said in ("", TAKEN, SKIPPED):
        return KeptRow(
            tuple(row["read"]) if said == TAKEN else (), "" if said else row["reason"], ready, later
        )
    cell = read_phone_cell(said)
    is_right = cell.status is PhoneStatus.OK
    return KeptRow(cell.numbers, "" if is_right else str(cell.reason or row["reason"]), ready, later)


@use_case
def store_as_said(
    session: Session,
    upload_id: int,
    *,
    typed: Mapping[str, str],
    chosen: Mapping[str, str],
    user: User,
    now: datetime,
) -> Upload:
    """Confirm an upload with what is said of its rows. Raises as `correct_rows` and `confirm_upload`."""
    upload = lock_ready(session, upload_id, user=user)
    if typed or chosen:
        upload.corrected = _with_said(session, upload, typed, chosen, user=user)
    return confirm_upload(session, upload_id, user=user, now=now)


def _with_said(
    session: Session, upload: Upload, typed: Mapping[str, str], chosen: Mapping[str, str], *, user: User
) -> dict[str, Any]:
    """Return the upload's corrections with these, of rows that the user may see.

    `typed` and `chosen` are by the rows' keys in the preview: the phone cell as it should be, and TAKEN (what was read is
    right; several people become as many), SKIPPED or "". A cell that is as written is no correction.
    """
    rows = {row["key"]: row for row in preview_for(session, upload, user=user).get("doubts", [])}
    if not rows.keys() >= {*typed, *chosen} or not {*chosen.values()} <= {"", TAKEN, SKIPPED}:
        raise BadInput("rows_changed")
    corrected = dict(upload.corrected)
    for key in {*typed, *chosen}:
        row = rows[key]
        text, choice = " ".join(typed.get(key, row["written"]).split())[:LONGEST], chosen.get(key, "")
        said = choice or (text if text != row["written"] else "")
        if choice == TAKEN and not row["may_take"]:
            raise BadInput("rows_changed")
        sheet, line = rows_key(row["sheet"]), str(row["line"])
        of_sheet = {each: known for each, known in corrected.get(sheet, {}).items() if each != line}
        if said:
            of_sheet[line] = said
        corrected.pop(sheet, None)
        if of_sheet:
            corrected[sheet] = of_sheet
    return corrected


def said_of(upload: Upload, row: Mapping[str, Any]) -> str:
    """Return what is said of a row: the number typed, TAKEN, SKIPPED or ""."""
    of_sheet: dict[str, str] = upload.corrected.get(rows_key(row["sheet"]), {})
    return of_sheet.get(str(row["line"]), "")


def count_ready(upload: Upload) -> tuple[int, int]:
    """Return how many people would be imported now, and how many rows are left for later, with what is said of them."""
    ready = upload.counts.get("ok", 0) - upload.counts.get("duplicates", 0)
    later = upload.counts.get("review", 0) + upload.counts.get("reject", 0)
    for row in upload.preview.get("doubts", []):
        said = said_of(upload, row)
        is_right = said == TAKEN or (
            said not in ("", SKIPPED) and read_phone_cell(said).status is PhoneStatus.OK
        )
        ready, later = ready + is_right, later - (is_right or said == SKIPPED)
    return ready, later


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
