"""Single texts by path; what is wrong in them.

A campaign's content taken apart into the single texts that have a field each, and put together again. Pure.

A text is named by its path: `title`, `app.button`, `answers.need_help.steps`, `languages.sed.page.ask`. What has no
path, such as the vocabulary, stays together and comes back as it was.

What is wrong in the texts that residents read, before a campaign is kept. Pure.

Only what is written now is held to it: a campaign that was kept earlier is still read (planning/content.py).
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from campaigns.rules.content import PAGE_FIELDS, PAGE_WORDS, REPLY_FIELDS
from campaigns.rules.replies.labels import Label
from outreach.rules.errors import BadCampaign, BadTemplate
from outreach.rules.identity import NAMES as LANGUAGES
from outreach.rules.phone_numbers import NumberKind, Reason, read_digits
from outreach.rules.sms_template import Template

APP = ("name", "page", "android", "ios", "button")
WORDING = ("button", "thanks", "reply", "steps")
_ANSWERS = [f"answers.{label.value}.{part}" for label in Label for part in WORDING]
_PAGE = [f"page.{name}" for name in PAGE_WORDS]
_VIETNAMESE = [
    *("title", "question", "issuer", "why", "contact", "phone"),
    *(f"app.{part}" for part in APP),
    *_ANSWERS,
    *_PAGE,
]
_TRANSLATED = ["title", "question", "issuer", "why", "contact", "app.button", *_ANSWERS, *_PAGE]
# Every text's path.
PATHS = (
    *_VIETNAMESE,
    *(f"languages.{code}.{path}" for code in LANGUAGES if code != "vi" for path in _TRANSLATED),
)
_KNOWN = frozenset(PATHS)
# What is to be installed and from where: the approver's, and no text.
_ADDRESSES = frozenset(f"app.{part}" for part in APP if part != "button")


def is_correctable(path: str) -> bool:
    """Whether a launched campaign's text may still be corrected."""
    return path in _KNOWN and path not in _ADDRESSES


def is_steps(path: str) -> bool:
    """Whether a text is an answer's steps, a line each; the page has a heading of that name."""
    return path.endswith(".steps") and not path.endswith("page.steps")


def split_content(content: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The texts by path, steps as one line each, and whatever else there is."""
    texts: dict[str, str] = {}
    return texts, _rest(content, "", texts)


def join_content(
    texts: Mapping[str, str], rest: Mapping[str, Any], *, over: Container[str] = ()
) -> dict[str, Any]:
    """Content that `take_apart` takes apart into `texts` and `rest`.

    An empty text is left out, unless one of that path (`over`) stands below and would show through. An app without
    any text is none.
    """
    content = _copy(rest)
    for path, text in texts.items():
        if not text and path not in over:
            continue
        *tables, name = path.split(".")
        table = content
        for key in tables:
            below = table.get(key)
            table[key] = table = below if isinstance(below, dict) else {}
        table[name] = [line for line in text.splitlines() if line.strip()] if is_steps(path) else text
    if isinstance(content.get("app"), dict) and not any(content["app"].values()):
        content["app"] = False
    return content


# What is taken apart further.
_TABLES = frozenset(path[:at] for path in PATHS for at, letter in enumerate(path) if letter == ".")


def _rest(table: Mapping[str, Any], prefix: str, texts: dict[str, str]) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if path in _KNOWN and (text := _as_text(path, value)) is not None:
            texts[path] = text
        elif path in _TABLES and isinstance(value, Mapping):
            if below := _rest(value, f"{path}.", texts):
                rest[key] = below
        else:
            rest[key] = value
    return rest


def _as_text(path: str, value: Any) -> str | None:
    if is_steps(path):
        is_lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
        return "\n".join(value) if is_lines else None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _copy(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The tables copied, what stands in them shared."""
    return {
        key: _copy(value, f"{prefix}{key}.")
        if f"{prefix}{key}" in _TABLES and isinstance(value, Mapping)
        else value
        for key, value in table.items()
    }


_FIELD = re.compile(r"\{([^{}]*)\}")
_DIALLED = re.compile(r"(?:\+84|\(?0|1)[0-9 .()-]*")


def check_texts(content: Mapping[str, Any]) -> None:
    """Raises BadCampaign with what is wrong in the first text that is."""
    for path, sentence in find_text_errors(content).items():
        raise BadCampaign(f"Mục “{path}” của nội dung: {sentence}")


def find_text_errors(content: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong and what to do, by the text's path."""
    texts, _rest = split_content(content)
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
    return number.kind in (NumberKind.MOBILE, NumberKind.LANDLINE) and not number.warnings


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
