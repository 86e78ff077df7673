"""Form fields for the texts that residents read, to and from a campaign's content, in groups."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from admin.wording.campaigns import OTHER_LANGUAGES, name_of_text
from admin.wording.filters import label_of
from campaigns.replies.acknowledgements import OPT_OUT_REPLY
from campaigns.rules.content import APP_BUTTON, PAGE_WORDS
from campaigns.rules.content_texts import (
    APP,
    ASKED,
    OWN,
    PATHS,
    WORDING,
    is_steps,
    join_content,
    split_content,
)
from campaigns.rules.own_answers import NUMBERS
from campaigns.rules.replies.labels import Label
from outreach.rules.languages import NAMES as ALL_LANGUAGES

Form = MultiDict[str, str]
_MAIN = ("title", "question", "issuer", ASKED, "why", "contact", "phone")
_LONG = ("why", "thanks", "reply")
# A text with a longer placeholder gets a field of several lines.
_LONG_FROM = 60


# What an own answer may amount to.
MEANS = {
    Label.INSTALLED: _l("đã làm (tính vào kết quả)"),
    Label.NOT_YET: _l("chưa làm, mới hẹn (không tính vào kết quả)"),
    Label.NO_SMARTPHONE: _l("không làm được"),
    Label.NEED_HELP: _l("cần giúp"),
    Label.OPT_OUT: _l("từ chối nhận tin"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A text field. `key` is its name in the form; `placeholder` the text used if it is left empty."""

    key: str
    name: str
    value: str
    placeholder: str
    is_long: bool
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    fields: list[Field]

    @property
    def is_wrong(self) -> bool:
        return any(field.error for field in self.fields)


@dataclass(frozen=True, slots=True)
class Texts:
    """All fields of one language. In the form `app` and `answers` are folded, `page` is folded twice."""

    code: str
    language: str
    main: list[Field]
    app: Group
    own: list[Group]  # the answers of the kind's own
    answers: list[Group]
    page: list[Group]

    @property
    def is_page_wrong(self) -> bool:
        return any(group.is_wrong for group in self.page)

    @property
    def is_wrong(self) -> bool:
        groups = [Group("", self.main), self.app, *self.own, *self.answers, *self.page]
        return any(group.is_wrong for group in groups)


def fill_texts(form: Form, content: Mapping[str, Any]) -> None:
    """Fill the form with content; parts without a field go into the hidden field `content_more`."""
    texts, rest = split_content(content)
    for path in PATHS:
        form.poplist(f"c.{path}")
        if path in texts or not path.startswith("languages."):
            form[f"c.{path}"] = texts.get(path, "")
    form["content_more"] = json.dumps(rest, ensure_ascii=False)
    own = content.get("own_answers") or {}
    for number in NUMBERS:
        form[f"own_means_{number}"] = own.get(number, {}).get("means", "")
    languages = {path.split(".")[1] for path in texts if path.startswith("languages.")}
    form.setlist("page_language", [code for code in OTHER_LANGUAGES if code in languages])


def read_texts(form: Form, *, over: Container[str] = ()) -> dict[str, Any]:
    """Return the content of the form. `over`: paths of the texts it overrides, see `join_content`."""
    content = join_content(typed_texts(form), _read_rest(form), over=over)
    for number, parts in (content.get("own_answers") or {}).items():
        if means := form.get(f"own_means_{number}"):
            parts["means"] = means
    return content


def typed_texts(form: Form) -> dict[str, str]:
    """Return the texts that the form has fields for, by path."""
    return {path: form[f"c.{path}"].replace("\r\n", "\n").strip() for path in PATHS if f"c.{path}" in form}


def _read_rest(form: Form) -> dict[str, Any]:
    """Return the parts that `fill_texts` put into `content_more`; {} if the value is not valid."""
    try:
        rest = json.loads(form.get("content_more") or "{}")
    except (ValueError, RecursionError):
        return {}
    return split_content(rest)[1] if isinstance(rest, dict) else {}


def add_language(form: Form, code: str) -> None:
    """Add the fields of a language; an unknown code is ignored."""
    if code in OTHER_LANGUAGES and code not in form.getlist("page_language"):
        form.setlist("page_language", [*form.getlist("page_language"), code])


def show_languages(
    form: Form,
    errors: Mapping[str, str],
    *,
    offered: Iterable[str],
    written: Container[str] = (),
    may_change: Callable[[str], bool] = lambda path: True,
    kind: str,
) -> dict[str, Any]:
    """Return the template context of the other languages.

    Languages asked for and those that messages are `written` in have fields; the others `offered` can be added.
    """
    requested = form.getlist("page_language")
    added = form.get("add_language", "") if form.get("wish") == "language" else ""
    shown = [code for code in OTHER_LANGUAGES if code in requested or code in written]
    return {
        "translated": [show_texts(form, errors, code, may_change=may_change, kind=kind) for code in shown],
        "addable": [(code, OTHER_LANGUAGES[code]) for code in offered if code not in shown],
        "added": added,
    }


def show_texts(
    form: Form,
    errors: Mapping[str, str],
    code: str = "vi",
    *,
    may_change: Callable[[str], bool] = lambda path: True,
    kind: str,
) -> Texts:
    """Return the fields of a language, named as in campaigns of this kind.

    `may_change`: which paths have a field.
    """
    prefix = "" if code == "vi" else f"languages.{code}."

    def fields(paths: Iterable[str]) -> list[Field]:
        return [field(path) for path in paths if prefix + path in _PATHS and may_change(prefix + path)]

    def field(path: str) -> Field:
        key, last = f"c.{prefix}{path}", path.rpartition(".")[2]
        value, default = form.get(key, ""), _default(path)
        placeholder = default if code == "vi" else form.get(f"c.{path}") or default
        return Field(
            key=key,
            name=str(_NAMES[last] if path.startswith(("answers.", "own_")) else name_of_text(path, kind)),
            value=value,
            placeholder=placeholder,
            is_long=last in _LONG or is_steps(path) or len(placeholder) > _LONG_FROM or "\n" in value,
            error=errors.get(key, ""),
            hint=_hint(path, last, code),
        )

    return Texts(
        code=code,
        language=str(ALL_LANGUAGES[code]),
        main=fields(_MAIN),
        app=Group(_("Ứng dụng cần cài"), fields(f"app.{part}" for part in APP)),
        own=[
            Group(
                f"{_('Câu trả lời %(n)s', n=number)}: {form[f'c.own_answers.{number}.text']}",
                fields(f"own_answers.{number}.{part}" for part in OWN),
            )
            for number in NUMBERS
            if form.get(f"c.own_answers.{number}.text")
        ],
        answers=[
            Group(
                _("Khi người dân trả lời: %(answer)s", answer=label_of(label, "answer", kind)),
                fields(f"answers.{label.value}.{part}" for part in WORDING),
            )
            for label in Label
        ],
        page=[Group(title, fields(f"page.{name}" for name in names)) for title, names in _page_groups()],
    )


def _page_groups() -> list[tuple[str, list[str]]]:
    """Return the sentences of the answer page, grouped by place: title, names."""
    rest = list(PAGE_WORDS)
    groups = []
    for title, begins in (
        (_("Việc tiếp theo, sau khi trả lời"), ("next",)),
        (_("Gọi tên các câu trả lời"), ("said_",)),
        (_("Trang “Về tin nhắn này”"), ("about_", "issuer_")),
    ):
        names = [name for name in rest if name.startswith(begins)]
        rest = [name for name in rest if name not in names]
        groups.append((title, names))
    return [(_("Trang trả lời"), rest), *groups]


def _default(path: str) -> str:
    if path.startswith("page."):
        return PAGE_WORDS[path.removeprefix("page.")]
    return {"app.button": APP_BUTTON, "answers.opt_out.reply": OPT_OUT_REPLY}.get(path, "")


def _hint(path: str, last: str, code: str) -> str:
    if path == "phone":
        return _(
            "Hiện thành nút gọi trên trang. Ví dụ: số máy bàn của xã, phường, hay số đường dây nóng như 1022."
        )
    if path == ASKED:
        return _(
            "Đứng sau “kính mời ông/bà”; để trống thì dùng việc cần làm. Chỗ người soạn phải điền thì đặt trong ngoặc vuông, ví dụ: họp thôn lúc [giờ, ngày] tại [địa điểm]."
        )
    if is_steps(path):
        return _("Mỗi dòng một bước; trang tự đánh số.")
    if last != "reply":
        return ""
    known = _("{name} là tên người nhận, {link} là liên kết riêng của họ, {time} là lúc họ trả lời.")
    if code != "vi":
        return str(known)
    if path == "answers.opt_out.reply":
        return " ".join([known, _("Để trống: gửi câu “%(text)s”", text=OPT_OUT_REPLY)])
    return " ".join([known, _("Để trống: không nhắn lại.")])


_PATHS = frozenset(PATHS)
_NAMES: dict[str, Any] = {
    "button": _l("Chữ trên nút của trang trả lời"),
    "text": _l("Chữ trên nút, cũng là cách gọi trong các bảng"),
    "thanks": _l("Lời cảm ơn trên trang"),
    "reply": _l("Tin nhắn trả lời"),
    "steps": _l("Các bước hướng dẫn trên trang"),
}
