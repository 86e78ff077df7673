"""Fields of the campaign form, to and from a campaign's description, with errors per field.

Includes the variants of each text (by language, a B text to compare with, the hold-out share), the texts that residents
read, in groups, the choices that the form offers a user, and the form of a new campaign.
"""

import json
import re
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from admin.wording.campaigns import CHOICES, OTHER_LANGUAGES, in_form_words, name_of_text
from admin.wording.errors import show_error
from admin.wording.filters import label_of
from campaigns.models.campaigns import Campaign, CampaignList, Sender
from campaigns.planning.drafts import LISTED, PARTS, read_segments, suggest_text
from campaigns.planning.kinds import load_kinds
from campaigns.replies.acknowledgements import OPT_OUT_REPLY
from campaigns.rules import content_texts
from campaigns.rules.content import APP, APP_BUTTON, PAGE_WORDS, merge, read_content
from campaigns.rules.draft import DEFAULT_KIND, Draft, read_draft
from campaigns.rules.list_fields import find_holes
from campaigns.rules.own_answers import NUMBERS
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import is_never_open
from campaigns.rules.states import CampaignState
from outreach.accounts.permissions import areas_of, visible_to
from outreach.contacts.languages import read_offered
from outreach.core.settings import Settings
from outreach.imports.uploads import find_list
from outreach.models.accounts import Area, Organisation, User
from outreach.models.contacts import ContactList, LegalBasis, Membership
from outreach.places.areas import read_districts
from outreach.rules.errors import BadCampaign, BadInput
from outreach.rules.formats import read_decimal, read_whole
from outreach.rules.identity import vietnamese_order
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.languages import VIETNAMESE

Form = MultiDict[str, str]
_MAIN = ("title", "question", "issuer", content_texts.ASKED, "why", "contact", "phone")
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
    texts, rest = content_texts.split_content(content)
    for path in content_texts.PATHS:
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
    rest: Any = {}
    with suppress(ValueError, RecursionError):  # parts without a field, as `fill_texts` has put them there
        rest = json.loads(form.get("content_more") or "{}")
    rest = content_texts.split_content(rest)[1] if isinstance(rest, dict) else {}
    content = content_texts.join_content(typed_texts(form), rest, over=over)
    for number, parts in (content.get("own_answers") or {}).items():
        if means := form.get(f"own_means_{number}"):
            parts["means"] = means
    return content


def typed_texts(form: Form) -> dict[str, str]:
    """Return the texts that the form has fields for, by path."""
    return {path: _lines(form[f"c.{path}"]) for path in content_texts.PATHS if f"c.{path}" in form}


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
            is_long=last in _LONG
            or content_texts.is_steps(path)
            or len(placeholder) > _LONG_FROM
            or "\n" in value,
            error=errors.get(key, ""),
            hint=_hint(path, last, code),
        )

    return Texts(
        code=code,
        language=str(LANGUAGES[code]),
        main=fields(_MAIN),
        app=Group(_("Ứng dụng cần cài"), fields(f"app.{part}" for part in APP)),
        own=[
            Group(
                f"{_('Câu trả lời %(n)s', n=number)}: {form[f'c.own_answers.{number}.text']}",
                fields(f"own_answers.{number}.{part}" for part in content_texts.OWN),
            )
            for number in NUMBERS
            if form.get(f"c.own_answers.{number}.text")
        ],
        answers=[
            Group(
                _("Khi người dân trả lời: %(answer)s", answer=label_of(label, "answer", kind)),
                fields(f"answers.{label.value}.{part}" for part in content_texts.WORDING),
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
        (_("An toàn hay cần giúp (chỉ khi là cảnh báo khẩn cấp)"), ("safety_",)),
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
    if path == content_texts.ASKED:
        return _(
            "Đứng sau “kính mời ông/bà”; để trống thì dùng việc cần làm. Chỗ người soạn phải điền thì đặt trong ngoặc vuông, ví dụ: họp thôn lúc [giờ, ngày] tại [địa điểm]."
        )
    if content_texts.is_steps(path):
        return _("Mỗi dòng một bước; trang tự đánh số.")
    if last != "reply":
        return ""
    known = _("{name} là tên người nhận, {link} là liên kết riêng của họ, {time} là lúc họ trả lời.")
    if code != "vi":
        return str(known)
    if path == "answers.opt_out.reply":
        return " ".join([known, _("Để trống: gửi câu “%(text)s”", text=OPT_OUT_REPLY)])
    return " ".join([known, _("Để trống: không nhắn lại.")])


_PATHS = frozenset(content_texts.PATHS)
_NAMES: dict[str, Any] = {
    "button": _l("Chữ trên nút của trang trả lời"),
    "text": _l("Chữ trên nút, cũng là cách gọi trong các bảng"),
    "thanks": _l("Lời cảm ơn trên trang"),
    "reply": _l("Tin nhắn trả lời"),
    "steps": _l("Các bước hướng dẫn trên trang"),
}


Kinds = Mapping[str, Mapping[str, Any]]
_FIELD = "field."  # before the name of a list's field: its substitute
# The smallest valid description, so that one part can be checked alone.
_SKELETON: dict[str, Any] = {"name": "-", "text": "-", "lists": ["-"], "sender": "LOA"}


@dataclass(frozen=True, slots=True)
class CampaignFormData:
    """A submitted form. `data` is the whole description; `draft` holds only the valid parts.

    `holes`: fields of lists whose substitute is still to be written; in the draft it is "...", so that the text is shown.
    """

    form: Form
    data: dict[str, Any]
    errors: dict[str, str]
    draft: Draft
    lists: tuple[str, ...]
    holes: tuple[str, ...] = ()


def read_form(form: Form, *, kinds: Kinds) -> CampaignFormData:
    """Check every field by the rules of `read_draft`; what was typed is kept even if it is wrong."""
    data, errors = _gather(form, kinds=kinds)
    required = {
        "name": _("Hãy đặt tên cho chiến dịch, ví dụ “Vận động tháng 8, đợt 2”."),
        "text": _("Hãy viết nội dung tin nhắn."),
        "lists": _("Hãy chọn ít nhất một danh sách."),
        "sender": _("Hãy ghi tên người gửi đã đăng ký với nhà mạng."),
    }
    valid: dict[str, Any] = {}
    skeleton = {**_SKELETON, "kind": data["kind"]}
    holes = _fit_substitutes(skeleton, data, errors, kinds)
    for key, value in data.items():
        if key in errors or (key == "lists" and not value and data["organisations"]):
            continue
        if key in required and not value:
            errors[key] = required[key]
        elif key == "step":
            valid[key] = _check_steps(value, errors, kinds, skeleton | _beside_notice(data, errors, "urgent"))
        elif key == "content" and (text_errors := show_text_errors(merge(kinds[data["kind"]], value))):
            errors |= text_errors
        elif message := _draft_error({**skeleton, key: value, **_beside_notice(data, errors, key)}, kinds):
            errors[key] = message
        else:
            valid[key] = value
    for key in ("deadline", "step"):  # errors that depend on several fields
        if message := _draft_error({**skeleton, **valid}, kinds):
            errors.setdefault(key if key in valid else "starts_at", message)
            valid.pop(key, None)
    return CampaignFormData(
        form=form,
        data=data,
        errors=errors,
        draft=read_draft({**skeleton, **valid}, kinds=kinds),
        lists=tuple(valid.get("lists", ())),
        holes=tuple(holes),
    )


def show_text_errors(content: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with texts, by their fields."""
    return {f"c.{path}": show_error(error) for path, error in content_texts.find_text_errors(content).items()}


def _beside_notice(data: Mapping[str, Any], errors: Mapping[str, str], key: str) -> dict[str, Any]:
    """Return the fields that a notice is checked with, where the field `key` is one of it or must not stand beside it."""
    names = ("notice_template", "notice_text", "text_b", "urgent") if key.startswith("notice_") else (key,)
    return {name: data[name] for name in names if name in data and (name == key or name not in errors)}


def _fit_substitutes(
    skeleton: dict[str, Any], data: dict[str, Any], errors: dict[str, str], kinds: Kinds
) -> list[str]:
    """Give the skeleton the lists' fields, so that each text is judged by itself; return those that lack a substitute."""
    fields = data.get("fields")
    if not fields:
        return []
    # Of a wrong substitute the texts are none the worse.
    is_right = not _draft_error({**skeleton, "fields": fields}, kinds)
    skeleton["fields"] = fields if is_right else dict.fromkeys(fields, "-")
    steps = [data, *data["step"]]
    texts = [
        each
        for step in steps
        for each in (step["text"], *map(step.get, ("text_b", "notice_text")), *step.get("texts", {}).values())
    ]
    holes = find_holes([text for text in texts if text], skeleton["fields"])
    if holes:
        errors["fields"] = show_error(BadCampaign("field_without_substitute", name=holes[0]))
        skeleton["fields"] = {**fields, **dict.fromkeys(holes, "...")}
    return holes


def _check_steps(
    steps: list[dict[str, Any]], errors: dict[str, str], kinds: Kinds, skeleton: dict[str, Any]
) -> list[dict[str, Any]]:
    valid = []
    for index, step in enumerate(steps):
        if message := _draft_error({**skeleton, "step": [step]}, kinds):
            errors[f"step-{index}"] = message
        else:
            valid.append(step)
    return valid


def _draft_error(data: dict[str, Any], kinds: Kinds) -> str:
    try:
        if is_never_open(read_draft(data, kinds=kinds).hours):
            raise BadCampaign("window_wrong")
    except BadInput as error:
        # The same errors tell a program how to write the part.
        typed = {
            "window_wrong": _("Giờ đầu phải trước giờ cuối, ví dụ từ 07:00 đến 21:00."),
            "moment_wrong": _("Hãy ghi đủ ngày và giờ, ví dụ 18/08/2020 lúc 08:00."),
            "part_choice_wrong": _("Hãy chọn một trong các mục của ô này."),
        }
        return typed.get(error.code) or in_form_words(show_error(error))
    return ""


def _gather(form: Form, *, kinds: Kinds) -> tuple[dict[str, Any], dict[str, str]]:
    errors: dict[str, str] = {}
    kind = form.get("kind") or DEFAULT_KIND
    if form.get("kind") == "":
        errors["kind"] = _("Hãy chọn loại chiến dịch.")
    data: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "kind": kind,
        "sender": form.get("sender", "").strip(),
        **{part: form.getlist(part) for part in LISTED},
        "text": _lines(form.get("text", "")),
        "unaccented": bool(form.get("unaccented")),
        "unaccented_languages": form.getlist("unaccented_languages"),
        "step": _steps(form, errors),
        **_variants(read_first_variants(form), errors, key="hold_out"),
    }
    hours = [_clock(form.get("window_from", "")), _clock(form.get("window_to", ""))]
    optional = {
        "fields": {key.removeprefix(_FIELD): form[key] for key in form if key.startswith(_FIELD)},
        "window": any(hours) and hours,
        "goal": _goal(form, errors),
        **{key: form.get(key, "").strip() for key in _AS_IS},
    }
    data |= {key: value for key, value in optional.items() if value}
    if form.get("urgent"):
        data["urgent"] = {name: form.get(f"urgent_{name}", "") for name in ("reason", "basis")}
    for key, read in _NUMBERS.items():
        _number(form, key, read, data, errors, into=key)
    # After a change of kind the texts shown are still the old kind's: leave them out.
    if kind in kinds and form.get("content_of") == kind:
        data["content"] = read_texts(form, over=content_texts.split_content(kinds[kind])[0])
    return data, errors


def _steps(form: Form, errors: dict[str, str]) -> list[dict[str, Any]]:
    steps = []
    for row in read_reminders(form):
        variants, days = _variants(row, errors, key="step"), row["days"].strip()
        if row["key"]:
            after_days = int(days) if days.isdecimal() else days
            step: dict[str, Any] = {"text": _lines(row["text"]), "after_days": after_days, **variants}
            if row["at"].strip():
                step["at"] = _clock(row["at"])
            steps.append(step)
    return steps


def _goal(form: Form, errors: dict[str, str]) -> dict[str, Any]:
    goal: dict[str, Any] = {}
    _number(form, "goal_percent", _decimal, goal, errors, into="share")
    _number(form, "goal_denominator", _whole, goal, errors, into="denominator")
    if "share" in goal:
        goal["share"] = goal["share"] / 100
    for key in ("date", "source"):
        if form.get(f"goal_{key}", "").strip():
            goal[key] = form[f"goal_{key}"].strip()
    if errors.keys() & {"goal_percent", "goal_denominator"}:
        return {}
    return goal


def _number(
    form: Form, name: str, read: Any, data: dict[str, Any], errors: dict[str, str], *, into: str
) -> None:
    value = form.get(name, "").strip().rstrip("%").strip()
    if not value:
        return
    try:
        data[into] = read(value)
    except ValueError:
        errors[name] = _("Hãy ghi một con số, ví dụ 5.000.000 hoặc 0,5.")


def _clock(value: str) -> str:
    """Return 08:30 for 8:30, 8h30, 8g30 or 8h.

    Anything else is returned as it is, for the rules to refuse.
    """
    match = re.fullmatch(r"(\d{1,2})\s*[:hg.]\s*(\d{2})?", value.strip().lower())
    return f"{int(match[1]):02d}:{match[2] or '00'}" if match else value.strip()


def _whole(value: str) -> int:
    return read_whole(value, most=10**15) or 0


def _decimal(value: str) -> float:
    return float(read_decimal(value) or 0)


_AS_IS = ("starts_at", "deadline", *(part for part in PARTS if part not in LISTED))
_NUMBERS = {"pace": _decimal, "cap_per_day": _whole, "budget_vnd": _whole}


def fill_form(data: Mapping[str, Any], *, kinds: Kinds) -> Form:
    """Return the form fields for a description."""
    kind = data.get("kind", DEFAULT_KIND)
    goal, urgent = data.get("goal", {}), data.get("urgent") or {}
    window = data.get("window") or ["", ""]
    form: Form = MultiDict(
        {
            "kind": kind,
            **{name: str(data.get(name, "")) for name in ("name", "sender", "text", *_AS_IS)},
            **{name: "1" if data.get(name) else "" for name in ("unaccented", "urgent")},
            **{name: _as_typed(data.get(name)) for name in _NUMBERS},
            "window_from": window[0],
            "window_to": window[1],
            "goal_percent": _as_typed(round(goal["share"] * 100, 4)) if "share" in goal else "",
            "goal_denominator": _as_typed(goal.get("denominator")),
            **{f"goal_{name}": str(goal.get(name, "")) for name in ("date", "source")},
            **{f"urgent_{name}": urgent.get(name, "") for name in ("reason", "basis")},
        }
    )
    for name, substitute in data.get("fields", {}).items():
        form[_FIELD + name] = substitute
    for part in (*LISTED, "unaccented_languages"):
        form.setlist(part, list(data.get(part, ())))
    steps = data.get("step", ())
    form.setlist("step_text", [step["text"] for step in steps])
    form.setlist("step_days", [str(step.get("after_days", 0)) for step in steps])
    form.setlist("step_at", [step.get("at", "") for step in steps])
    fill_variants(form, data, list(steps))
    fill_content(form, merge(kinds.get(kind, {}), data.get("content", {})))
    return form


def fill_content(form: Form, content: Mapping[str, Any]) -> None:
    """Fill the form fields with a kind's texts."""
    form["content_of"] = form["kind"]
    fill_texts(form, content)


def _as_typed(number: float | None) -> str:
    """Format a number the Vietnamese way: 5.000.000, 0,5."""
    if number is None:
        return ""
    if number == int(number):
        return f"{int(number):,}".replace(",", ".")
    return str(number).replace(".", ",")


_ONE_LINE = ("text_b", "hold_out", "notice_template", "notice_text")  # variants but for the texts by language
_OF_STEP = ("text", "days", "at", *_ONE_LINE, *(f"texts.{code}" for code in OTHER_LANGUAGES))


def read_reminders(form: Form) -> list[dict[str, Any]]:
    """Return the rows of reminders as typed; a new row has empty variants.

    `key` finds a row's error, "" for an empty row, which is no reminder.
    """
    columns = [form.getlist(f"step_{name}") for name in _OF_STEP]
    rows: list[dict[str, Any]] = []
    written = 0
    for cells in islice(zip_longest(*columns, fillvalue=""), min(map(len, columns[:3]))):
        row: dict[str, Any] = dict(zip(_OF_STEP, cells, strict=True))
        texts = {code: row.pop(f"texts.{code}") for code in OTHER_LANGUAGES}
        key = f"step-{written}" if row["text"].strip() else ""
        written += bool(key)
        rows.append({**row, "texts": texts, "index": len(rows), "key": key})
    return rows


def read_first_variants(form: Form) -> dict[str, Any]:
    texts = {code: form.get(f"texts.{code}", "") for code in OTHER_LANGUAGES}
    return {name: form.get(name, "") for name in _ONE_LINE} | {"texts": texts}


def languages_written(form: Form) -> set[str]:
    """Return the languages in which at least one message is written."""
    return {
        code
        for code in OTHER_LANGUAGES
        if any([*form.getlist(f"texts.{code}"), *form.getlist(f"step_texts.{code}")])
    }


def fill_variants(form: Form, data: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> None:
    """Fill the form fields with the variants of a description."""
    for name in _ONE_LINE:
        first, *others = (step.get(name) or "" for step in (data, *steps))
        if name == "hold_out":
            first, *others = (
                f"{100 * each:g}".replace(".", ",") if each else "" for each in (first, *others)
            )
        form[name] = first
        form.setlist(f"step_{name}", others)
    for code in OTHER_LANGUAGES:
        form[f"texts.{code}"] = (data.get("texts") or {}).get(code, "")
        form.setlist(f"step_texts.{code}", [(step.get("texts") or {}).get(code, "") for step in steps])


def _variants(row: Mapping[str, Any], errors: dict[str, str], *, key: str) -> dict[str, Any]:
    variants: dict[str, Any] = {
        name: _lines(row[name]) for name in _ONE_LINE if name != "hold_out" and row[name].strip()
    }
    if written := {code: _lines(text) for code, text in row["texts"].items() if text.strip()}:
        variants["texts"] = written
    if share := row["hold_out"].strip().rstrip("%").strip():
        try:
            variants["hold_out"] = float(share.replace(",", ".")) / 100
        except ValueError:
            errors[key] = _("Phần giữ lại để đo là một con số phần trăm, ví dụ 10.")
    return variants


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def read_languages(session: Session, form: Form) -> dict[str, str]:
    """Return the languages that the form has fields for: those offered, and those already used in it."""
    used = {*languages_written(form), *form.getlist("languages"), *form.getlist("unaccented_languages")}
    offered = read_offered(session)
    return {code: name for code, name in OTHER_LANGUAGES.items() if code in offered or code in used}


def read_choices(session: Session, user: User, languages: Mapping[str, str]) -> dict[str, Any]:
    """Return the choices for the audience that the form offers this user; `languages` as `read_languages` returns them."""
    area = session.get(Area, user.area_code) if areas_of(session, user) is not None else None
    theirs = visible_to(session, user, Organisation.id)
    organisations = session.execute(select(Organisation.code, Organisation.name).where(theirs)).all()
    return {
        "lists": _lists(session, user),
        "organisations": sorted(organisations, key=lambda each: vietnamese_order(each.name)),
        "districts": _districts(session, user),
        "area": f"{area.kind} {area.name}" if area else "",  # which limits the user's audiences
        **CHOICES,
        "languages": {VIETNAMESE: LANGUAGES[VIETNAMESE], **languages},
        "segments": [(segment.id, segment.name) for segment in read_segments(session, user)],
    }


def read_list_fields(form: Form, lists: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the fields that texts may have, each with the lists that have it; those that the form has already come first."""
    fields: dict[str, list[str]] = {key.removeprefix(_FIELD): [] for key in form if key.startswith(_FIELD)}
    for each in lists:
        for name in each["fields"]:
            fields.setdefault(name, []).append(each["key"])
    return fields


def _lists(session: Session, user: User) -> list[dict[str, Any]]:
    """Return the lists that the user may write to, each with its number of people."""
    counts = select(Membership.list_id, func.count().label("people")).group_by(Membership.list_id).subquery()
    drafted = (
        select(CampaignList.list_id)
        .join(Campaign, Campaign.id == CampaignList.campaign_id)
        .where(Campaign.state == CampaignState.DRAFT)
    )
    rows = session.execute(
        select(
            Organisation.code,
            Organisation.name,
            ContactList.name.label("list"),
            ContactList.basis,
            ContactList.fields,
            counts.c.people,
        )
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(counts, counts.c.list_id == ContactList.id)
        .where(
            visible_to(session, user, ContactList.organisation_id),
            ~ContactList.hidden,
            or_(ContactList.archived_at.is_(None), ContactList.id.in_(drafted)),
        )
    ).all()
    return [
        {
            "key": f"{row.code}/{row.list}",
            "name": row.list,
            "organisation": row.name,
            "people": row.people or 0,
            "fields": row.fields,
            "is_closed": row.basis is LegalBasis.NONE,
        }
        for row in sorted(rows, key=lambda row: (vietnamese_order(row.name), vietnamese_order(row.list)))
    ]


def _districts(session: Session, user: User) -> list[dict[str, Any]]:
    """Return what the communes of the user's area lie in, a district or the province, by name, with these communes.

    `is_whole`: it may be chosen itself.
    """
    seen = areas_of(session, user)
    districts = [
        {
            "code": code,
            "is_whole": seen is None or code in seen,
            "name": name,
            "communes": [
                {"code": commune, "name": title}
                for commune, title in communes
                if seen is None or commune in seen
            ],
        }
        for code, name, communes in read_districts(session)
    ]
    return [district for district in districts if district["is_whole"] or district["communes"]]


def _first_lists(session: Session, user: User, list_id: int | None) -> list[str]:
    """Return the key of the list that a campaign is begun for, else of the only one that the user may write to. Raises NotFound."""
    if list_id:
        contact_list = find_list(session, list_id, user=user)
        return [f"{session.get_one(Organisation, contact_list.organisation_id).code}/{contact_list.name}"]
    keys = [each["key"] for each in _lists(session, user) if each["people"] and not each["is_closed"]]
    return keys if len(keys) == 1 else []


# What a new campaign begins with, whatever its kind.
USUAL = {"unaccented": True, "window": ["08:00", "20:00"], "pace": 20, "cap_per_day": 3}


def new_form(
    session: Session, user: User, list_id: int | None, *, kinds: Kinds, settings: Settings, wanted: str = ""
) -> Form:
    """Return a form with the usual values, those of the office among them, of the kind `wanted`, else the usual one if there is one."""
    kind = wanted if wanted in kinds else usual_kind(session, user, kinds)
    issuer = propose_issuer(session, user, list_id) or kinds.get(kind, {}).get("issuer", "")
    text, lists = "", _first_lists(session, user, list_id)
    list_name = lists[0].partition("/")[2] if list_id else ""
    if kind:
        text = suggest_text(
            read_content({**kinds[kind], "issuer": issuer}), takes_replies=settings.takes_replies
        )
    return fill_form(
        {
            "name": kinds[wanted]["title"] if wanted in kinds else list_name,
            "kind": kind,
            "lists": lists,
            "content": {"issuer": issuer},
            "sender": usual_sender(session, user),
            "text": text,
            **USUAL,
            "window": settings.sending_hours.split("-"),
            "budget_vnd": settings.campaign_budget_vnd or None,
        },
        kinds=kinds,
    )


def usual_kind(session: Session, user: User, kinds: Kinds) -> str:
    """Return the office's only kind, or the one that the user or the user's organisation wrote last; "" to have it chosen."""
    if len(kinds) == 1:
        return next(iter(kinds))
    own = Campaign.created_by == user.id
    if user.organisation_id:
        own = or_(own, Campaign.organisation_id == user.organisation_id)
    last = session.scalar(select(Campaign.kind).where(own).order_by(Campaign.id.desc()).limit(1))
    return last if last and last in kinds else ""


def suggest_anew(form: Form, kinds: Mapping[str, Mapping[str, Any]], *, takes_replies: bool) -> None:
    """Fill in the texts of the chosen kind, and its suggested message unless the officer has changed the earlier suggestion."""

    text, old_kind = form.get("text", ""), form.get("content_of", "")
    # Who writes stays, if it is not just what the old kind has.
    issuer, kinds_own = form.get("c.issuer", ""), kinds.get(old_kind, {}).get("issuer")
    new = {**kinds[form["kind"]], **({} if issuer in ("", kinds_own) else {"issuer": issuer})}

    def suggested(content: Mapping[str, Any]) -> str:
        return suggest_text(read_content(content), takes_replies=takes_replies)

    if not text.split() or (
        old_kind in kinds
        and text.split() == suggested({**kinds[old_kind], "issuer": issuer or kinds_own}).split()
    ):
        form["text"] = suggested(new)
    fill_content(form, new)


def propose_issuer(session: Session, user: User, list_id: int | None) -> str:
    """Return who a new campaign is written by: the organisation of the list that it is begun for, else the user's; "" for neither."""
    organisation_id = user.organisation_id
    if list_id:
        organisation_id = find_list(session, list_id, user=user).organisation_id
    organisation = session.get(Organisation, organisation_id) if organisation_id else None
    return organisation.name if organisation else ""


def usual_sender(session: Session, user: User) -> str:
    registered = session.scalar(
        select(Sender.name).where(Sender.registered_on.is_not(None)).order_by(Sender.name).limit(1)
    )
    latest = session.scalar(
        select(Campaign.sender)
        .where(visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.id.desc())
        .limit(1)
    )
    return registered or latest or ""


def usual_issuers(session: Session, user: User, form: Form) -> set[str]:
    """Return who usually writes a campaign: the user's organisation, those of its lists, and who the kind's file names."""
    codes = {key.partition("/")[0] for key in form.getlist("lists")} | {*form.getlist("organisations")}
    named = session.scalars(select(Organisation.name).where(Organisation.code.in_(codes)))
    of_kind = load_kinds().get(form.get("kind", ""), {}).get("issuer", "")
    return {*named, propose_issuer(session, user, None), of_kind}


def _is_reworded(form: Form, kinds: Kinds, issuers: set[str]) -> bool:
    """Return whether what residents read differs from what the kind suggests."""
    kind = form.get("kind", "")
    if kind not in kinds or form.get("content_of") != kind:
        return False
    texts, own = content_texts.split_content(kinds[kind])[0], kinds[kind].get("own_answers") or {}
    written = [key for key in form if key.startswith("c.") and ".languages." not in key]
    return (
        any(form[key].split() != texts.get(key[2:], "").split() for key in written if key != "c.issuer")
        or form.get("c.issuer", "") not in {*issuers, texts.get("issuer", "")}
        or any(form.get(f"own_means_{n}", "") != each.get("means", "") for n, each in own.items())
    )


def find_unusual(form: Form, *, kinds: Kinds, issuers: set[str]) -> dict[str, list[str]]:
    """Return by card what is set to something else than in a new form, of what a first campaign can leave as it is.

    `issuers` are the usual ones.
    """
    usual = fill_form(USUAL, kinds=kinds)

    def has(*names: str) -> bool:
        return any(value.strip() for name in names for value in form.getlist(name))

    def has_any(*starts: str) -> bool:
        return has(*(name for name in form if name.startswith(starts)))

    def differs(*names: str) -> bool:
        return any(form.get(name, "").strip() != usual.get(name, "") for name in names)

    found = {
        "whom": [
            (has("organisations"), _("mọi danh sách của tổ chức")),
            (has("also_in"), _("phải có cả trong danh sách khác")),
            (has("areas"), _("địa bàn")),
            (has("except"), _("trừ người trong danh sách")),
            (has(*CHOICES), _("điều kiện khác")),
        ],
        "words": [
            (not form.get("unaccented"), _("gửi có dấu")),
            (has("unaccented_languages"), _("bỏ dấu cả ở tiếng khác")),
            (has("text_b", "step_text_b"), _("hai nội dung để so")),
            (has("hold_out", "step_hold_out"), _("nhóm đối chứng")),
            (has("notice_text", "step_notice_text"), _("thông báo Zalo")),
            (has_any("texts.", "step_texts.") or has("page_language"), _("ngôn ngữ khác")),
            (bool(form.getlist("step_text")), _("nhắc lại")),
            (_is_reworded(form, kinds, issuers), _("câu hỏi, trang trả lời, lời đáp")),
        ],
        "when": [
            (has("urgent"), _("cảnh báo khẩn cấp")),
            (has("deadline"), _("thời hạn")),
            (differs("pace"), _("tốc độ gửi")),
            (differs("cap_per_day"), _("số tin tối đa mỗi ngày")),
            (has("budget_vnd"), _("ngân sách")),
            (differs("goal_percent") or has_any("goal_d", "goal_s"), _("mục tiêu")),
        ],
    }
    return {card: [name for is_set, name in each if is_set] for card, each in found.items()}
