"""What the leader's page says in words: whether the goal will be reached, and what needs a decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.texts import number
from campaigns.figures.leaders.concerns import Concern, Worry
from campaigns.figures.leaders.measuring import Outlook
from campaigns.figures.leaders.reading import Head

# The colour of the mark, and its words.
OUTLOOKS: dict[Outlook, tuple[str, Any]] = {
    Outlook.REACHED: ("good", _l("Đã đạt")),
    Outlook.ON_TRACK: ("good", _l("Kịp hạn theo đà này")),
    Outlook.AT_RISK: ("warn", _l("Có thể trễ hạn")),
    Outlook.OFF_TRACK: ("bad", _l("Không kịp hạn theo đà này")),
    Outlook.PAST: ("bad", _l("Đã quá hạn, chưa đạt")),
    Outlook.OPEN: ("info", _l("Chưa đặt hạn")),
    Outlook.UNKNOWN: ("", _l("Chưa đủ số liệu để dự báo")),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of what needs a decision; `look` is the colour of its mark."""

    mark: str
    look: str
    text: str
    more: str
    url: str = ""


def show_concern(concern: Concern, head: Head) -> Shown:
    return _SAYINGS[concern.worry](concern, head)


def _names(concern: Concern) -> str:
    """The first few by name, and how many more."""
    named = "; ".join(concern.names)
    more = concern.count - len(concern.names)
    return _("%(names)s và %(n)s nơi khác", names=named, n=more) if more > 0 else named


def _no_goal(_concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Mục tiêu"),
        "warn",
        _("Chưa đặt mục tiêu"),
        _("Chưa có mục tiêu thì chưa biết còn thiếu bao nhiêu."),
        url_for("goals.index"),
    )


def _no_denominator(_concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Mẫu số"),
        "warn",
        _("Chưa rõ có bao nhiêu người thuộc diện vận động"),
        _("Cần một con số có ngày và nguồn, ví dụ của Sở Thông tin và Truyền thông."),
        url_for("goals.index"),
    )


def _too_many(_concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Mẫu số"),
        "bad",
        _("Số báo đã xong nhiều hơn số người thuộc diện vận động"),
        _("Mẫu số đang dùng quá thấp. Cần kiểm tra lại."),
        url_for("goals.index"),
    )


def _past(_concern: Concern, head: Head) -> Shown:
    return Shown(
        _("Tiến độ"),
        "bad",
        _("Đã quá hạn mà còn thiếu %(n)s người", n=number(head.line.missing)),
        _("Cần quyết định: gia hạn, hay dừng vận động."),
    )


def _late(_concern: Concern, head: Head) -> Shown:
    needed = ceil(head.needed) if head.needed is not None else None
    pace = round(head.ahead.per_day) if head.ahead else None
    is_off = head.outlook is Outlook.OFF_TRACK
    return Shown(
        _("Tiến độ"),
        "bad" if is_off else "warn",
        _("Theo đà này thì không kịp hạn") if is_off else _("Có thể không kịp hạn"),
        _(
            "Cần %(needed)s người mỗi ngày, đang đạt %(pace)s. Cần quyết định: thêm lần nhắc, thêm người đi từng nhà.",
            needed=number(needed),
            pace=number(pace),
        ),
    )


def _behind(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Đôn đốc"),
        "warn",
        _("Còn thiếu nhiều nhất: %(names)s", names="; ".join(concern.names)),
        _("Riêng những nơi này còn thiếu %(n)s người.", n=number(concern.count)),
        "#districts",
    )


def _agencies(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Cơ quan"),
        "warn",
        _("%(n)s cơ quan chưa nộp số liệu hôm nay", n=number(concern.count)),
        _names(concern),
        "#agencies",
    )


def _paused(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Gửi tin"),
        "warn",
        _("%(n)s chiến dịch đang tạm dừng", n=number(concern.count)),
        _names(concern),
    )


def _submitted(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Chờ duyệt"),
        "info",
        _("%(n)s chiến dịch chờ duyệt", n=number(concern.count)),
        _names(concern),
    )


def _not_started(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Địa bàn"),
        "warn",
        _("%(n)s huyện chưa có ai nhận tin", n=number(concern.count)),
        _names(concern),
        "#districts",
    )


def _official(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Số chính thức"),
        "info",
        _("%(n)s huyện chưa có số chính thức", n=number(concern.count)),
        _names(concern),
        "#sources",
    )


def _more(concern: Concern, _head: Head) -> Shown:
    return Shown(
        _("Số chính thức"),
        "warn",
        _("%(n)s huyện có số tự báo cao hơn số chính thức", n=number(concern.count)),
        _("%(names)s. Số chính thức có thể đã cũ, hoặc có người báo nhầm.", names=_names(concern)),
        "#sources",
    )


_SAYINGS: dict[Worry, Callable[[Concern, Head], Shown]] = {
    Worry.NO_GOAL: _no_goal,
    Worry.NO_DENOMINATOR: _no_denominator,
    Worry.TOO_MANY: _too_many,
    Worry.PAST: _past,
    Worry.OFF_TRACK: _late,
    Worry.AT_RISK: _late,
    Worry.BEHIND: _behind,
    Worry.AGENCIES_MISSING: _agencies,
    Worry.NOT_STARTED: _not_started,
    Worry.OFFICIAL_MISSING: _official,
    Worry.MORE_THAN_OFFICIAL: _more,
    Worry.SUBMITTED: _submitted,
    Worry.PAUSED: _paused,
}
