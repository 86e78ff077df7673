"""What the texts that residents read are called, by their path (planning/texts.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.texts import WORDS, word
from admin.views.campaign_choices import LANGUAGES
from campaigns.planning.texts import take_apart

NAMES: dict[str, Any] = {
    "title": _l("Việc cần làm"),
    "question": _l("Câu hỏi"),
    "issuer": _l("Cơ quan gửi"),
    "why": _l("Vì sao"),
    "contact": _l("Nơi hỏi thêm"),
    "phone": _l("Số điện thoại để hỏi"),
    "app.name": _l("Ứng dụng"),
    "app.page": _l("Trang tải ứng dụng"),
    "app.android": _l("Liên kết Android"),
    "app.ios": _l("Liên kết iPhone"),
    "app.button": _l("Nút cài đặt"),
    "page.given": _l("Nhắc lại câu đã trả lời"),
    "page.recorded": _l("Khi câu trả lời không có lời cảm ơn riêng"),
    "page.undo": _l("Nút chọn lại"),
    "page.undo_stop": _l("Nút nhận tin trở lại"),
    "page.left_alone": _l("Khi số này đã từ chối nhận tin"),
    "page.store": _l("Dưới nút cài đặt"),
    "page.come_back": _l("Sau khi bấm nút cài đặt"),
    "page.again": _l("Đầu mục các nút, khi đã trả lời"),
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
    "page.about_use": _l("Dùng vào việc gì"),
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
    """Its name where nothing around it says more; the path where it has none. In campaigns of a `kind` by its words."""
    if path.startswith("languages."):
        _languages, code, below = path.split(".", 2)
        return f"{LANGUAGES.get(code, code)}: {name_of_text(below, kind)}"
    if path.startswith("answers."):
        _answers, label, part = path.split(".")
        return f"{_answer(label, kind)}: {PARTS.get(part, part)}"
    if path.startswith("page.next_"):
        return _(
            "Việc tiếp theo khi trả lời: %(answer)s", answer=_answer(path.removeprefix("page.next_"), kind)
        )
    if path.startswith("page.said_"):
        return _("Gọi tên câu trả lời: %(answer)s", answer=_answer(path.removeprefix("page.said_"), kind))
    return str(NAMES.get(path, path))


def own_texts(content: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """Name and wording of what a campaign says otherwise than its kind: `content` holds nothing else."""
    texts, _rest = take_apart(content)
    return [(name_of_text(path, kind), text) for path, text in texts.items()]


def _answer(label: str, kind: str) -> str:
    return word(label, "answer", kind) if f"answer.{label}" in WORDS else label
