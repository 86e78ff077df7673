"""The campaign form's fields, to and from the same table as a campaign's file; what is wrong stands beside its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from admin.views.campaign_variants import fill_variants, first_variants, step_variants
from admin.views.text_fields import fill_texts, read_texts
from campaigns.planning.content import merge, read_content
from campaigns.planning.draft import DEFAULT_KIND, Draft, read_draft
from campaigns.planning.editing import suggest_text
from campaigns.planning.text_checks import wrong_texts
from campaigns.planning.texts import take_apart
from outreach.errors import BadInput

Form = MultiDict[str, str]
Kinds = Mapping[str, Mapping[str, Any]]

# Enough of a campaign for one part to be checked by itself.
_SKELETON: dict[str, Any] = {"name": "-", "text": "-", "lists": ["-"], "sender": "LOA"}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent. `data` is the whole table; `draft` holds the parts that are right."""

    form: Form
    data: dict[str, Any]
    errors: dict[str, str]
    draft: Draft
    lists: tuple[str, ...]


def read_form(form: Form, *, kinds: Kinds) -> Filled:
    """Every field checked, each by the rules of `read_draft`; nothing is lost, whatever was typed."""
    data, errors = _gather(form, kinds=kinds)
    required = {
        "name": _("Hãy đặt tên cho chiến dịch, ví dụ “Vận động tháng 8, đợt 2”."),
        "text": _("Hãy viết nội dung tin nhắn."),
        "lists": _("Hãy chọn ít nhất một danh sách."),
        "sender": _("Hãy ghi tên người gửi đã đăng ký với nhà mạng."),
    }
    good: dict[str, Any] = {}
    for key, value in data.items():
        if key in errors:
            continue
        if key == "lists" and not value and data["organisations"]:
            continue
        if key in required and not value:
            errors[key] = required[key]
        elif key == "step":
            good[key] = _check_steps(value, errors, kinds)
        elif key == "content" and (wrong := wrong_texts(merge(kinds[data["kind"]], value))):
            errors |= {f"c.{path}": sentence for path, sentence in wrong.items()}
        elif sentence := _what_is_wrong({**_SKELETON, "kind": data["kind"], key: value}, kinds):
            errors[key] = sentence
        else:
            good[key] = value
    for key in ("deadline", "step"):  # what only shows when parts stand together
        if sentence := _what_is_wrong({**_SKELETON, **good}, kinds):
            errors.setdefault(key if key in good else "starts_at", sentence)
            good.pop(key, None)
    return Filled(
        form=form,
        data=data,
        errors=errors,
        draft=read_draft({**_SKELETON, **good}, kinds=kinds),
        lists=tuple(good.get("lists", ())),
    )


def _check_steps(steps: list[dict[str, Any]], errors: dict[str, str], kinds: Kinds) -> list[dict[str, Any]]:
    good = []
    for index, step in enumerate(steps):
        if sentence := _what_is_wrong({**_SKELETON, "step": [step]}, kinds):
            errors[f"step-{index}"] = sentence
        else:
            good.append(step)
    return good


def _what_is_wrong(data: dict[str, Any], kinds: Kinds) -> str:
    try:
        read_draft(data, kinds=kinds)
    except BadInput as error:
        return in_form_words(str(error))
    return ""


def in_form_words(sentence: str) -> str:
    """A rule's sentence with the form's own words where it names a key of the file."""
    names = {
        "pace": _("Tốc độ gửi"),
        "cap_per_day": _("Số tin tối đa mỗi ngày"),
        "budget_vnd": _("Ngân sách"),
        "starts_at": _("Bắt đầu gửi"),
        "deadline": _("Thời hạn"),
        "title": _("Việc cần làm"),
        "question": _("Câu hỏi"),
        "issuer": _("Cơ quan gửi"),
        "app.page": _("Trang tải ứng dụng"),
        "app.android": _("Liên kết Android"),
        "app.ios": _("Liên kết iPhone"),
    }
    for key, name in names.items():
        sentence = sentence.replace(f"“{key}”", f"“{name}”")
    return re.sub(r" \([a-z_]+\)", "", sentence)


def _gather(form: Form, *, kinds: Kinds) -> tuple[dict[str, Any], dict[str, str]]:
    errors: dict[str, str] = {}
    kind = form.get("kind") or DEFAULT_KIND
    data: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "kind": kind,
        "sender": form.get("sender", "").strip(),
        **{
            part: form.getlist(part)
            for part in ("lists", "organisations", "areas", "languages", "smartphone")
        },
        "text": form.get("text", "").replace("\r\n", "\n").strip(),
        "unaccented": bool(form.get("unaccented")),
        "step": _steps(form, errors),
        **first_variants(form, errors),
    }
    hours = [_clock(form.get("window_from", "")), _clock(form.get("window_to", ""))]
    if any(hours):
        data["window"] = hours
    for key in ("starts_at", "deadline", "answered"):
        if form.get(key, "").strip():
            data[key] = form[key].strip()
    for key, read in (("pace", _decimal), ("cap_per_day", _whole), ("budget_vnd", _whole)):
        _number(form, key, read, data, errors, into=key)
    if goal := _goal(form, errors):
        data["goal"] = goal
    # The texts shown were another kind's: the kind that was chosen brings its own.
    if kind in kinds and form.get("content_of") == kind:
        data["content"] = _content(form, kinds[kind])
    return data, errors


def _steps(form: Form, errors: dict[str, str]) -> list[dict[str, Any]]:
    steps = []
    columns = zip(
        form.getlist("step_text"),
        form.getlist("step_days"),
        form.getlist("step_at"),
        step_variants(form, errors),
        strict=False,
    )
    for text, days, clock, variants in columns:
        if not text.strip():
            continue
        step: dict[str, Any] = {
            "text": text.replace("\r\n", "\n").strip(),
            "after_days": days.strip(),
            **variants,
        }
        if days.strip().isdecimal():
            step["after_days"] = int(days)
        if clock.strip():
            step["at"] = _clock(clock)
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
    typed = form.get(name, "").strip().rstrip("%").strip()
    if not typed:
        return
    try:
        data[into] = read(typed)
    except ValueError:
        errors[name] = _("Hãy ghi một con số, ví dụ 5.000.000 hoặc 0,5.")


def _clock(typed: str) -> str:
    """08:30 for what people write: 8:30, 8h30, 8g30, 8h. Anything else stays, for the rules to refuse."""
    found = re.fullmatch(r"(\d{1,2})\s*[:hg.]\s*(\d{2})?", typed.strip().lower())
    return f"{int(found[1]):02d}:{found[2] or '00'}" if found else typed.strip()


def _whole(typed: str) -> int:
    """5.000.000 as Vietnamese write it."""
    return int(re.sub(r"[ .,\u00a0]", "", typed))


def _decimal(typed: str) -> float:
    return float(typed.replace(",", "."))


def _content(form: Form, base: Mapping[str, Any]) -> dict[str, Any]:
    texts, _rest = take_apart(base)
    return read_texts(form, over=texts)


def fill_form(data: Mapping[str, Any], *, kinds: Kinds) -> Form:
    """The fields of a form for a description."""
    kind = data.get("kind", DEFAULT_KIND)
    goal = data.get("goal", {})
    window = data.get("window") or ["", ""]
    form: Form = MultiDict(
        {
            "name": data.get("name", ""),
            "kind": kind,
            "sender": data.get("sender", ""),
            "text": data.get("text", ""),
            "unaccented": "1" if data.get("unaccented") else "",
            "window_from": window[0],
            "window_to": window[1],
            "starts_at": str(data.get("starts_at", "")),
            "deadline": str(data.get("deadline", "")),
            "pace": _typed(data.get("pace")),
            "cap_per_day": _typed(data.get("cap_per_day")),
            "budget_vnd": _typed(data.get("budget_vnd")),
            "goal_percent": _typed(round(goal["share"] * 100, 4)) if "share" in goal else "",
            "goal_denominator": _typed(goal.get("denominator")),
            "goal_date": str(goal.get("date", "")),
            "goal_source": goal.get("source", ""),
        }
    )
    for part in ("lists", "organisations", "areas", "languages", "smartphone"):
        form.setlist(part, list(data.get(part, ())))
    form["answered"] = data.get("answered", "")
    steps = data.get("step", ())
    form.setlist("step_text", [step["text"] for step in steps])
    form.setlist("step_days", [str(step.get("after_days", 0)) for step in steps])
    form.setlist("step_at", [step.get("at", "") for step in steps])
    fill_variants(form, data, list(steps))
    fill_content(form, merge(kinds.get(kind, {}), data.get("content", {})))
    return form


def fill_content(form: Form, content: Mapping[str, Any]) -> None:
    """Put a kind's texts into the form's fields."""
    form["content_of"] = form["kind"]
    fill_texts(form, content)


def suggest_anew(form: Form, kinds: Mapping[str, Mapping[str, Any]], *, takes_replies: bool) -> None:
    """The message of the kind that was chosen, unless the one that was suggested has been rewritten."""

    def suggested(kind: str) -> str:
        return suggest_text(read_content(kinds[kind]), takes_replies=takes_replies)

    typed, before = form.get("text", ""), form.get("content_of", "")
    if before in kinds and typed.split() in ([], suggested(before).split()):
        form["text"] = suggested(form["kind"])


def _typed(number: float | None) -> str:
    """As an officer would type it: 5.000.000, 0,5."""
    if number is None:
        return ""
    if number == int(number):
        return f"{int(number):,}".replace(",", ".")
    return str(number).replace(".", ",")
