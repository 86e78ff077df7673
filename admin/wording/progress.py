"""Texts of the leaders' page (forecast, concerns), rows and columns of the reach table and files, and of the daily report's page: the day's
timetable, mail, and the fields of the settings.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from operator import attrgetter
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.wording.filters import (
    LABELS,
    StatusWords,
    duration,
    explain,
    kind_words,
    label_of,
    name_of_level,
    number,
    percent,
)
from campaigns.analytics.progress import LeadGoal, ProgressPage
from campaigns.models.reports import Purpose, ReportMail
from campaigns.reports.issue_report import end_of
from campaigns.reports.run_schedule import DayState, DayStatus
from campaigns.rules.kind_words import KindWords
from campaigns.rules.own_answers import own_word
from campaigns.rules.progress import Concern, ConcernKind, Outlook, PlaceCounts, RankRow
from campaigns.rules.promises import PromisedFigures, short_answer
from campaigns.rules.reach import ReachMeasure, ReachTotals, Result
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import MessageState, SkipReason

# outlook: (colour of the badge, text)
OUTLOOKS: dict[Outlook, tuple[str, Any]] = {
    Outlook.REACHED: ("good", _l("Đã đạt")),
    Outlook.ON_TRACK: ("good", _l("Dự kiến đạt mục tiêu")),
    Outlook.AT_RISK: ("warn", _l("Chưa chắc hoàn thành đúng hạn")),
    Outlook.OFF_TRACK: ("bad", _l("Dự kiến không hoàn thành đúng hạn")),
    Outlook.PAST: ("bad", _l("Đã quá hạn, chưa đạt")),
    Outlook.OPEN: ("info", _l("Chưa đặt hạn")),
    Outlook.UNKNOWN: ("", _l("Chưa đủ số liệu để dự báo")),
}


_PACE = _l(
    "Cần đạt %(needed)s người mỗi ngày, hiện đạt %(pace)s. Cần quyết định việc thêm lần nhắc, tăng cường cán bộ đến từng nhà."
)
# Badge, its colour, text.
_CONCERNS: dict[ConcernKind, tuple[Any, str, Any]] = {
    ConcernKind.NO_GOAL: (_l("Mục tiêu"), "warn", _l("Chưa đặt mục tiêu")),
    ConcernKind.NO_DENOMINATOR: (_l("Tổng số"), "warn", _l("Chưa rõ có bao nhiêu người thuộc diện vận động")),
    ConcernKind.TOO_MANY: (
        _l("Tổng số"),
        "bad",
        _l("Số người báo đã thực hiện lớn hơn tổng số thuộc diện vận động"),
    ),
    ConcernKind.PAST: (_l("Tiến độ"), "bad", _l("Đã quá hạn, còn thiếu %(n)s người")),
    ConcernKind.OFF_TRACK: (_l("Tiến độ"), "bad", _l("Với tiến độ hiện nay, không hoàn thành đúng hạn")),
    ConcernKind.AT_RISK: (_l("Tiến độ"), "warn", _l("Chưa chắc hoàn thành đúng hạn")),
    ConcernKind.BEHIND: (_l("Đôn đốc"), "warn", _l("Còn thiếu nhiều nhất: %(names)s")),
    ConcernKind.AGENCIES_MISSING: (_l("Cơ quan"), "warn", _l("%(n)s cơ quan chưa gửi số liệu hôm nay")),
    ConcernKind.NOT_STARTED: (_l("Địa bàn"), "warn", _l("%(n)s địa bàn chưa có người nhận tin")),
    ConcernKind.OFFICIAL_MISSING: (
        _l("Số chính thức"),
        "info",
        _l("%(n)s địa bàn chưa có số liệu chính thức"),
    ),
    ConcernKind.MORE_THAN_OFFICIAL: (
        _l("Số chính thức"),
        "warn",
        _l("%(n)s địa bàn có số tự khai báo cao hơn số liệu chính thức"),
    ),
    ConcernKind.SUBMITTED: (_l("Chờ duyệt"), "info", _l("%(n)s chiến dịch chờ duyệt")),
    ConcernKind.REPORT_WAITING: (_l("Báo cáo ngày"), "warn", _l("%(n)s báo cáo chờ phê duyệt")),
    ConcernKind.REPORT_MISSED: (_l("Báo cáo ngày"), "bad", _l("%(n)s ngày chưa phát hành báo cáo")),
    ConcernKind.PAUSED: (_l("Gửi tin"), "warn", _l("%(n)s chiến dịch đang tạm dừng")),
}
# What follows from it; of the others their names are told.
_CONSEQUENCES: dict[ConcernKind, Any] = {
    ConcernKind.NO_GOAL: _l("Chưa có mục tiêu nên chưa tính được số còn thiếu."),
    ConcernKind.NO_DENOMINATOR: _l(
        "Cần nhập số liệu kèm ngày và nguồn, ví dụ của cơ quan thống kê hoặc sở chuyên ngành."
    ),
    ConcernKind.TOO_MANY: _l("Tổng số thuộc diện vận động đang nhập thấp hơn thực tế. Cần kiểm tra lại."),
    ConcernKind.PAST: _l("Cần quyết định gia hạn hay kết thúc đợt vận động."),
    ConcernKind.OFF_TRACK: _PACE,
    ConcernKind.AT_RISK: _PACE,
    ConcernKind.BEHIND: _l("Riêng các địa bàn này còn thiếu %(n)s người."),
    ConcernKind.MORE_THAN_OFFICIAL: _l(
        "%(names)s. Số liệu chính thức có thể đã cũ, hoặc có người khai báo nhầm."
    ),
}
_LEADS_TO = {
    ConcernKind.NO_GOAL: "goals.index",
    ConcernKind.NO_DENOMINATOR: "goals.index",
    ConcernKind.TOO_MANY: "goals.index",
    ConcernKind.BEHIND: "#districts",
    ConcernKind.AGENCIES_MISSING: "#agencies",
    ConcernKind.NOT_STARTED: "#districts",
    ConcernKind.OFFICIAL_MISSING: "#sources",
    ConcernKind.MORE_THAN_OFFICIAL: "#sources",
    ConcernKind.REPORT_WAITING: "report.index",
    ConcernKind.REPORT_MISSED: "report.index",
}


def show_concern(concern: Concern, head: LeadGoal) -> dict[str, str]:
    """Return a matter that needs a decision, in words; `look` is the colour of its badge."""
    kind = concern.worry
    mark, look, text = _CONCERNS[kind]
    address = _LEADS_TO.get(kind, "")
    names, others = "; ".join(concern.names), concern.count - len(concern.names)
    if others > 0 and kind is not ConcernKind.BEHIND:  # whose count is of people
        names = _("%(names)s và %(n)s trường hợp khác", names=names, n=others)
    values = {
        "n": number(head.line.missing if kind is ConcernKind.PAST else concern.count),
        "names": names,
        "needed": number(ceil(head.needed) if head.needed is not None else None),
        "pace": number(round(head.ahead.per_day) if head.ahead else None),
    }
    url = url_for(address) if "." in address else address
    more = str(_CONSEQUENCES[kind]) % values if kind in _CONSEQUENCES else names
    return {"mark": str(mark), "look": look, "text": str(text) % values, "more": more, "url": url}


Parts = Mapping[tuple[int | None, int | None, str | None], ReachTotals]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: `values` by step, then the total. `is_part`: counted in the row above.

    `status` explains what the row's messages have become. `result` or `answer` finds the people in the directory.
    """

    name: str
    values: list[int]
    is_part: bool = False
    status: StatusWords | None = None
    result: str = ""
    answer: str = ""


def step_name(number: int) -> str:
    return _("Lần nhắc %(n)s", n=number - 1) if number > 1 else _("Tin đầu")


def did_of(words: KindWords) -> str:
    """Return what is said of those who have done what a kind asks for: they report it, or where people promise, it is recorded."""
    if words.promised:
        return _("được ghi nhận đã %(done)s", done=words.done)
    return _("tự khai báo đã %(done)s", done=words.done)


def told_of(kind: str) -> str:
    """Return the name of the figure of those who have done what a kind asks for."""
    did = did_of(kind_words(kind))
    return did[:1].upper() + did[1:]


def show_promised(figures: PromisedFigures, words: KindWords) -> tuple[list[str], str]:
    """Return what people promised and answered, and how many are recorded as done, in words."""
    first, *others = figures.answers
    of_all = f"{number(first.people)}/{number(figures.recipients)}"
    said = [
        _("Báo %(what)s %(n)s", what=short_answer(first.text), n=of_all),
        *(f"{short_answer(each.text)} {number(each.people)}" for each in others),
    ]
    if figures.others:
        said.append(_("trả lời khác %(n)s", n=number(figures.others)))
    said.append(_("chưa trả lời %(n)s", n=number(figures.unanswered)))
    done = _("Ghi nhận đã %(done)s: %(n)s người", done=words.done, n=number(figures.done))
    if figures.done:
        done += " " + _("(trong đó %(n)s người đã báo trước)", n=number(figures.kept))
    return said, done


def result_name(result: Result, kind: str, step: int | None = None) -> str:
    """Return what became of people in a campaign, in words."""
    families = {"excluded": "excluded", "skipped": "skip", "causes": "cause"}
    names = {
        "excluded": _("Không gửi"),
        "skipped": _("Bỏ qua khi đến lượt"),
        "causes": _("Tin không đến máy"),
        "recipients": _("Người nhận"),
        "unanswered": _("chưa trả lời"),
        "waiting": _("Còn chờ hoặc đang xác minh"),
        "cancelled": _("Đã hủy"),
        "sent": _("Đã gửi (nhà cung cấp tin nhắn đã nhận)"),
        "delivered": _("Đã đến máy"),
        "failed": _("Tin không đến máy"),
    }
    name = names[result.name]
    if result.detail:
        name = f"{name}: {word_of(families[result.name], result.detail, kind)}"
    return f"{step_name(step)}, {name}" if step else name


def step_rows(
    steps: Iterable[ReachTotals],
    total: ReachTotals,
    *,
    price: float,
    kind: str,
    has_app: bool,
    own_answers: Mapping[str, str],
) -> list[Row]:
    """Return the rows of the reach table: results of each step's messages, and people's actions."""
    columns = [*steps, total]

    def row(
        name: str,
        of: str | Callable[[ReachTotals], int],
        *,
        is_part: bool = False,
        status: MessageState | SkipReason | None = None,
        result: str = "",
        answer: str = "",
    ) -> Row:
        words = explain(status, "skip" if is_part else "message") if status else None
        read = attrgetter(of) if isinstance(of, str) else of
        return Row(name, [read(each) for each in columns], is_part, words, result, answer)

    def parts(measure: ReachMeasure, family: str) -> list[Row]:
        of_all = total.by.get(measure, {})

        def one(detail: str) -> Row:
            return row(
                word_of(family, detail, kind),
                lambda each: each.by.get(measure, {}).get(detail, 0),
                is_part=True,
                status=SkipReason(detail) if family == "skip" and detail in list(SkipReason) else None,
                result="" if measure is ReachMeasure.ANSWERS else f"{measure.value}.{detail}",
                answer=detail if measure is ReachMeasure.ANSWERS else "",
            )

        return [one(detail) for detail in sorted(of_all, key=lambda each: -of_all[each])]

    def own_part(n: str, text: str) -> Row:
        name, answer = _("trong đó “%(text)s”", text=text), own_word(int(n))
        by = ReachMeasure.OWN_ANSWERS
        return row(name, lambda each: each.by.get(by, {}).get(n, 0), is_part=True, answer=answer)

    rows = [
        row(_("Tin của bước này"), "messages"),
        row(
            _("Bỏ qua khi đến lượt (không cần hoặc không được gửi)"),
            lambda each: sum(each.skipped.values()),
            result="skipped",
        ),
        *parts(ReachMeasure.SKIPPED, "skip"),
        row(_("Còn chờ hoặc đang xác minh"), "waiting", status=MessageState.UNKNOWN, result="waiting"),
        row(_("Đã hủy"), "cancelled", status=MessageState.CANCELLED, result="cancelled"),
        row(_("Đã gửi (nhà cung cấp tin nhắn đã nhận)"), "sent", status=MessageState.SENT, result="sent"),
        row(_("Đã đến máy"), "delivered", status=MessageState.DELIVERED, result="delivered"),
        row(_("Tin không đến máy"), "failed", status=MessageState.UNDELIVERED, result="failed"),
        *parts(ReachMeasure.CAUSES, "cause"),
        row(_("Liên kết đã mở (chưa kiểm chứng)"), "opened"),
        *([row(_("Đã bấm nút cài đặt"), "clicked")] if has_app else []),
        row(_("Đã trả lời"), "answered"),
        *parts(ReachMeasure.ANSWERS, "answer"),
        *(own_part(n, text) for n, text in own_answers.items()),
        row(told_of(kind), "installed"),
        row(_("Chi phí, đồng"), lambda each: round(each.segments * price)),
    ]
    return [each for each in rows if not each.is_part or any(each.values)]


def place_rows(leaders: ProgressPage) -> list[list[str | int]]:
    """Return a header and a row per place and commune of the leaders' page: each figure from the least to the most possible."""
    figures = (told_of(leaders.drive.kind), _("Trên tổng số"), _("Tỷ lệ"), _("Nhận tin"), _("Trả lời"))
    bounds = [f"{name}, {bound}" for name in figures for bound in (_("từ"), _("đến"))]
    rows: list[list[str | int]] = [
        [name_of_level(leaders.level_name), _("Xã, phường, thị trấn"), _("Mã địa bàn"), *bounds]
    ]
    for line in leaders.districts.lines:
        rows.append([line.name or _("Chưa rõ"), "", line.code or "", *_bounds(line)])
        within = leaders.communes.get(line.code or "")
        for each in within.lines if within else ():
            rows.append([line.name, each.name, each.code or "", *_bounds(each)])
    return rows


def _bounds(line: RankRow) -> list[str | int]:
    counts, more = line.counts, line.perhaps or PlaceCounts()
    people = line.denominator or 0
    most_people = line.most_people or (people if line.entered else people + more.could_install)
    shares = line.between or (line.share, line.share)
    return [
        counts.installed,
        counts.installed + more.installed,
        people or "",
        most_people or "",
        *(percent(share) if share is not None else "" for share in shares),
        counts.recipients,
        counts.recipients + more.recipients,
        counts.answered,
        counts.answered + more.answered,
    ]


def file_rows(
    parts: Parts,
    *,
    own_answers: Mapping[str, str],
    steps: Mapping[int, int],
    organisations: Mapping[int, str],
    places: Mapping[str, tuple[str, str]],
    level: str,
    price: float,
    kind: str = "",
) -> list[list[str | int]]:
    """Return a header and a row per step, organisation and place; a cell is blank where a row of its kind has no such figure.

    `own_answers`: the campaign's own by number, `steps`: number by id, `places`: (area below the province, commune within it or "") by code; `level`: what the former are called.
    """
    # What is counted by step is not counted over the whole campaign, and the other way round: there it is not 0.
    counted: dict[bool, set[ReachMeasure]] = {True: set(), False: set()}
    present = set()
    for (step_id, *_place), counts in parts.items():
        counted[bool(step_id)] |= counts.by.keys()
        present |= {(measure, detail) for measure, details in counts.by.items() for detail in details}
    order = list(ReachMeasure)
    columns = sorted(present, key=lambda column: (order.index(column[0]), column[1]))
    head: list[str | int] = [
        _("Bước"),
        _("Tổ chức"),
        name_of_level(level),
        _("Xã, phường, thị trấn"),
        _("Mã địa bàn"),
    ]
    rows = [[*head, *(_column(*column, kind, own_answers) for column in columns), _("Chi phí, đồng")]]

    def place_in_order(key: tuple[int | None, int | None, str | None]) -> tuple[int, str, str]:
        step_id, owner, area = key
        return steps.get(step_id or 0, 0), organisations.get(owner or 0, ""), area or ""

    for key in sorted(parts, key=place_in_order):
        step_id, owner, area = key
        counts = parts[key]
        district, commune = places.get(area or "", ("", ""))
        rows.append(
            [
                step_name(steps[step_id]) if step_id else _("Cả chiến dịch"),
                organisations.get(owner or 0, ""),
                district,
                commune,
                area or "",
                *(
                    counts.by.get(measure, {}).get(detail, 0) if measure in counted[bool(step_id)] else ""
                    for measure, detail in columns
                ),
                round(counts.segments * price) if ReachMeasure.SEGMENTS in counted[bool(step_id)] else "",
            ]
        )
    return rows


def _column(measure: ReachMeasure, detail: str, kind: str, own_answers: Mapping[str, str]) -> str:
    names = {
        ReachMeasure.RECIPIENTS: _("Người nhận"),
        ReachMeasure.EXCLUDED: _("Không gửi"),
        ReachMeasure.WRITTEN: _("Người đã được gửi tin"),
        ReachMeasure.ARRIVED: _("Người có tin đến máy"),
        ReachMeasure.WRITTEN_INSTALLED: _("Đã được gửi tin: %(said)s", said=told_of(kind)),
        ReachMeasure.WRITTEN_WITHOUT: _(
            "Đã được gửi tin: %(said)s", said=word_of("answer", Label.NO_SMARTPHONE, kind)
        ),
        ReachMeasure.MESSAGES: _("Tin"),
        ReachMeasure.SKIPPED: _("Tin bỏ qua"),
        ReachMeasure.CAUSES: _("Tin không đến được"),
        ReachMeasure.SEGMENTS: _("Số tin tính cước"),
        ReachMeasure.OPENED: _("Liên kết đã mở (chưa kiểm chứng)"),
        ReachMeasure.CLICKED: _("Đã bấm nút cài đặt"),
        ReachMeasure.ANSWERS: _("Trả lời"),
        ReachMeasure.OWN_ANSWERS: _("Trả lời"),
        ReachMeasure.INSTALLED: told_of(kind),
        ReachMeasure.ARMS: _("Chọn ngẫu nhiên vào nhóm"),
        ReachMeasure.ARMS_INSTALLED: _("%(told)s, nhóm", told=told_of(kind)),
    }
    families = {
        ReachMeasure.EXCLUDED: "excluded",
        ReachMeasure.MESSAGES: "message",
        ReachMeasure.SKIPPED: "skip",
        ReachMeasure.CAUSES: "cause",
        ReachMeasure.ANSWERS: "answer",
    }
    if not detail:
        return names[measure]
    if measure in (ReachMeasure.ARMS, ReachMeasure.ARMS_INSTALLED):
        groups = {"0": _("không nhắn"), "1": _("nội dung thứ nhất"), "2": _("nội dung thứ hai")}
        return f"{names[measure]}: {groups.get(detail, detail)}"
    if measure is ReachMeasure.OWN_ANSWERS:
        return f"{names[measure]}: {detail}. {own_answers.get(detail, '')}"
    family = families.get(measure)
    return f"{names[measure]}: {word_of(family, detail, kind) if family else detail}"


def word_of(family: str, detail: str, kind: str) -> str:
    """Return the label of a value in the words of a kind; one without a label as it is."""
    return label_of(detail, family, kind) if f"{family}.{detail}" in LABELS else detail


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
