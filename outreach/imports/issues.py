"""Rows kept for review: save, list, export as a file.

Rows kept aside for a person: those that could not be taken, those to decide, and questions about those taken.

The same row of the same list is asked about once, whichever file brings it again: what was decided stays decided.

Rows that wait for a person, as they are read.

The rows of an import that were not taken: in the file's own columns, with the reason, as a file to correct.

It may be brought in again as it is: its last column names the row that each puts right.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, String, func, or_, select, update
from sqlalchemy.orm import Session

from outreach.accounts.permissions import visible_to
from outreach.core.bulk import NO_SYNC, insert_rows, values_subquery
from outreach.core.spreadsheets import escape_formula, write_workbook
from outreach.imports.merge_contacts import record_sighting
from outreach.models.accounts import Organisation, User
from outreach.models.contacts import Contact, ContactList, ImportIssue, ListImport
from outreach.rules.errors import NotFound
from outreach.rules.list_rows import CheckedRow


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


def save_issues(
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
        told = {} if reason == WAS_ERASED and decided else describe_row(row)
        cells = json.dumps(told, ensure_ascii=False)
        issue = (brought.id, row.row, status.value, reason[:40], key, cells, contact_id, decided)
        (decided_on if decided else waiting).append(issue)
    record_sighting(session, stored, brought=brought)
    asked_again = [key for *_, key, _cells, _person, _decision in (*waiting, *decided_on)]
    session.execute(
        update(ImportIssue)
        .where(
            ImportIssue.key.in_(values_subquery(session, asked_again, String)),
            ImportIssue.decision.is_(None),
            ImportIssue.status != IssueStatus.QUESTION,
        )
        .values(decision=Decision.SUPERSEDED, decided_at=now),
        execution_options=NO_SYNC,
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


def count_issues(
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


def close_corrected_issues(
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


def describe_row(row: CheckedRow) -> dict[str, Any]:
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
        .where(ImportIssue.key.in_(values_subquery(session, set(keys), String)))
        .where(ImportIssue.decision.is_(None) | (ImportIssue.decision != Decision.SUPERSEDED))
        .order_by(ImportIssue.id)
    )
    return {key: (decision, (undo or {}).get("contact")) for key, decision, undo in rows}


IS_WAITING = (
    ImportIssue.key != "",  # what came in before rows could be decided on is only given back as a file
    ImportIssue.decision.is_(None),
    ImportIssue.status.in_((IssueStatus.REVIEW, IssueStatus.QUESTION)),
)


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """A row with the list and file that brought it; `known_as` is the name of whom it may be, or is, `lives_in` the code of
    the commune that is known of them.
    """

    issue: ImportIssue
    file_name: str
    list_id: int
    list_name: str
    organisation: str
    known_as: str | None
    lives_in: str | None


def read_open_issues(
    session: Session, user: User, *, list_id: int | None = None, limit: int = 20
) -> tuple[list[OpenIssue], int]:
    """The rows that wait in the lists that a user may see, the oldest first, and how many there are."""
    query = (
        select(
            ImportIssue,
            ListImport.file_name,
            ContactList.id,
            ContactList.name,
            Organisation.name,
            Contact.name,
            Contact.area_code,
        )
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(Contact, Contact.id == ImportIssue.contact_id)
        .where(visible_to(session, user, ContactList.organisation_id), *IS_WAITING)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    count = session.scalar(
        select(func.count()).select_from(query.with_only_columns(ImportIssue.id).subquery())
    )
    rows = session.execute(query.order_by(ImportIssue.id).limit(limit))
    return [OpenIssue(*row) for row in rows], count or 0


def find_issue(session: Session, issue_id: int, *, user: User) -> ImportIssue:
    """A row kept aside in a list that the user may see. Raises NotFound."""
    found = session.scalar(
        select(ImportIssue)
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .where(ImportIssue.id == issue_id, visible_to(session, user, ContactList.organisation_id))
    )
    if found is None:
        raise NotFound("Không có dòng này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def count_alike(session: Session, waiting: Sequence[OpenIssue]) -> dict[tuple[int, str], int]:
    """How many rows wait in each of these files for each reason."""
    rows = session.execute(
        select(ImportIssue.import_id, ImportIssue.reason, func.count())
        .where(ImportIssue.import_id.in_({each.issue.import_id for each in waiting}), *IS_WAITING)
        .group_by(ImportIssue.import_id, ImportIssue.reason)
    )
    return {(import_id, reason): count for import_id, reason, count in rows}


REASONS = {
    "missing": "không có số điện thoại",
    "no_phone_stated": "danh sách ghi là không có điện thoại",
    "placeholder": "số điền cho có, không phải số thật",
    "ditto": "ghi “như trên”: hãy chép lại số ở dòng trên",
    "spreadsheet_error": "ô báo lỗi của bảng tính",
    "date_like": "ô bị bảng tính đổi thành ngày tháng",
    "lossy_scientific": "ô bị bảng tính đổi dạng và mất chữ số: hãy nhập lại số",
    "id_number": "số CMND/CCCD, không phải số điện thoại",
    "service_number": "số dịch vụ, không phải thuê bao",
    "foreign_number": "số nước ngoài",
    "landline": "số điện thoại bàn, không nhận được tin nhắn",
    "invalid_prefix": "đầu số không tồn tại",
    "too_short": "thiếu chữ số",
    "too_long": "thừa chữ số",
    "no_valid_number": "không đọc được số nào đúng",
    "letter_substitution": "có chữ cái lẫn trong số: hãy xem lại chữ O với số 0, chữ l với số 1",
    "second_number_too_short": "số thứ hai thiếu chữ số",
    "concatenated_numbers": "hai số viết liền nhau",
    "unparsed_remainder": "còn phần chưa đọc được trong ô",
    "changed_name": "số này đã có một người tên gần giống: là một người hay hai người?",
    "was_erased": "dữ liệu của người dùng số này đã được xóa theo yêu cầu: chỉ nhập lại nếu chính họ đồng ý",
    "other_commune": "xã, phường khác với xã, phường đã biết của người này: ở đâu là đúng?",
    "birth_unclear": "năm sinh chỉ có hai chữ số: là năm sinh hay là tuổi?",
}
_STATUS = {IssueStatus.REVIEW: "cần xem lại", IssueStatus.REJECT: "không hợp lệ"}
_ADDED = ("Tình trạng", "Lý do", "Dòng trong tệp gốc", "Mã dòng (giữ nguyên)")
_AT_ONCE = 1000


def export_issues(session: Session, import_id: int, out: Path) -> int:
    """Write an import's rows that are not stored; how many. By the file's name a workbook, a sheet for each sheet of
    the source, or a CSV file, in which the columns of several sheets stand together and formulas are defused.
    """
    brought = session.get_one(ListImport, import_id)
    headers = {sheet: [*labels] for sheet, labels in brought.headers.items()} or {"": []}
    if out.suffix.lower() == ".xlsx":
        write_workbook(
            out, {sheet: _rows(session, brought, sheet, labels) for sheet, labels in headers.items()}
        )
    else:
        _write_csv(session, brought, headers, out)
    return session.scalar(select(func.count()).select_from(_open(import_id).subquery())) or 0


def count_reasons(session: Session, import_id: int) -> list[tuple[str, str, int]]:
    """(status, reason, rows) of an import's rows that are not stored and of its questions, the most first."""
    rows = session.execute(
        select(ImportIssue.status, ImportIssue.reason, func.count())
        .where(ImportIssue.import_id == import_id, _is_open())
        .group_by(ImportIssue.status, ImportIssue.reason)
    )
    return sorted(((status, reason, count) for status, reason, count in rows), key=lambda row: -row[2])


def _is_open() -> ColumnElement[bool]:
    # What a later file asked again was not stored either.
    return or_(ImportIssue.decision.is_(None), ImportIssue.decision == Decision.SUPERSEDED)


def _open(import_id: int) -> Select[ImportIssue]:
    return select(ImportIssue).where(
        ImportIssue.import_id == import_id, ImportIssue.status != IssueStatus.QUESTION, _is_open()
    )


def _rows(
    session: Session, brought: ListImport, sheet: str | None, labels: Sequence[str]
) -> Iterator[list[str]]:
    """The header and each row, under it the sheet's cells and what we add; of every sheet where `sheet` is None."""
    yield [*labels, *_ADDED]
    issues = session.scalars(
        _open(brought.id).order_by(ImportIssue.row).execution_options(yield_per=_AT_ONCE)
    )
    for issue in issues:
        of_sheet, cells = issue.cells.get("sheet", ""), issue.cells.get("source", [])
        if sheet is None:
            cells = _under(labels, brought.headers.get(of_sheet, []), cells)
        elif sheet != of_sheet:
            continue
        yield [
            *cells[: len(labels)],
            *[""] * (len(labels) - len(cells)),
            _STATUS.get(IssueStatus(issue.status), issue.status),
            REASONS.get(issue.reason, issue.reason),
            str(issue.cells.get("line", "")),
            f"L{brought.id}.{issue.row}",
        ]


def _write_csv(session: Session, brought: ListImport, headers: dict[str, list[str]], out: Path) -> None:
    sheets = list(headers.values())
    together = sheets[0]
    for labels in sheets[1:]:
        together = [*together, *(Counter(labels) - Counter(together)).elements()]
    # The byte-order mark makes Excel read Vietnamese.
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for row in _rows(session, brought, None, together):
            writer.writerow(map(escape_formula, row))


def _under(labels: Sequence[str], of_sheet: Sequence[str], cells: Sequence[str]) -> list[str]:
    """A sheet's cells, each under the label that it had; of several columns with one label in their order."""
    places: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        places.setdefault(label, []).append(position)
    placed = [""] * len(labels)
    for label, cell in zip(of_sheet, cells, strict=False):
        if places.get(label):
            placed[places[label].pop(0)] = cell
    return placed


WAS_ERASED = "was_erased"  # why a row waits for a person
