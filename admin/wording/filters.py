"""Template filters: labels of states, causes and answers; numbers in the form of the page's language."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, g, has_app_context
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.wording import enums
from admin.wording.enums import explain
from admin.wording.errors import show_error, show_stored_error
from campaigns.planning.kinds import KindFacts, facts_of, load_kinds, made_kinds
from campaigns.rules.goals import GoalScope
from campaigns.rules.kind_words import KindWords, read_words
from campaigns.rules.own_answers import OPT_OUT_OF_DRIVE
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.document import SMALLEST_SHARE
from campaigns.rules.reports.document import percent as percent_in_vietnamese
from campaigns.rules.safety import CryState, Need
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState, Exclusion, MessageState, SkipReason
from campaigns.rules.visits import VisitOutcome
from outreach.imports.issues import WaitingRows
from outreach.models.accounts import OrganisationKind, Role
from outreach.rules.gateway import Cause
from outreach.rules.identity import Likeness, mask_number
from outreach.rules.quiet_days import Period

_DAY_NAMES = (
    _l("Thứ Hai"),
    _l("Thứ Ba"),
    _l("Thứ Tư"),
    _l("Thứ Năm"),
    _l("Thứ Sáu"),
    _l("Thứ Bảy"),
    _l("Chủ nhật"),
)
FAMILIES: dict[str, dict[Any, Any]] = {
    **enums.FAMILIES,
    "state": {
        CampaignState.DRAFT: _l("Bản nháp"),
        CampaignState.SUBMITTED: _l("Chờ duyệt"),
        CampaignState.APPROVED: _l("Đã duyệt"),
        CampaignState.SCHEDULED: _l("Đã hẹn giờ"),
        CampaignState.SENDING: _l("Đang gửi"),
        CampaignState.PAUSED: _l("Tạm dừng"),
        CampaignState.COMPLETED: _l("Đã gửi xong"),
        CampaignState.CANCELLED: _l("Đã hủy"),
    },
    "message": {
        MessageState.QUEUED: _l("Chờ gửi"),
        MessageState.SENDING: _l("Đang gửi"),
        MessageState.ACCEPTED: _l("Nhà cung cấp tin nhắn đã nhận"),
        MessageState.SENT: _l("Đã chuyển nhà mạng"),
        MessageState.DELIVERED: _l("Nhà mạng báo đã đến máy"),
        MessageState.UNDELIVERED: _l("Không đến máy"),
        MessageState.FAILED: _l("Bị từ chối"),
        MessageState.UNKNOWN: _l("Đang xác minh"),
        MessageState.SKIPPED: _l("Bỏ qua"),
        MessageState.CANCELLED: _l("Đã hủy"),
        MessageState.NO_REPORT: _l("Không có báo cáo"),
    },
    "answer": {
        Label.INSTALLED: _l("Đã thực hiện"),
        Label.NOT_YET: _l("Chưa thực hiện"),
        Label.NO_SMARTPHONE: _l("Không có điện thoại thông minh"),
        Label.NEED_HELP: _l("Cần giúp"),
        Label.REFUSE: _l("Không đồng ý"),
        Label.OPT_OUT: _l("Không nhận tin nữa"),
        Label.WRONG_NUMBER: _l("Nhầm số"),
        Label.QUESTION: _l("Câu hỏi"),
        Label.UNCLEAR: _l("Chưa rõ"),
        OPT_OUT_OF_DRIVE: _l("Không nhận tin về việc này nữa"),
    },
    "excluded": {
        Exclusion.NO_PHONE: _l("Không có số điện thoại"),
        Exclusion.OPTED_OUT: _l("Đã từ chối nhận tin"),
        Exclusion.WRONG_NUMBER: _l("Số báo nhầm"),
        Exclusion.DO_NOT_CALL: _l("Trong danh sách không quảng cáo (DoNotCall)"),
        Exclusion.NO_BASIS: _l("Chỉ có trong danh sách không được nhắn tin"),
        Exclusion.EXCEPTED: _l("Có trong danh sách được trừ"),
        Exclusion.NOT_ALSO_IN: _l("Không có trong mọi danh sách phải có"),
        Exclusion.OUTSIDE_AREA: _l("Ngoài địa bàn"),
        Exclusion.OTHER_LANGUAGE: _l("Dùng ngôn ngữ khác"),
        Exclusion.SMARTPHONE: _l("Không đúng điều kiện về điện thoại thông minh"),
        Exclusion.ANSWERS: _l("Không đúng điều kiện về câu trả lời trước đây"),
        Exclusion.SHARED_PHONE: _l("Chung số với người khác đã có trong danh sách"),
        Exclusion.SAME_PERSON: _l("Đã gộp với một người khác cũng trong chiến dịch"),
    },
    "alike": {
        Likeness.NAME_AND_NUMBER: _l("cùng số điện thoại, tên giống nhau"),
        Likeness.NAME_AND_BIRTH: _l("tên giống nhau, cùng năm sinh"),
        Likeness.NUMBER_AND_BIRTH: _l("cùng số điện thoại, cùng năm sinh"),
    },
    "quiet": {"holidays": _l("nghỉ lễ, Tết")} | {f"weekday.{n}": name for n, name in enumerate(_DAY_NAMES)},
    "day_name": {str(n): name for n, name in enumerate(_DAY_NAMES)},
    "skip": {
        SkipReason.SUPPRESSED: _l("Đã từ chối nhận tin"),
        SkipReason.ANSWERED: _l("Đã trả lời"),
        SkipReason.UNREACHABLE: _l("Không liên lạc được"),
        SkipReason.DEADLINE: _l("Quá thời hạn"),
        SkipReason.HELD_OUT: _l("Giữ lại để đo tác dụng"),
        SkipReason.REPEATED: _l("Đã nhận tin cùng nội dung trong 24 giờ"),
        "joined_later": _l("Vào chiến dịch sau bước này"),
    },
    "cause": {
        Cause.BAD_NUMBER: _l("Số không tồn tại"),
        Cause.NOT_MOBILE: _l("Không phải số di động"),
        Cause.OPTED_OUT: _l("Đã từ chối tại nhà cung cấp tin nhắn"),
        Cause.UNREACHABLE: _l("Máy tắt hoặc ngoài vùng phủ sóng"),
        Cause.BLOCKED: _l("Nhà mạng chặn"),
        Cause.BAD_SENDER: _l("Tên người gửi chưa được phép"),
        Cause.BAD_TEXT: _l("Nội dung không được chấp nhận"),
        Cause.ACCOUNT: _l("Lỗi tài khoản dịch vụ tin nhắn"),
        Cause.EXPIRED: _l("Hết hạn chờ"),
        Cause.BUSY: _l("Nhà cung cấp tin nhắn hoặc nhà mạng quá tải"),
        Cause.SAMPLE_NUMBER: _l("Số mẫu, không gửi thật"),
        Cause.NO_ACCOUNT: _l("Số không có Zalo"),
        Cause.DECLINED: _l("Không nhận thông báo Zalo"),
        Cause.NOTICE_LIMIT: _l("Hết số thông báo Zalo trong ngày"),
        Cause.OTHER: _l("Nguyên nhân khác"),
    },
    "role": {
        Role.ADMINISTRATOR: _l("Quản trị"),
        Role.STAFF: _l("Cán bộ"),
        Role.APPROVER: _l("Người duyệt"),
        Role.LEADER: _l("Lãnh đạo"),
        Role.AUDITOR: _l("Kiểm tra"),
        Role.VILLAGE: _l("Cán bộ thôn"),
    },
    "kind": {
        OrganisationKind.FRONT: _l("Ủy ban Mặt trận"),
        OrganisationKind.MASS: _l("Tổ chức chính trị - xã hội"),
        OrganisationKind.AGENCY: _l("Cơ quan, đơn vị"),
    },
    "cry": {
        CryState.NEW: _l("Chưa ai nhận"),
        CryState.TAKEN: _l("Có cán bộ nhận"),
        CryState.ON_THE_WAY: _l("Đội đang đi"),
    },
    "need": {
        Need.WOUNDED: _l("bị thương, ốm nặng"),
        Need.BIRTH: _l("sắp sinh"),
        Need.BOAT: _l("thuyền, xuồng"),
        Need.ISOLATED: _l("bị cô lập"),
        Need.MEDICINE: _l("thuốc"),
        Need.FOOD: _l("đồ ăn, nước uống"),
    },
    "scope": {
        GoalScope.RESIDENTS: _l("người dân"),
        GoalScope.STAFF: _l("cán bộ, người lao động cơ quan"),
        GoalScope.MEMBERS: _l("đoàn viên, hội viên"),
        GoalScope.AUDIENCE: _l("người nhận tin của chiến dịch"),
    },
}
LABELS: dict[str, Any] = {
    f"{family}.{getattr(value, 'value', value)}": word
    for family, table in FAMILIES.items()
    for value, word in table.items()
} | {
    # Where the kind is known these two answers are named after its action.
    f"{family}.{label.value}.{kind}": word
    for kind, (done, not_done) in {
        "bluezone": (_l("Đã cài"), _l("Chưa cài")),
        "tiem-chung": (_l("Đã tiêm"), _l("Chưa tiêm")),
        "bao-lu": (_l("Đã xong"), _l("Chưa xong")),
        "giay-to": (_l("Đã làm giấy tờ"), _l("Chưa làm giấy tờ")),
        "khao-sat": (_l("Đã trả lời phiếu"), _l("Chưa trả lời phiếu")),
    }.items()
    for label, word in ((Label.INSTALLED, done), (Label.NOT_YET, not_done))
    for family in ("answer", "found")
}


def label_of(value: Any, family: str, kind: str = "") -> str:
    """Return the label of a value: `{{ campaign.state | label("state") }}`.

    In the words of a campaign kind if it has any.
    """
    key = f"{family}.{getattr(value, 'value', value)}"
    if kind and f"{key}.{kind}" not in LABELS and (kind in load_kinds() or _made_kind(kind)):
        if key == "found.not_yet" and (promise := kind_words(kind).promise):
            return promise
        if key in ("answer.installed", "found.installed"):
            return _("Đã %(done)s", done=kind_words(kind).done)
        if key in ("answer.not_yet", "found.not_yet"):
            return _("Chưa %(done)s", done=kind_words(kind).done)
    if key in ("answer.no_smartphone", "found.no_smartphone") and not (kind and kind_has_app(kind)):
        return kind_words(kind).unable or _("Không làm được")
    return str(LABELS.get(f"{key}.{kind}") or LABELS[key])


def made_kinds_read() -> dict[str, KindFacts]:
    """Return the kinds made in the office, read once a request; none outside of one."""
    if not has_app_context() or "kinds_of" not in g:
        return {}
    if "made_kinds" not in g:
        with g.kinds_of.read() as session:
            g.made_kinds = made_kinds(session)
    return g.made_kinds


def _made_kind(kind: str) -> KindFacts | None:
    return None if not kind or kind in load_kinds() else made_kinds_read().get(kind)


def kind_titles() -> dict[str, str]:
    """Return what every kind is called, by name."""
    every = {name: facts_of(content) for name, content in load_kinds().items()} | made_kinds_read()
    return {name: facts.title for name, facts in every.items()}


def kind_words(kind: str) -> KindWords:
    """Return the words of a kind, as `words_of` does where a session is at hand."""
    made = _made_kind(kind)
    return made.words if made else read_words(load_kinds().get(kind, {}))


def kind_has_app(kind: str) -> bool:
    """Return whether a kind is about an app. Assumed for an unknown kind."""
    made = _made_kind(kind)
    return made.has_app if made else bool(load_kinds().get(kind, {"app": True}).get("app"))


def has_outcome(kind: str, outcome: VisitOutcome) -> bool:
    """Return whether a visit in a campaign of a kind may end so: who cannot is told only where the kind asks for it."""
    return outcome is not VisitOutcome.NO_SMARTPHONE or kind_has_app(kind) or bool(kind_words(kind).unable)


def listed_values(values: Mapping[str, str]) -> str:
    """Return what lists say of a person, by the names of their fields: "giờ hẹn: 8h00"."""
    return " · ".join(f"{name}: {value}" for name, value in values.items())


def number(value: float | None) -> str:
    """Format a number: 540.438, a dash for None."""
    if isinstance(value, int):  # the usual case, and Babel is slow
        return f"{value:,}" if str(get_locale()) == "en" else f"{value:,}".replace(",", ".")
    return "–" if value is None else str(format_decimal(value))


def percent(share: float | None) -> str:
    """Format a share: 50,3% as in the report, a dash for None."""
    if share is None:
        return "–"
    text = percent_in_vietnamese(share)
    if str(get_locale()) == "vi":
        return text
    return "below 0.1%" if 0 < share < SMALLEST_SHARE else text.replace(",", ".")


def moment(value: datetime | None) -> str:
    """Format a moment in Vietnam's time: 08:05 15/8/2020."""
    if value is None:
        return "–"
    local = value.astimezone(VIETNAM)
    return f"{local:%H:%M} {local.day}/{local.month}/{local.year}"


def clock(value: datetime) -> str:
    """Format a time in Vietnam: 08:05."""
    return f"{value.astimezone(VIETNAM):%H:%M}"


def duration(span: timedelta) -> str:
    """Format a span, rounded down to its largest unit: 5 phút, 3 giờ, 2 ngày."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes >= 2880:
        return _("%(n)s ngày", n=number(minutes // 1440))
    if minutes >= 60:
        return _("%(n)s giờ", n=number(minutes // 60))
    return _("%(n)s phút", n=minutes) if minutes else _("dưới 1 phút")


def day(iso: str | None) -> str:
    """Format an ISO date: 15/8/2020, "" for None."""
    return "/".join(part.lstrip("0") for part in reversed(iso.split("-"))) if iso else ""


def rows_waiting(waiting: Iterable[WaitingRows]) -> str:
    """Word how many rows of imports wait, each kind under its one name; "" for none."""
    imports = list(waiting)
    review, asked = sum(each.review for each in imports), sum(each.questions for each in imports)
    parts = (
        _("%(count)s dòng chờ quyết định", count=number(review)) if review else "",
        _("%(count)s dòng cần hỏi thêm", count=number(asked)) if asked else "",
    )
    return ", ".join(filter(None, parts))


def period(days: Period) -> str:
    """Word days without sending: ngày 10/2/2027 đến 16/2/2027 (nghỉ Tết)."""
    first, last = day(days.first.isoformat()), day(days.last.isoformat())
    text = _("ngày %(day)s", day=first) if first == last else _("ngày %(a)s đến %(b)s", a=first, b=last)
    return f"{text} ({quiet_reason(days.why)})" if days.why else text


def quiet_reason(why: str) -> str:
    """Word why nothing is sent on a day: a name from the settings, a weekday, a public holiday."""
    return str(LABELS.get(f"quiet.{why}", why)) or _("ngày không gửi")


def gateway_fault(fault: str) -> str:
    """Word a fault of the gateway, by its key in `campaigns.rules.delivery.fault_of`, and what to do about it."""
    if fault == "certificate":
        return _(
            "Chứng thư bảo mật của nhà cung cấp tin nhắn không hợp lệ nên không kết nối được. Hãy báo người quản trị kiểm tra địa "
            "chỉ nhà cung cấp tin nhắn, đồng hồ máy chủ và thời hạn chứng thư."
        )
    if fault == "connection":
        return _(
            "Không kết nối được tới nhà cung cấp tin nhắn. Hãy báo người quản trị kiểm tra đường mạng và địa chỉ nhà cung cấp tin nhắn."
        )
    status = fault.removeprefix("http_")
    if status == fault:
        return _(
            "Nhà cung cấp tin nhắn không trả lời, hoặc trả lời không đọc được. Hãy báo người quản trị hỏi nhà cung cấp tin nhắn."
        )
    if status.startswith("5"):
        return _(
            "Nhà cung cấp tin nhắn đang lỗi (HTTP %(status)s). Hãy báo người quản trị hỏi nhà cung cấp tin nhắn.",
            status=status,
        )
    return _(
        "Câu trả lời (HTTP %(status)s) không phải của nhà cung cấp tin nhắn: có thể một máy chủ trung gian chặn đường. Hãy báo người "
        "quản trị kiểm tra tường lửa, proxy và địa chỉ nhà cung cấp tin nhắn.",
        status=status,
    )


# What areas are called, for the catalogue; other kinds stay as they are written.
_UNIT_KINDS = (
    _l("huyện"),
    _l("thành phố"),
    _l("thị xã"),
    _l("quận"),
    _l("xã"),
    _l("phường"),
    _l("thị trấn"),
    _l("đặc khu"),
    _l("tỉnh"),
)


def name_of_level(kinds: str) -> str:
    """Return the name of a level of areas, from its kinds as `name_level` puts them: "Xã, phường, đặc khu"."""
    words = kinds.lower().split(", ")
    name = ", ".join(_(kind) for kind in words)
    return name[:1].upper() + name[1:]


def install_filters(app: Flask) -> None:
    """Register the template filters."""
    app.jinja_env.filters.update(
        label=label_of,
        explained=explain,
        level=name_of_level,
        number=number,
        percent=percent,
        moment=moment,
        clock=clock,
        duration=duration,
        day=day,
        period=period,
        rows_waiting=rows_waiting,
        quiet_reason=quiet_reason,
        gateway_fault=gateway_fault,
        mask_number=mask_number,
        stored_error=show_stored_error,
        problem=show_error,
        listed_values=listed_values,
    )
