"""The rows of an import that were not taken: in the file's own columns, with the reason, as a file to correct.

It may be brought in again as it is: its last column names the row that each puts right.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from outreach.people.importing.aside import Decision, IssueStatus
from outreach.people.importing.workbook import write_workbook
from outreach.people.models import ImportIssue, ListImport

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


def write_issues(session: Session, import_id: int, out: Path) -> int:
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


def defuse(text: str) -> str:
    """A cell that a spreadsheet will not run as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


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
            writer.writerow(map(defuse, row))


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
