"""A campaign's doubts and changes in an officer's words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.texts import number, percent
from admin.views.campaign_choices import ANSWERED, LANGUAGES, SMARTPHONE
from admin.views.text_names import name_of_text
from campaigns.planning.doubts import Doubt
from campaigns.planning.kinds import load_kinds
from campaigns.planning.versions import Change

# doubt: (how serious, what is wrong and what to do)
DOUBTS: dict[Doubt, tuple[str, Any]] = {
    Doubt.EMPTY_AUDIENCE: (
        "error",
        _l("Không có ai nhận tin. Hãy chọn danh sách khác, hoặc mở rộng địa bàn."),
    ),
    Doubt.NO_BASIS: (
        "warning",
        _l(
            "Có danh sách chưa ghi căn cứ nhắn tin. Hãy mở trang danh sách và ghi: người dân đã đồng ý, là hội viên, "
            "hay nhiệm vụ được giao."
        ),
    ),
    Doubt.SENDER_UNREGISTERED: (
        "error",
        _l(
            "Tên người gửi chưa có trong sổ đăng ký. Nhà mạng Việt Nam chặn tin có tên hoặc mẫu tin chưa đăng ký. "
            "Hãy đăng ký với nhà mạng, rồi nhờ người quản trị ghi vào mục Tên người gửi."
        ),
    ),
    Doubt.OTHER_APP: (
        "warning",
        _l("Tin còn nhắc ứng dụng của loại chiến dịch khác. Hãy viết lại cho đúng việc vận động lần này."),
    ),
    Doubt.NO_LINK: (
        "warning",
        _l("Tin thiếu {link}: người nhận không mở được trang trả lời. Hãy chèn Liên kết vào tin."),
    ),
    Doubt.NO_STOP_WORD: (
        "warning",
        _l("Tin chưa nói cách thôi nhận. Hãy thêm, ví dụ: “TC thôi nhận tin” (Nghị định 91/2020)."),
    ),
    Doubt.ASKS_FOR_REPLY: (
        "error",
        _l(
            "Tin mời trả lời bằng tin nhắn, nhưng tổng đài đang dùng không nhận được tin trả lời: lời đáp và lời từ chối "
            "sẽ không tới hệ thống. Hãy viết, ví dụ: “Trả lời hoặc từ chối tại liên kết”."
        ),
    ),
    Doubt.NO_WAY_OUT: (
        "warning",
        _l(
            "Tin chưa nói cách từ chối. Hãy thêm, ví dụ: “Trả lời hoặc từ chối tại liên kết” (Nghị định 91/2020)."
        ),
    ),
    Doubt.TYPED_ADDRESS: (
        "warning",
        _l(
            "Trong tin có địa chỉ trang mạng gõ tay. Hãy dùng {link}: nó dẫn tới đúng ứng dụng chính thức và đếm được ai đã trả lời."
        ),
    ),
    Doubt.LINK_UNSAFE: (
        "warning",
        _l(
            "Liên kết trong tin chưa được bảo vệ (http). Trước khi gửi thật, hãy nhờ người quản trị đặt địa chỉ https."
        ),
    ),
    Doubt.NO_HOURS: (
        "warning",
        _l("Chưa đặt khung giờ: tin có thể đến vào ban đêm. Hãy đặt, ví dụ 08:00 đến 20:00."),
    ),
    Doubt.HOURS_TOO_WIDE: (
        "warning",
        _l(
            "Khung giờ vượt ngoài 07:00-22:00 mà Nghị định 91/2020 cho phép. Khi gửi thật, ngoài giờ đó tin sẽ đợi."
        ),
    ),
    Doubt.OVER_BUDGET: (
        "warning",
        _l(
            "Chi phí ước tính vượt ngân sách: chiến dịch sẽ không gửi được. Hãy tăng ngân sách, bớt người nhận hoặc rút ngắn tin."
        ),
    ),
    Doubt.DEADLINE_PAST: (
        "error",
        _l("Thời hạn đã qua: sẽ không có tin nào được gửi. Hãy đặt lại thời hạn."),
    ),
    Doubt.TOO_LATE: (
        "warning",
        _l(
            "Với tốc độ này không gửi xong trước thời hạn, phần còn lại sẽ bị bỏ. Hãy tăng tốc độ hoặc lùi thời hạn."
        ),
    ),
    Doubt.START_PAST: ("info", _l("Giờ bắt đầu đã qua: tin sẽ đi ngay khi bấm gửi.")),
    Doubt.REMINDER_TOO_LATE: (
        "warning",
        _l("Lần nhắc cuối rơi vào sau thời hạn nên sẽ không được gửi. Hãy bớt số ngày hoặc lùi thời hạn."),
    ),
    Doubt.CAP_HIGH: (
        "warning",
        _l(
            "Một số chỉ được nhận tối đa 3 tin trong 24 giờ (Nghị định 91/2020). Khi gửi thật, phần vượt sẽ đợi."
        ),
    ),
    Doubt.LONG_TEXT: (
        "info",
        _l(
            "Mỗi người nhận bị tính cước từ 4 tin trở lên: tốn tiền và ít người đọc hết. Hãy rút ngắn, hoặc bỏ dấu."
        ),
    ),
}


_UNREGISTERED_IN_TRAINING = _l(
    "Khi gửi thật, tên người gửi và mẫu tin phải đăng ký trước với nhà mạng và được người quản trị ghi vào mục "
    "Tên người gửi. Đang tập huấn nên chưa cần."
)


def show_doubts(doubts: Sequence[Doubt], *, is_live: bool) -> list[tuple[str, str]]:
    """How serious and in which words. In training what only real sending needs is said softly, or not at all."""
    shown = []
    for doubt in doubts:
        if is_live or doubt not in (Doubt.SENDER_UNREGISTERED, Doubt.LINK_UNSAFE):
            shown.append(DOUBTS[doubt])
        elif doubt is Doubt.SENDER_UNREGISTERED:
            shown.append(("info", _UNREGISTERED_IN_TRAINING))
    return [(level, str(sentence)) for level, sentence in shown]


def sent_a_trial() -> str:
    return _("Đã gửi tin thử. Tin sẽ đến trong ít giây; số này không được lưu vào danh sách nào.")


_NAMES: dict[str, Any] = {
    "name": _l("Tên chiến dịch"),
    "kind": _l("Loại chiến dịch"),
    "sender": _l("Tên người gửi"),
    "lists": _l("Danh sách"),
    "areas": _l("Địa bàn"),
    "organisations": _l("Mọi danh sách của tổ chức"),
    "languages": _l("Ngôn ngữ"),
    "smartphone": _l("Điện thoại thông minh"),
    "answered": _l("Câu trả lời trước đây"),
    "segment": _l("Nhóm đã lưu"),
    "text": _l("Nội dung tin"),
    "text_b": _l("Nội dung thứ hai"),
    "texts": _l("Nội dung theo ngôn ngữ"),
    "hold_out": _l("Giữ lại không nhắn"),
    "unaccented": _l("Bỏ dấu"),
    "window": _l("Khung giờ gửi"),
    "starts_at": _l("Bắt đầu gửi"),
    "deadline": _l("Thời hạn"),
    "pace": _l("Tốc độ gửi"),
    "cap_per_day": _l("Số tin tối đa mỗi ngày"),
    "budget_vnd": _l("Ngân sách"),
    "goal.share": _l("Mục tiêu"),
    "goal.denominator": _l("Số người có điện thoại thông minh"),
    "goal.date": _l("Ngày của số liệu"),
    "goal.source": _l("Nguồn số liệu"),
}
_FIELD_NAMES: dict[str, Any] = {
    "goal": _l("Mục tiêu"),
    "goal_percent": _l("Mục tiêu"),
    "goal_denominator": _l("Số người có điện thoại thông minh"),
    "content": _l("Câu hỏi, trang trả lời và lời đáp"),
    "step": _l("Nhắc lại"),
}
# Long enough for single words to be worth marking.
_MARK_FROM = 30


def name_errors(errors: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Key, name of the field and sentence, for the summary above a form."""
    named = []
    for key, sentence in errors.items():
        if key.startswith("step-"):
            name = _("Lần nhắc %(n)s", n=int(key[5:]) + 1)
        elif key.startswith("c."):
            name = name_of_text(key.removeprefix("c."))
        else:
            name = str(_NAMES.get(key) or _FIELD_NAMES.get(key, ""))
        named.append((key, name, sentence))
    return named


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change to read: `runs` are ("same" | "gone" | "new", text) for a text, else before and after."""

    name: str
    before: str
    after: str
    runs: list[tuple[str, str]]


def show_changes(
    changes: list[Change], *, areas: Mapping[str, str], organisations: Mapping[str, str]
) -> list[ShownChange]:
    """Changes with their names, values and marked words. `areas`, `organisations`: names by code."""
    shown = []
    for change in changes:
        before, after = (
            _show(change.key, value, areas, organisations) for value in (change.before, change.after)
        )
        is_text = min(len(before), len(after)) >= _MARK_FROM
        runs = _mark(before, after) if is_text else []
        shown.append(ShownChange(_name(change.key), before, after, runs))
    return shown


def show_conditions(said: Mapping[str, Any], *, organisations: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a campaign asks of people besides lists and areas: (name, values)."""
    return [
        (str(_NAMES[key]), _show(key, said[key], {}, organisations))
        for key in ("organisations", *_CHOICES)
        if said.get(key)
    ]


def _name(key: str) -> str:
    if key in _NAMES:
        return str(_NAMES[key])
    if key.startswith("step."):
        return str(_("Lần nhắc %(n)s", n=int(key[5:]) - 1))
    if key.startswith("texts."):
        return str(LANGUAGES.get(key.removeprefix("texts."), key))
    if key.startswith("content."):
        return name_of_text(key.removeprefix("content."))
    return key


def _show(key: str, value: Any, areas: Mapping[str, str], organisations: Mapping[str, str]) -> str:
    if value is None or value == "" or value == []:
        return str(_("để trống"))
    if key == "kind":
        return str(load_kinds().get(value, {}).get("title", value))
    if key == "areas":
        return ", ".join(areas.get(code, code) for code in value)
    if key == "organisations":
        return ", ".join(organisations.get(code, code) for code in value)
    if key in _CHOICES:
        words = _CHOICES[key]
        return ", ".join(
            str(words.get(each, each)) for each in ([value] if isinstance(value, str) else value)
        )
    if key == "lists":
        parts = [each.partition("/") for each in value]
        return ", ".join(f"{name} ({organisations.get(code, code)})" for code, _sep, name in parts)
    if key == "window":
        return " – ".join(value)
    if key in ("goal.share", "hold_out"):
        return percent(value)
    if isinstance(value, bool):
        return str(_("có") if value else _("không"))
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        when = _("sau %(days)s ngày", days=value.get("after_days", 0))
        clock = _(", lúc %(at)s", at=value["at"]) if value.get("at") else ""
        held = _(", giữ lại %(share)s", share=percent(value["hold_out"])) if value.get("hold_out") else ""
        texts = [value.get("text", ""), value.get("text_b") or "", *(value.get("texts") or {}).values()]
        return f"{when}{clock}{held}: {' / '.join(filter(None, texts))}"
    if key in ("starts_at", "deadline"):
        day, _sep, clock = str(value).partition("T")
        return f"{clock} {'/'.join(part.lstrip('0') for part in reversed(day.split('-')))}"
    return str(value)


_CHOICES = {"languages": LANGUAGES, "smartphone": SMARTPHONE, "answered": ANSWERED}


def _mark(before: str, after: str) -> list[tuple[str, str]]:
    """Word by word: what stayed, what went, what came."""
    old, new = (re.findall(r"\w+|\s+|[^\w\s]+", text) for text in (before, after))
    runs: list[tuple[str, str]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            runs.append(("same", "".join(old[a:b])))
            continue
        if b > a:
            runs.append(("gone", "".join(old[a:b])))
        if d > c:
            runs.append(("new", "".join(new[c:d])))
    return runs
