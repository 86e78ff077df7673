"""The form's fields for a text's variants: by language, a second one to compare with, a share left without it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from admin.views.campaign_choices import LANGUAGES as ALL_LANGUAGES

Form = MultiDict[str, str]

# Whose texts staff enter: everybody else gets the Vietnamese one.
LANGUAGES = {code: name for code, name in ALL_LANGUAGES.items() if code != "vi"}


def first_variants(form: Form, errors: dict[str, str]) -> dict[str, Any]:
    """Those of the first message, as in a campaign's file."""
    typed = {code: form.get(f"texts.{code}", "") for code in LANGUAGES}
    return _variants(form.get("text_b", ""), form.get("hold_out", ""), typed, errors, key="hold_out")


def step_variants(form: Form, errors: dict[str, str]) -> list[dict[str, Any]]:
    """Those of each reminder's row."""
    return [
        _variants(row["text_b"], row["hold_out"], row["texts"], errors, key="step")
        for row in variant_rows(form)
    ]


def variant_rows(form: Form) -> list[dict[str, Any]]:
    """What was typed in each reminder's row; a row that was just added has nothing."""
    columns = zip_longest(
        form.getlist("step_text"),
        form.getlist("step_text_b"),
        form.getlist("step_hold_out"),
        *(form.getlist(f"step_texts.{code}") for code in LANGUAGES),
        fillvalue="",
    )
    return [
        {"text_b": second, "hold_out": held, "texts": dict(zip(LANGUAGES, texts, strict=True))}
        for _text, second, held, *texts in columns
    ]


def languages_written(form: Form) -> set[str]:
    """The languages that some message is typed in."""
    return {
        code
        for code in LANGUAGES
        if any([*form.getlist(f"texts.{code}"), *form.getlist(f"step_texts.{code}")])
    }


def fill_variants(form: Form, data: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> None:
    """Put the variants of a description into the form's fields."""
    form["text_b"], form["hold_out"] = data.get("text_b") or "", _percent(data)
    form.setlist("step_text_b", [step.get("text_b") or "" for step in steps])
    form.setlist("step_hold_out", [_percent(step) for step in steps])
    for code in LANGUAGES:
        form[f"texts.{code}"] = (data.get("texts") or {}).get(code, "")
        form.setlist(f"step_texts.{code}", [(step.get("texts") or {}).get(code, "") for step in steps])


def _variants(
    second: str, held: str, texts: Mapping[str, str], errors: dict[str, str], *, key: str
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if second.strip():
        found["text_b"] = _lines(second)
    if written := {code: _lines(text) for code, text in texts.items() if text.strip()}:
        found["texts"] = written
    if typed := held.strip().rstrip("%").strip():
        try:
            found["hold_out"] = float(typed.replace(",", ".")) / 100
        except ValueError:
            errors[key] = _("Phần giữ lại để đo là một con số phần trăm, ví dụ 10.")
    return found


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _percent(table: Mapping[str, Any]) -> str:
    return f"{table['hold_out'] * 100:g}".replace(".", ",") if table.get("hold_out") else ""
