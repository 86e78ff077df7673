"""Report template: letterhead, wording and hours, which differ by province and campaign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from itertools import pairwise
from typing import Any

from campaigns.rules.reports.schedule import ReportHours
from campaigns.rules.sending_hours import is_clock
from outreach.rules.errors import BadInput

NAMES = {
    "kind": "loại chiến dịch",
    "since": "chỉ tính các đợt từ ngày",
    "superior": "cơ quan chủ quản",
    "issuer": "cơ quan ban hành",
    "issuer_in_text": "tên cơ quan ban hành trong câu văn",
    "symbol": "ký hiệu",
    "place": "địa danh",
    "subject": "trích yếu",
    "action": "việc được vận động",
    "done": "động từ ngắn",
    "addressees": "kính gửi",
    "bases": "căn cứ",
    "staff": "tên nhóm của cơ quan, đơn vị",
    "residents": "tên nhóm người dân",
    "proposals": "đề xuất, kiến nghị",
    "signature": "thẩm quyền và chức vụ ký",
    "copies": "nơi nhận",
    "filed": "lưu",
    "link_days": "số ngày liên kết dùng được",
}
HOURS = {
    "chase": "nhắc nơi chưa nộp",
    "alarm": "báo động nơi còn thiếu",
    "freeze": "chốt số liệu",
    "undelivered": "báo động chưa gửi được",
    "deadline": "phải đến nơi trước",
    "correct": "gửi đính chính trong ngày",
}
# Keys in templates stored by earlier versions.
FORMER_NAMES = {"action": "deed"}
MAY_BE_EMPTY = frozenset({"since", "superior", "bases", "proposals"})
LONGEST_LINE, MOST_LINES, MOST_LINK_DAYS = 400, 20, 60
# Characters per line in the two columns of the letterhead.
_LONGEST_HEAD = 36


@dataclass(frozen=True, slots=True)
class ReportTemplate:
    """Template as stored in a file, a form or the database.

    Tuples hold several lines. Lines have no final punctuation: the writer adds it.
    """

    kind: str
    since: str  # YYYY-MM-DD: only campaigns launched since count; empty for all
    superior: tuple[str, ...]
    issuer: str
    issuer_in_text: str
    symbol: str
    place: str
    subject: str
    action: str
    done: str
    addressees: tuple[str, ...]
    bases: tuple[str, ...]
    staff: str
    residents: str
    proposals: tuple[str, ...]
    signature: tuple[str, ...]
    copies: tuple[str, ...]
    filed: str
    link_days: int
    hours: ReportHours

    def as_data(self) -> dict[str, Any]:
        """Return the data that `parse_template` reads."""
        return asdict(self)


def parse_template(data: Mapping[str, Any]) -> ReportTemplate:
    """Read a template from a file, a page or the database. Raises BadInput with everything that is wrong."""
    errors: list[str] = []
    values: dict[str, Any] = {}
    for item in fields(ReportTemplate):
        if item.name in ("hours", "link_days"):
            continue
        value = data.get(item.name, data.get(FORMER_NAMES.get(item.name, "")))
        if "tuple" in str(item.type):
            value = [value] if isinstance(value, str) else list(value or ())
            lines = tuple(cleaned for line in value if (cleaned := _clean(line)))
            values[item.name] = lines
            if not lines and item.name not in MAY_BE_EMPTY:
                errors.append(f"{NAMES[item.name]}: chưa ghi gì")
            if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
                errors.append(f"{NAMES[item.name]}: quá dài")
        else:
            values[item.name] = text = _clean(value)
            if not text and item.name not in MAY_BE_EMPTY:
                errors.append(f"{NAMES[item.name]}: chưa ghi gì")
            if len(text) > LONGEST_LINE:
                errors.append(f"{NAMES[item.name]}: quá dài")
    if values["since"] and not _is_day(values["since"]):
        errors.append(f"{NAMES['since']}: phải viết như 2020-08-01, hoặc để trống")
    heads = (*values["superior"], values["issuer"])
    errors += [
        f"“{line}”: quá dài cho phần đầu văn bản, hãy tách thành hai dòng"
        for line in heads
        if len(line) > _LONGEST_HEAD
    ]
    days = data.get("link_days")
    if not isinstance(days, int) or not 1 <= days <= MOST_LINK_DAYS:
        errors.append(f"{NAMES['link_days']}: phải từ 1 đến {MOST_LINK_DAYS}")
    hours = _read_hours(data.get("hours") or {}, errors)
    if errors:
        raise BadInput(f"Chưa lưu gì. {'; '.join(errors)}.")
    return ReportTemplate(**values, link_days=int(days or 0), hours=hours)


def _read_hours(data: Mapping[str, Any], errors: list[str]) -> ReportHours:
    clocks = {name: str(data.get(name, "")).strip() for name in HOURS}
    invalid = [name for name, clock in clocks.items() if not is_clock(clock) or clock == "24:00"]
    errors += [f"{HOURS[name]}: giờ phải viết như 13:30" for name in invalid]
    in_order = [clocks[name] for name in HOURS]
    if not invalid and any(earlier >= later for earlier, later in pairwise(in_order)):
        errors.append("các giờ phải theo thứ tự: " + ", ".join(HOURS.values()))
    return ReportHours(**clocks)


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _clean(value: object) -> str:
    """Return the value as one line without bullet and final punctuation."""
    text = re.sub(r"^[-–•]\s*", "", " ".join(str(value or "").split()))
    return text.rstrip(" ;.,") if not text.endswith("...") else text
