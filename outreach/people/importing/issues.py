"""The rows of an import that were not taken: why, in words, as a file to correct."""

from __future__ import annotations

import csv
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.people.models import ImportIssue

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
}
_STATUS = {"review": "cần xem lại", "reject": "không nhận"}
_HEADER = (
    "Dòng",
    "STT",
    "Họ và tên",
    "Thôn/Tổ dân phố",
    "Xã/phường",
    "Chi hội",
    "SĐT",
    "Tình trạng",
    "Lý do",
)


def write_issues(session: Session, import_id: int, out: Path) -> int:
    """Write an import's open rows as CSV for a spreadsheet; how many. Formulas are defused."""
    issues = session.scalars(
        select(ImportIssue).where(ImportIssue.import_id == import_id).order_by(ImportIssue.row)
    ).all()
    # The byte-order mark makes Excel read Vietnamese.
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for issue in issues:
            cells = issue.cells
            texts = [cells[name] for name in ("stt", "name", "village", "commune", "unit", "phone")]
            reason = REASONS.get(issue.reason, issue.reason)
            writer.writerow([issue.row, *map(defuse, texts), _STATUS.get(issue.status, issue.status), reason])
    return len(issues)


def defuse(text: str) -> str:
    """A cell that a spreadsheet will not run as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
