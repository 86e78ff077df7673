"""What differs from province to province and from campaign to campaign: letterhead, words, hours. Pure."""

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
# As forms and snapshots were stored before.
FORMER_NAMES = {"action": "deed"}
MAY_BE_EMPTY = frozenset({"since", "superior", "bases", "proposals"})
LONGEST_LINE, MOST_LINES, MOST_LINK_DAYS = 400, 20, 60
# A letterhead's two columns hold so many letters in a line.
_LONGEST_HEAD = 36


@dataclass(frozen=True, slots=True)
class ReportTemplate:
    """As in a file of this folder. Several lines are tuples; no line ends with a mark, the writer sets them."""

    kind: str
    since: str  # YYYY-MM-DD: campaigns launched before are another matter; empty for all
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
        """What `read_form` reads."""
        return asdict(self)


def parse_template(data: Mapping[str, Any]) -> ReportTemplate:
    """A form from a file, a page or the database. Raises BadInput with everything that is wrong."""
    wrong: list[str] = []
    values: dict[str, Any] = {}
    for item in fields(ReportTemplate):
        if item.name in ("hours", "link_days"):
            continue
        given = data.get(item.name, data.get(FORMER_NAMES.get(item.name, "")))
        if "tuple" in str(item.type):
            given = [given] if isinstance(given, str) else list(given or ())
            lines = tuple(cleaned for line in given if (cleaned := _clean(line)))
            values[item.name] = lines
            if not lines and item.name not in MAY_BE_EMPTY:
                wrong.append(f"{NAMES[item.name]}: chưa ghi gì")
            if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
                wrong.append(f"{NAMES[item.name]}: quá dài")
        else:
            values[item.name] = text = _clean(given)
            if not text and item.name not in MAY_BE_EMPTY:
                wrong.append(f"{NAMES[item.name]}: chưa ghi gì")
            if len(text) > LONGEST_LINE:
                wrong.append(f"{NAMES[item.name]}: quá dài")
    if values["since"] and not _is_day(values["since"]):
        wrong.append(f"{NAMES['since']}: phải viết như 2020-08-01, hoặc để trống")
    heads = (*values["superior"], values["issuer"])
    wrong += [
        f"“{line}”: quá dài cho phần đầu văn bản, hãy tách thành hai dòng"
        for line in heads
        if len(line) > _LONGEST_HEAD
    ]
    days = data.get("link_days")
    if not isinstance(days, int) or not 1 <= days <= MOST_LINK_DAYS:
        wrong.append(f"{NAMES['link_days']}: phải từ 1 đến {MOST_LINK_DAYS}")
    hours = _read_hours(data.get("hours") or {}, wrong)
    if wrong:
        raise BadInput(f"Chưa lưu gì. {'; '.join(wrong)}.")
    return ReportTemplate(**values, link_days=int(days or 0), hours=hours)


def _read_hours(data: Mapping[str, Any], wrong: list[str]) -> ReportHours:
    clocks = {name: str(data.get(name, "")).strip() for name in HOURS}
    bad = [name for name, clock in clocks.items() if not is_clock(clock) or clock == "24:00"]
    wrong += [f"{HOURS[name]}: giờ phải viết như 13:30" for name in bad]
    in_order = [clocks[name] for name in HOURS]
    if not bad and any(earlier >= later for earlier, later in pairwise(in_order)):
        wrong.append("các giờ phải theo thứ tự: " + ", ".join(HOURS.values()))
    return ReportHours(**clocks)


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _clean(value: object) -> str:
    """One line without the marks at its end, which the writer sets."""
    text = re.sub(r"^[-–•]\s*", "", " ".join(str(value or "").split()))
    return text.rstrip(" ;.,") if not text.endswith("...") else text
