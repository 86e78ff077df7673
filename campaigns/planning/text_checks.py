"""What is wrong in the texts that residents read, before a campaign is kept. Pure.

Only what is written now is held to it: a campaign that was kept earlier is still read (planning/content.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from campaigns.planning.content import PAGE_FIELDS, REPLY_FIELDS
from campaigns.planning.texts import take_apart
from outreach.errors import BadCampaign, BadTemplate
from outreach.people.phone.digits import Kind, read_digits
from outreach.people.phone.outcome import Reason
from outreach.sms.template import Template

_FIELD = re.compile(r"\{([^{}]*)\}")
_DIALLED = re.compile(r"(?:\+84|\(?0|1)[0-9 .()-]*")


def check_texts(content: Mapping[str, Any]) -> None:
    """Raises BadCampaign with what is wrong in the first text that is."""
    for path, sentence in wrong_texts(content).items():
        raise BadCampaign(f"Mục “{path}” của nội dung: {sentence}")


def wrong_texts(content: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong and what to do, by the text's path."""
    texts, _rest = take_apart(content)
    found = {path: _what_is_wrong(path, text) for path, text in texts.items() if text.strip()}
    if any(text for path, text in texts.items() if path.startswith("app.")):
        for path in ("app.name", "app.page"):
            if not texts.get(path, "").strip():
                found[path] = "Ứng dụng cần có tên và trang tải. Hãy điền, hoặc xóa hết các ô về ứng dụng."
    return {path: sentence for path, sentence in found.items() if sentence}


def _what_is_wrong(path: str, text: str) -> str:
    name = path.rpartition(".")[2]
    if path == "phone":
        return "" if can_be_called(text) else _NO_NUMBER
    if name == "reply":
        return _wrong_reply(text)
    if name == "steps" or ".page." in f".{path}":
        return _wrong_sentence(text)
    return ""


_NO_NUMBER = (
    "Đây không phải là số điện thoại Việt Nam gọi được. Hãy ghi số di động, số cố định có mã vùng, "
    "hoặc số đường dây nóng, ví dụ 1022 hay 1900 và các số tiếp theo."
)


def can_be_called(text: str) -> bool:
    """Whether a text is, as it stands, a number that phones in Vietnam can dial."""
    typed = text.strip()
    if not _DIALLED.fullmatch(typed):
        return False
    number = read_digits(re.sub(r"\D", "", typed), international=typed.startswith("+"))
    if number.reason is Reason.SERVICE_NUMBER:
        return True
    return number.kind in (Kind.MOBILE, Kind.LANDLINE) and not number.warnings


def _wrong_reply(text: str) -> str:
    try:
        Template.parse(text, allowed=REPLY_FIELDS)
    except BadTemplate as error:
        return str(error)
    return ""


def _wrong_sentence(text: str) -> str:
    unknown = [name for name in _FIELD.findall(text) if name not in PAGE_FIELDS]
    if not unknown:
        return ""
    known = ", ".join(f"{{{name}}}" for name in sorted(PAGE_FIELDS))
    return f"Không có trường {{{unknown[0]}}}. Các trường dùng được: {known}. Hãy sửa lại tên trường."
