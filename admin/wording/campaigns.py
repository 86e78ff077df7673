"""Texts about campaigns: warnings, changes between versions, experiments, names of the texts.

The names of the texts that residents read are by path (campaigns/rules/content_texts.py).
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from admin.wording.filters import LABELS, kind_titles, label_of, number, percent
from admin.wording.progress import step_name
from campaigns.analytics.reach import StepLift
from campaigns.planning.drafts import VersionChange
from campaigns.planning.kinds import load_kinds
from campaigns.rules.audience import Answered, Smartphone
from campaigns.rules.content import PAGE_WORDS
from campaigns.rules.content_texts import split_content
from campaigns.rules.draft import Draft
from campaigns.rules.reach import ShareDifference
from campaigns.rules.warnings import CampaignWarning
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.sms_template import find_gaps, gap_types, split_gaps

# What is wrong and what to do.
DOUBTS: dict[CampaignWarning, Any] = {
    CampaignWarning.EMPTY_AUDIENCE: _l(
        "Không có ai nhận tin. Hãy chọn danh sách khác, hoặc mở rộng địa bàn."
    ),
    CampaignWarning.NO_BASIS: _l(
        "Có danh sách chưa ghi căn cứ nhắn tin. Vẫn gửi được; nên ghi căn cứ ở {page}."
    ),
    CampaignWarning.ODD_NAMES: _l(
        "Tin có ghi tên, mà có tên trông chưa đúng{names}. Hãy sửa ở trang của từng người, hoặc bỏ tên khỏi tin."
    ),
    CampaignWarning.SENDER_UNREGISTERED: _l(
        "Tên người gửi chưa có trong sổ đăng ký. Nhà mạng Việt Nam chặn tin có tên hoặc mẫu tin chưa đăng ký. "
        "Hãy đăng ký với nhà mạng, rồi nhờ người quản trị ghi vào mục Tên người gửi."
    ),
    CampaignWarning.OTHER_APP: _l(
        "Tin còn nhắc ứng dụng của loại chiến dịch khác. Hãy viết lại cho đúng việc vận động lần này."
    ),
    CampaignWarning.PROMISE_COUNTED: _l(
        "Có câu trả lời là lời hẹn mà đang được tính là đã làm. Nếu không phải như vậy, hãy mở “Câu hỏi, trang trả lời và lời đáp”, chọn cho câu ấy “chưa làm, mới hẹn (không tính vào kết quả)”."
    ),
    CampaignWarning.TEXT_GAPS: _l(
        "Tin còn dấu ngoặc vuông quanh chữ, ví dụ [địa điểm]. Điền và bỏ dấu ngoặc xong mới trình phê duyệt được."
    ),
    CampaignWarning.NO_LINK: _l(
        "Tin thiếu {link}: người nhận không mở được trang trả lời. Hãy chèn Liên kết vào tin."
    ),
    CampaignWarning.NO_STOP_WORD: _l(
        "Tin chưa nêu cách từ chối nhận tin. Hãy thêm, ví dụ: “soạn TC để từ chối nhận tin” (Nghị định 91/2020)."
    ),
    CampaignWarning.ASKS_FOR_REPLY: _l(
        "Tin mời trả lời bằng tin nhắn, nhưng nhà cung cấp tin nhắn đang dùng không nhận được tin trả lời: lời đáp và lời từ chối "
        "sẽ không tới hệ thống. Hãy viết, ví dụ: “Trả lời hoặc từ chối tại liên kết”."
    ),
    CampaignWarning.NO_WAY_OUT: _l(
        "Tin chưa nêu cách từ chối nhận tin. Hãy thêm, ví dụ: “Trả lời hoặc từ chối tại liên kết” (Nghị định 91/2020)."
    ),
    CampaignWarning.TYPED_ADDRESS: _l(
        "Trong tin có địa chỉ trang mạng gõ tay. Hãy dùng {link}: nó dẫn tới đúng ứng dụng chính thức và đếm được ai đã trả lời."
    ),
    CampaignWarning.LINK_UNSAFE: _l(
        "Liên kết trong tin chưa được bảo vệ (http). Trước khi gửi thật, hãy nhờ người quản trị đặt địa chỉ https."
    ),
    CampaignWarning.NO_HOURS: _l(
        "Chưa đặt khung giờ: tin có thể đến vào ban đêm. Hãy đặt, ví dụ 08:00 đến 20:00."
    ),
    CampaignWarning.HOURS_TOO_WIDE: _l(
        "Khung giờ vượt ngoài 07:00-22:00 mà Nghị định 91/2020 cho phép. Khi gửi thật, ngoài giờ đó tin sẽ đợi."
    ),
    CampaignWarning.OVER_BUDGET: _l(
        "Chi phí ước tính vượt ngân sách: chiến dịch sẽ không gửi được. Hãy tăng ngân sách, bớt người nhận hoặc rút ngắn tin."
    ),
    CampaignWarning.DEADLINE_PAST: _l("Thời hạn đã qua: sẽ không có tin nào được gửi. Hãy đặt lại thời hạn."),
    CampaignWarning.TOO_LATE: _l(
        "Không gửi xong trước thời hạn, phần còn lại sẽ bị bỏ. Hãy tăng tốc độ, đổi ngày bắt đầu hoặc lùi thời hạn."
    ),
    CampaignWarning.START_PAST: _l("Giờ bắt đầu đã qua: tin sẽ đi ngay khi bấm gửi."),
    CampaignWarning.REMINDER_TOO_LATE: _l(
        "Lần nhắc cuối rơi vào sau thời hạn nên sẽ không được gửi. Hãy bớt số ngày hoặc lùi thời hạn."
    ),
    CampaignWarning.CAP_HIGH: _l(
        "Một số chỉ được nhận tối đa 3 tin trong 24 giờ (Nghị định 91/2020). Khi gửi thật, phần vượt sẽ đợi."
    ),
    CampaignWarning.LONG_TEXT: _l(
        "Mỗi người nhận bị tính cước từ 4 tin trở lên: tốn tiền và ít người đọc hết. Hãy rút ngắn, hoặc bỏ dấu."
    ),
}
_LEVELS = dict.fromkeys(
    (
        CampaignWarning.EMPTY_AUDIENCE,
        CampaignWarning.SENDER_UNREGISTERED,
        CampaignWarning.PROMISE_COUNTED,
        CampaignWarning.TEXT_GAPS,
        CampaignWarning.ASKS_FOR_REPLY,
        CampaignWarning.DEADLINE_PAST,
    ),
    "error",
) | dict.fromkeys((CampaignWarning.START_PAST, CampaignWarning.LONG_TEXT), "info")

_UNREGISTERED_IN_TRAINING = _l(
    "Khi gửi thật, tên người gửi và mẫu tin phải đăng ký trước với nhà mạng và được người quản trị ghi vào mục "
    "Tên người gửi. Đang tập huấn nên chưa cần."
)


def tell_gaps(draft: Draft) -> dict[int, str]:
    """Return what is to be done with each message's square brackets that are about no field; a message without is left out."""
    told = {}
    for n, step in enumerate(draft.steps):
        to_fill, filled = split_gaps(step.all_texts, _suggested(draft))
        sentences = []
        if to_fill:
            gaps = ", ".join(to_fill)
            sentences.append(
                _("Còn phải điền: %(gaps)s. Viết nội dung thật thay cho cả dấu ngoặc.", gaps=gaps)
            )
        if filled:
            words = ", ".join(f"“{gap[1:-1].strip()}”" for gap in filled)
            sentences.append(_("Bỏ dấu ngoặc vuông quanh %(words)s.", words=words))
        if sentences:
            told[n] = " ".join(sentences)
    return told


def list_gaps(draft: Draft) -> list[tuple[str, list[str]]]:
    """Return the gaps that are still to be filled in, each once, with what is entered for it, as `gap_types` says."""
    texts = [text for step in draft.steps for text in step.all_texts]
    return [(gap, gap_types(gap)) for gap in split_gaps(texts, _suggested(draft))[0]]


def _suggested(draft: Draft) -> set[str]:
    """Return the gaps that the kinds suggest, and the draft's own."""
    asked = (str(content.get("asked", "")) for content in (draft.content, *load_kinds().values()))
    return {gap for text in asked for gap in find_gaps(text)}


def show_warnings(
    doubts: Sequence[CampaignWarning],
    *,
    is_live: bool,
    gaps: Mapping[int, str] | None = None,
    form: str | None = "",
    odd_names: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Return severity and text of each warning.

    In training, warnings about real sending are milder or left out. `gaps` are those that `tell_gaps` tells, with links
    to their fields on the page `form`, if it is given. `odd_names`: those that the reader may see.
    """
    told = {doubt: str(DOUBTS[doubt]) for doubt in doubts}
    levels = _LEVELS
    if not is_live:
        told.pop(CampaignWarning.LINK_UNSAFE, None)
        levels = _LEVELS | {CampaignWarning.SENDER_UNREGISTERED: "info"}
    for doubt in told:
        if doubt is CampaignWarning.TEXT_GAPS and gaps:
            told[doubt] = Markup(" ").join(_linked(n, gap, form) for n, gap in gaps.items())
        elif doubt is CampaignWarning.NO_BASIS:
            page = Markup('<a href="{}">{}</a>').format(url_for("lists.index"), _("trang danh sách"))
            told[doubt] = escape(told[doubt]).format(page=page)
        elif doubt is CampaignWarning.ODD_NAMES:
            names = ", ".join(f"“{name}”" for name in odd_names)
            told[doubt] = told[doubt].format(names=names and f": {names}")
        elif doubt is CampaignWarning.SENDER_UNREGISTERED and not is_live:
            told[doubt] = str(_UNREGISTERED_IN_TRAINING)
    return [(levels.get(doubt, "warning"), sentence) for doubt, sentence in told.items()]


def _linked(step: int, told: str, form: str | None) -> Markup:
    name = step_name(step + 1)
    if form is None:
        return Markup("{}: {}").format(name, told)
    return Markup('<a href="{}#{}">{}</a>: {}').format(form, "step" if step else "text", name, told)


def sent_a_trial() -> str:
    return _("Đã gửi tin thử. Tin sẽ đến trong ít giây; số này không được lưu vào danh sách nào.")


_NAMES: dict[str, Any] = {
    "name": _l("Tên chiến dịch"),
    "kind": _l("Loại chiến dịch"),
    "sender": _l("Tên người gửi"),
    "lists": _l("Danh sách"),
    "also_in": _l("Đồng thời có trong danh sách"),
    "except": _l("Trừ người trong danh sách"),
    "areas": _l("Địa bàn"),
    "organisations": _l("Mọi danh sách của tổ chức"),
    "languages": _l("Ngôn ngữ"),
    "smartphone": _l("Điện thoại thông minh"),
    "answered": _l("Câu trả lời trước đây"),
    "segment": _l("Nhóm đã lưu"),
    "text": _l("Nội dung tin"),
    "text_b": _l("Nội dung thứ hai"),
    "urgent": _l("Cảnh báo khẩn cấp"),
    "urgent.reason": _l("Lý do phải cảnh báo khẩn cấp"),
    "urgent.basis": _l("Căn cứ pháp lý gửi người đã từ chối"),
    "texts": _l("Nội dung theo ngôn ngữ"),
    "notice_template": _l("Mã mẫu thông báo Zalo"),
    "notice_text": _l("Thông báo Zalo"),
    "hold_out": _l("Nhóm đối chứng (không nhắn tin)"),
    "unaccented": _l("Bỏ dấu"),
    "unaccented_languages": _l("Bỏ dấu cả ở tiếng"),
    "window": _l("Khung giờ gửi"),
    "starts_at": _l("Bắt đầu gửi"),
    "deadline": _l("Thời hạn"),
    "pace": _l("Tốc độ gửi"),
    "cap_per_day": _l("Số tin tối đa mỗi ngày"),
    "budget_vnd": _l("Ngân sách"),
    "goal.share": _l("Mục tiêu"),
    "goal.denominator": _l("Số người thuộc diện vận động"),
    "goal.date": _l("Ngày của số liệu"),
    "goal.source": _l("Nguồn số liệu"),
}
_FIELD_NAMES: dict[str, Any] = {
    "fields": _l("Chữ ghi cho người chưa có"),
    "goal": _l("Mục tiêu"),
    "goal_percent": _l("Mục tiêu"),
    "goal_denominator": _l("Số người thuộc diện vận động"),
    "content": _l("Câu hỏi, trang trả lời và lời đáp"),
    "step": _l("Nhắc lại"),
}
# Texts of at least this length have their changed words marked.
_MARK_FROM = 30


def name_errors(errors: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return key, field name and message of each error, for the summary above a form."""
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


def in_form_words(sentence: str) -> str:
    """Replace the file's keys in an error message by the form's field names."""
    own = ("pace", "cap_per_day", "budget_vnd", "starts_at", "deadline")
    of_texts = ("title", "question", "issuer", "app.page", "app.android", "app.ios")
    for key, name in [(key, _NAMES[key]) for key in own] + [(key, NAMES[key]) for key in of_texts]:
        sentence = sentence.replace(f"“{key}”", f"“{name}”")
    return re.sub(r" \([a-z_]+\)", "", sentence)


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change for display: `runs` are ("same" | "gone" | "new", text) for a text, else old and new value."""

    name: str
    before: str
    after: str
    runs: list[tuple[str, str]]


def show_changes(
    changes: list[VersionChange], *, areas: Mapping[str, str], organisations: Mapping[str, str]
) -> list[ShownChange]:
    """Return changes with labels, values and marked words. `areas`, `organisations`: names by code."""
    shown = []
    for change in changes:
        before, after = (
            _show(change.key, value, areas, organisations) for value in (change.before, change.after)
        )
        is_text = min(len(before), len(after)) >= _MARK_FROM
        runs = _mark(before, after) if is_text else []
        shown.append(ShownChange(_name(change.key), before, after, runs))
    return shown


def show_whom(
    description: Mapping[str, Any], *, areas: Mapping[str, str], organisations: Mapping[str, str]
) -> dict[str, list[Any]]:
    """Return the names of what an audience is made of, for its sentence; `conditions` are (name, values)."""
    whom: dict[str, list[Any]] = {
        part: [name.partition("/")[2] or name for name in description.get(part, ())]
        for part in ("lists", "also_in", "except")
    }
    for part, names in (("areas", areas), ("organisations", organisations)):
        whom[part] = [names.get(code, code) for code in description.get(part, ())]
    whom["conditions"] = [
        (str(_NAMES[key]), _show(key, description[key], {}, {})) for key in CHOICES if description.get(key)
    ]
    return whom


def _name(key: str) -> str:
    if key in _NAMES:
        return str(_NAMES[key])
    if key.startswith("step."):
        return str(_("Lần nhắc %(n)s", n=int(key[5:]) - 1))
    if key.startswith("texts."):
        return str(LANGUAGES.get(key.removeprefix("texts."), key))
    if key.startswith("content."):
        return name_of_text(key.removeprefix("content."))
    if key.startswith("fields."):
        return str(_("Người chưa có %(field)s thì ghi:", field=key.removeprefix("fields.")))
    return key


def _show(key: str, value: Any, areas: Mapping[str, str], organisations: Mapping[str, str]) -> str:
    if value is None or value == "" or value == []:
        return str(_("để trống"))
    if key in CHOICES or key == "unaccented_languages":
        words = CHOICES.get(key, LANGUAGES)
        chosen = [value] if isinstance(value, str) else value
        return ", ".join(str(words.get(each, each)) for each in chosen)
    if key in ("lists", "also_in", "except"):
        parts = [each.partition("/") for each in value]
        return ", ".join(f"{name} ({organisations.get(code, code)})" for code, _sep, name in parts)
    shown: dict[str, Callable[[], str]] = {
        "kind": lambda: kind_titles().get(value, str(value)),
        "areas": lambda: ", ".join(areas.get(code, code) for code in value),
        "organisations": lambda: ", ".join(organisations.get(code, code) for code in value),
        "window": lambda: " – ".join(value),
        "goal.share": lambda: percent(value),
        "hold_out": lambda: percent(value),
        "starts_at": lambda: _show_moment(value),
        "deadline": lambda: _show_moment(value),
    }
    return shown[key]() if key in shown else _show_value(value)


def _show_moment(value: Any) -> str:
    day, _sep, clock = str(value).partition("T")
    return f"{clock} {'/'.join(part.lstrip('0') for part in reversed(day.split('-')))}"


def _show_value(value: Any) -> str:
    """Show a value by its type; a mapping is a step."""
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
        own = (value.get(name) or "" for name in ("text", "text_b", "notice_template", "notice_text"))
        texts = [*own, *(value.get("texts") or {}).values()]
        return f"{when}{clock}{held}: {' / '.join(filter(None, texts))}"
    return str(value)


# Of each condition on contacts.
CHOICES: dict[str, Mapping[str, Any]] = {
    "languages": LANGUAGES,
    "smartphone": {
        Smartphone.YES.value: _l("Có"),
        Smartphone.UNKNOWN.value: _l("Chưa rõ"),
        Smartphone.NO.value: _l("Không có"),
    },
    "answered": {
        Answered.NO.value: _l("Chỉ người chưa trả lời"),
        Answered.YES.value: _l("Chỉ người đã trả lời"),
        Answered.NOT_INSTALLED.value: _l("Chỉ người chưa báo đã làm"),
        Answered.INSTALLED.value: _l("Chỉ người đã báo đã làm"),
    },
}


def _mark(before: str, after: str) -> list[tuple[str, str]]:
    """Compare two texts word by word."""
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


def show_lifts(lifts: list[StepLift]) -> list[dict[str, str]]:
    """Return comparisons for display: what was compared, the counts, how certain it is, and the conclusion."""
    shown = []
    for each in lifts:
        if each.lift:
            shown.append(_show_lift(each, each.lift))
        if each.texts:
            shown.append(_show_texts(each, each.texts))
    return shown


def _shown(title: str, counted: str, found: ShareDifference, *verdicts: str) -> dict[str, str]:
    """Return a comparison with its conclusion: of the three the one for more, for less, or for neither."""
    more, less, unsure = verdicts
    sure = _(
        "Chênh lệch %(value)s điểm phần trăm (khoảng tin cậy %(sure)s: từ %(low)s đến %(high)s).",
        sure="95%",
        value=_points(found.value),
        low=_points(found.low),
        high=_points(found.high),
    )
    verdict = more if found.low > 0 else less if found.high < 0 else unsure
    return {"title": title, "counted": counted, "sure": sure, "verdict": verdict}


def _show_lift(each: StepLift, lift: ShareDifference) -> dict[str, str]:
    counted = _(
        "Trong %(reminded)s người được nhắn có %(first)s tự khai báo đã thực hiện; trong %(held)s người giữ lại không nhắn có %(second)s.",
        reminded=number(each.reminded.people),
        first=percent(lift.first),
        held=number(each.held_out.people),
        second=percent(lift.second),
    )
    return _shown(
        step_name(each.number),
        counted,
        lift,
        _("Tin này có tác dụng."),
        _("Tỷ lệ thực hiện của người được nhắn thấp hơn người không được nhắn: nên xem lại nội dung."),
        _("Chưa đủ số liệu để nói tin này có tác dụng hay không."),
    )


def _show_texts(each: StepLift, texts: ShareDifference) -> dict[str, str]:
    counted = _(
        "Nội dung thứ hai gửi %(second)s người, %(first_share)s tự khai báo đã thực hiện; nội dung thứ nhất gửi %(first)s người, %(second_share)s.",
        second=number(each.second_text.people),
        first_share=percent(texts.first),
        first=number(each.first_text.people),
        second_share=percent(texts.second),
    )
    return _shown(
        _("%(step)s: so hai nội dung", step=step_name(each.number)),
        counted,
        texts,
        _("Nội dung thứ hai tốt hơn."),
        _("Nội dung thứ nhất tốt hơn."),
        _("Chưa đủ số liệu để nói nội dung nào tốt hơn."),
    )


def _points(share: float) -> str:
    """Format percentage points: 4,2 or −0,5, with a real minus sign."""
    rounded = round(share * 100, 1) + 0.0
    return f"{'−' if rounded < 0 else ''}{format_decimal(abs(rounded), '#,##0.0')}"


NAMES: dict[str, Any] = {
    "title": _l("Việc cần làm"),
    "question": _l("Câu hỏi"),
    "issuer": _l("Cơ quan gửi"),
    "asked": _l("Lời mời trong tin gợi ý"),
    "why": _l("Vì sao"),
    "contact": _l("Nơi hỏi thêm"),
    "phone": _l("Số điện thoại để hỏi"),
    "app.name": _l("Ứng dụng"),
    "app.page": _l("Trang tải ứng dụng"),
    "app.android": _l("Liên kết Android"),
    "app.ios": _l("Liên kết iPhone"),
    "app.button": _l("Nút tải ứng dụng"),
    "page.given": _l("Nhắc lại câu đã trả lời"),
    "page.recorded": _l("Khi câu trả lời không có lời cảm ơn riêng"),
    "page.undo": _l("Nút chọn lại"),
    "page.undo_stop": _l("Nút nhận tin trở lại"),
    "page.left_alone": _l("Khi số này đã từ chối nhận tin"),
    "page.store": _l("Dưới nút tải ứng dụng"),
    "page.come_back": _l("Sau khi bấm nút tải ứng dụng"),
    "page.again": _l("Đầu mục các nút, khi đã trả lời"),
    "page.remind": _l("Nút “chưa”, nếu câu trả lời này chưa có nút riêng"),
    "page.remind_next": _l("Việc tiếp theo khi xin nhắc sau"),
    "page.trust": _l("Câu xác nhận trang chính thức"),
    "page.other": _l("Đầu mục: điều khác"),
    "page.call_me": _l("Nút xin gọi lại"),
    "page.own_question": _l("Trên ô viết câu hỏi"),
    "page.send_question": _l("Nút gửi câu hỏi"),
    "page.asked": _l("Khi câu hỏi đã gửi"),
    "page.urgent": _l("Khi câu viết là lời kêu cứu"),
    "page.wrong_number": _l("Nút nhầm số"),
    "page.next": _l("Đầu mục việc tiếp theo"),
    "page.steps": _l("Đầu mục các bước"),
    "page.ask": _l("Câu chỉ nơi hỏi thêm"),
    "page.call": _l("Nút gọi điện"),
    "page.about": _l("Liên kết đến trang “Về tin nhắn này”"),
    "page.about_title": _l("Tên trang"),
    "page.about_who": _l("Đầu mục: ai gửi"),
    "page.about_who_text": _l("Ai gửi"),
    "page.about_why": _l("Đầu mục: vì sao"),
    "page.about_data": _l("Đầu mục: thông tin"),
    "page.about_data_text": _l("Những thông tin được dùng"),
    "page.about_use": _l("Mục đích sử dụng"),
    "page.about_object": _l("Đầu mục: từ chối"),
    "page.about_object_text": _l("Cách từ chối trên trang"),
    "page.about_object_reply": _l("Cách từ chối bằng tin nhắn"),
    "page.about_rights": _l("Cách xem, sửa, xóa thông tin"),
    "page.about_back": _l("Liên kết quay lại"),
    "page.issuer_contact": _l("Khi chưa ghi nơi hỏi thêm"),
}
PARTS: dict[str, Any] = {
    "button": _l("chữ trên nút"),
    "thanks": _l("lời cảm ơn trên trang"),
    "reply": _l("tin trả lời"),
    "steps": _l("các bước trên trang"),
}


def name_of_text(path: str, kind: str = "") -> str:
    """Return the full name of a text, in the words of its kind; the path if it has none."""
    if path.startswith("languages."):
        _languages, code, below = path.split(".", 2)
        return f"{LANGUAGES.get(code, code)}: {name_of_text(below, kind)}"
    if path.startswith("answers."):
        _answers, label, part = path.split(".")
        return f"{_answer(label, kind)}: {PARTS.get(part, part)}"
    if path.startswith("own_answers."):
        _own, number, part = path.split(".")
        return f"{_('Câu trả lời %(n)s', n=number)}: {PARTS['button' if part == 'text' else part]}"
    if path.startswith("page.next_"):
        return _(
            "Việc tiếp theo khi trả lời: %(answer)s", answer=_answer(path.removeprefix("page.next_"), kind)
        )
    if path.startswith("page.said_"):
        return _("Gọi tên câu trả lời: %(answer)s", answer=_answer(path.removeprefix("page.said_"), kind))
    if path.startswith("page.safety_"):
        return _("Khi có bão, lũ: “%(text)s”", text=PAGE_WORDS[path.removeprefix("page.")])
    return str(NAMES.get(path, path))


def own_texts(content: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """Return name and text of all that differs from the campaign's kind: `content` holds nothing else."""
    texts, _rest = split_content(content)
    return [(name_of_text(path, kind), text) for path, text in texts.items()]


def _answer(label: str, kind: str) -> str:
    return label_of(label, "answer", kind) if f"answer.{label}" in LABELS else label


# Languages that texts may be written in; without one, residents get the Vietnamese text.
OTHER_LANGUAGES = {code: name for code, name in LANGUAGES.items() if code != "vi"}
