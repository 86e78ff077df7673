"""Texts of the daily report's page: the day's timetable, mail, and the fields of the settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.wording.filters import duration
from campaigns.models.reports import Purpose, ReportMail
from campaigns.reports.issue_report import end_of
from campaigns.reports.run_schedule import DayState, DayStatus

PURPOSES: dict[Purpose, Any] = {
    Purpose.CHASE: _l("Nhắc đơn vị chưa gửi"),
    Purpose.ALARM_MISSING: _l("Báo động còn thiếu số liệu"),
    Purpose.ALARM_UNDELIVERED: _l("Báo động chưa phê duyệt hoặc chưa gửi được báo cáo"),
    Purpose.REPORT: _l("Gửi báo cáo"),
    Purpose.CORRECTION: _l("Gửi báo cáo đính chính"),
}

# State of a day's report: colour of the badge, text.
DAY_STATES: dict[DayState, tuple[str, Any]] = {
    DayState.NOT_WANTED: ("", _l("không lập")),
    DayState.MISSED: ("bad", _l("chưa lập")),
    DayState.COLLECTING: ("info", _l("đang nhận số liệu")),
    DayState.FROZEN: ("warn", _l("dự thảo")),
    DayState.PREPARED: ("warn", _l("chờ phê duyệt")),
    DayState.APPROVED: ("info", _l("đã phê duyệt")),
    DayState.ISSUED: ("warn", _l("đã phát hành, đang gửi")),
    DayState.DELIVERED: ("good", _l("đã gửi")),
}
# Each step of the checklist: what it is, and what to do while it is open.
CHECKLIST: dict[str, tuple[Any, Any]] = {
    "form": (
        _l("Mẫu báo cáo của đợt này"),
        _l("Chưa lưu nên chưa chốt số liệu, chưa phát hành. Hãy mở mẫu, kiểm tra từng phần rồi lưu."),
    ),
    "recipients": (
        _l("Nơi nhận báo cáo"),
        _l("Chưa ghi địa chỉ nhận ở mẫu báo cáo của đợt này: báo cáo không tự gửi đi được."),
    ),
    "signer": (_l("Họ tên người ký"), _l("Chưa ghi ở mẫu báo cáo nên phải ghi tay trên văn bản.")),
    "approver": (
        _l("Người phê duyệt báo cáo"),
        _l(
            "Chưa có người duyệt hay lãnh đạo nào: không ai phê duyệt được. Người quản trị thêm ở trang Người dùng."
        ),
    ),
    "server": (
        _l("Máy chủ thư"),
        _l(
            "Chưa khai báo: báo cáo không tự gửi đi được. Người quản trị khai báo ở trang Cài đặt của đơn vị."
        ),
    ),
}


def hours_of_the_day(standing: DayStatus, now: datetime) -> list[dict[str, Any]]:
    """Return the day's timetable: `done_at` of what has happened, else the time `left`, as a text; `look` marks an alarm."""
    hours, day, iso = standing.form.hours, standing.held, standing.day.isoformat()
    first = standing.issues[0] if standing.issues else None

    def hour(clock: str, text: str, done_at: datetime | None, *, is_bad: bool = False) -> dict[str, Any]:
        to_come = end_of(iso, clock) - now
        left = ""
        if done_at is None and to_come.total_seconds() > 0 and standing.state is not DayState.NOT_WANTED:
            left = _("còn %(time)s", time=duration(to_come))
        look = "bad" if is_bad else ""
        return {"clock": clock, "text": text, "done_at": done_at, "left": left, "look": look}

    delivered = [mail.sent_at for mail in standing.mails if mail.purpose is Purpose.REPORT and mail.sent_at]
    is_there = standing.state is DayState.DELIVERED
    there_at = day.by_hand_at or max(delivered, default=None) if is_there else None
    corrections = [each.issued_at for each in standing.issues[1:] if each.issued_at]
    lines = [
        hour(hours.chase, _("Nhắc cơ quan, đơn vị chưa gửi số liệu"), day.chased_at),
        hour(hours.alarm, _("Báo động đơn vị còn thiếu"), day.alarmed_at, is_bad=standing.is_missing_alarm),
        hour(hours.freeze, _("Chốt số liệu, lập dự thảo"), first.frozen_at if first else None),
    ]
    if first and first.prepared_at:
        lines.append(hour(hours.freeze, _("Trình ký"), first.prepared_at))
    if first and first.approved_at:
        lines.append(hour(hours.freeze, _("Phê duyệt, phát hành"), first.approved_at))
    if day.undelivered_at:
        text = _("Báo động chưa phê duyệt hoặc chưa gửi được")
        is_bad = standing.is_undelivered_alarm
        lines.append(hour(hours.undelivered, text, day.undelivered_at, is_bad=is_bad))
    return [
        *lines,
        hour(hours.deadline, _("Phải đến nơi nhận trước giờ này"), there_at),
        hour(
            hours.correct,
            _("Xem số liệu đến muộn, lập báo cáo đính chính nếu cần"),
            max(corrections, default=None),
        ),
    ]


def mail_lines(standing: DayStatus) -> list[dict[str, Any]]:
    """Return for each kind of mail that was written how many were sent and wait, who refused it, and the last failed attempt's error."""
    lines = []
    for purpose, words in PURPOSES.items():
        of: list[ReportMail] = [mail for mail in standing.mails if mail.purpose is purpose]
        if of:
            waiting = [mail for mail in of if mail.is_waiting(standing.read_at)]
            lines.append(
                {
                    "purpose": words,
                    "sent": sum(mail.sent_at is not None for mail in of),
                    "waiting": len(waiting),
                    "refused": [mail.address for mail in of if mail.refused_at],
                    "error": next((mail.error for mail in waiting if mail.error), ""),
                }
            )
    return lines


# name, label, number of lines (0: an input of one line), hint
FIELDS: tuple[tuple[str, Any, int, Any], ...] = (
    ("superior", _l("Cơ quan chủ quản (chữ in hoa, mỗi dòng một dòng)"), 2, ""),
    ("issuer", _l("Cơ quan ban hành (chữ in hoa đậm)"), 0, ""),
    ("issuer_in_text", _l("Tên cơ quan ban hành trong câu văn"), 0, ""),
    ("symbol", _l("Ký hiệu sau số"), 0, _l("Số do văn thư ghi khi đăng ký; Loa không cấp số.")),
    ("place", _l("Địa danh"), 0, ""),
    ("subject", _l("Trích yếu"), 0, ""),
    ("addressees", _l("Kính gửi (mỗi nơi một dòng)"), 3, ""),
    ("bases", _l("Căn cứ (mỗi căn cứ một dòng)"), 4, ""),
    (
        "action",
        _l("Nội dung vận động"),
        0,
        _l("Viết thường, như đứng sau chữ “vận động”; tên loại chiến dịch được điền sẵn."),
    ),
    ("done", _l("Từ chỉ hành động (dùng sau “đã”, “chưa”)"), 0, _l("Lấy sẵn từ loại chiến dịch.")),
    ("staff", _l("Nhóm của cơ quan, đơn vị"), 0, ""),
    ("residents", _l("Nhóm người dân"), 0, ""),
    ("proposals", _l("Đề xuất, kiến nghị (mỗi ý một dòng)"), 4, ""),
    ("signature", _l("Thẩm quyền và chức vụ ký (mỗi dòng một dòng)"), 3, ""),
    (
        "signer",
        _l("Họ và tên người ký"),
        0,
        _l("Không ghi học hàm, học vị; để trống thì chừa chỗ để ký tên."),
    ),
    ("copies", _l("Nơi nhận (mỗi nơi một dòng)"), 5, ""),
    ("filed", _l("Lưu"), 0, ""),
    (
        "recipients",
        _l("Địa chỉ thư nhận báo cáo (mỗi địa chỉ một dòng)"),
        3,
        _l("Để trống: đợt đầu tiên gửi đến các địa chỉ của REPORT_RECIPIENTS, đợt khác không gửi thư."),
    ),
    ("since", _l("Tính hoạt động tuyên truyền từ ngày"), 0, _l("Để trống là 60 ngày gần nhất.")),
    ("link_days", _l("Liên kết xem báo cáo dùng được (ngày)"), 0, ""),
)
HOUR_FIELDS: tuple[tuple[str, Any], ...] = (
    ("chase", _l("Nhắc đơn vị chưa gửi")),
    ("alarm", _l("Báo động đơn vị còn thiếu")),
    ("freeze", _l("Chốt số liệu")),
    ("undelivered", _l("Báo động chưa phê duyệt, chưa gửi được")),
    ("deadline", _l("Phải đến nơi trước")),
    ("correct", _l("Xem số liệu đến muộn")),
)


def typed_form(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the submitted values, as `save_form` takes them."""
    data: dict[str, Any] = {}
    for name, _label, lines, _hint in FIELDS:
        text = form.get(name, "")
        data[name] = text.splitlines() if lines else text
    days = form.get("link_days", "").strip()
    data["link_days"] = int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else 0
    data["hours"] = {name: form.get(f"hour_{name}", "") for name, _label in HOUR_FIELDS}
    return data
