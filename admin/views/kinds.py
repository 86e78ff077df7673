"""Kinds of campaign: those that come with Loa to read, those made in the office to edit, with a preview and a test of their words."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from admin.views import campaign_fields as fields
from admin.views.base import AdminPage
from admin.views.campaign_form import preview_page
from admin.wording.campaigns import name_errors
from admin.wording.errors import show_error
from admin.wording.progress import did_of
from campaigns.planning import kinds as planning
from campaigns.planning.drafts import suggest_text
from campaigns.rules.content import read_content
from campaigns.rules.kind_words import propose_content, propose_says, propose_vocabulary, read_words
from campaigns.rules.own_answers import NUMBERS
from outreach.accounts.permissions import is_province_staff
from outreach.contacts.languages import read_offered
from outreach.rules.errors import LoaError, NotFound, or_raise

# Lists of words: of the vocabulary's parts.
VOCABULARY = {
    "verbs": _l("Từ chỉ việc cần làm"),
    "done": _l("Từ tiếng Anh chỉ việc đã làm xong (nếu có)"),
    "things": _l("Từ chỉ vật, nơi chốn của việc này"),
    "other_things": _l("Từ chỉ vật dễ nhầm với việc khác"),
}
# Of a new kind what it asks for and why is another than that of its origin; what its words are follows from the new answers.
_STEP_BUTTONS = {f"step-{n}" for n in range(1, 5)}
_ANEW = (
    "c.title",
    "c.asked",
    "c.why",
    "words_done",
    "words_owners",
    *(f"vocabulary_{part}" for part in VOCABULARY),
)
_BETWEEN = re.compile(r"[,;\n]+")
_OWN_TEXT = re.compile(r"own_answers\..*\.text")
# The fields of the questions, by the question.
_ASKED = {"c.title": 1, "c.asked": 1, "c.question": 2, "c.why": 2}


def _step_of(key: str) -> int:
    """Return the question that a faulty field belongs to."""
    if key.startswith(("c.own_answers", "own_")):
        return 3
    return _ASKED.get(key, 1 if key == "form" else 4)


class KindsView(AdminPage):
    """Not in the menu: the campaign form and the drives' page link here."""

    under = "campaigns"
    name, endpoint, url = "", "kinds", "/admin/kinds"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, user):
            kinds = planning.all_kinds(session)
            return self.render(
                "campaigns/kinds.html",
                kinds=[
                    {"code": code, "title": content["title"], "question": content["question"]}
                    | {"done": read_words(content).done, "is_made": planning.is_made(code)}
                    for code, content in kinds.items()
                ],
                may_edit=is_province_staff(session, user),
            )

    @expose("/new", methods=["GET", "POST"])
    def create(self) -> ResponseReturnValue:
        """Make a kind. `?of=` names the kind whose texts it starts from, else it starts from what all kinds say."""
        return self._edit(None, request.args.get("of", ""))

    @expose("/<code>/edit", methods=["GET", "POST"])
    def edit(self, code: str) -> ResponseReturnValue:
        return self._edit(code, code) if planning.is_made(code) else redirect(url_for(".page", code=code))

    @expose("/<code>/page")
    def page(self, code: str) -> ResponseReturnValue:
        """Show the answer page of a kind; its buttons work, nothing is recorded."""
        with self.reading() as (session, _user):
            content = read_content(self._content(session, code))
        back = _("Các loại chiến dịch")
        return preview_page(content, self.settings, way_back=url_for(".index"), back=back)

    def _content(self, session: Session, code: str) -> dict[str, Any]:
        return or_raise(planning.office_kinds(session).get(code), NotFound("kind_not_found", code=code[:40]))

    def _edit(self, code: str | None, source: str) -> ResponseReturnValue:
        form: fields.Form = MultiDict(request.form)
        errors: dict[str, str] = {}
        with self.reading() as (session, _user):
            content = self._content(session, source) if source else planning.BLANK
            edition = planning.find_kind(session, code).edition if code else ""
        if code is None and request.method == "POST":
            _forget_words(form, content)
            _propose(form)
        wish, step = form.get("wish", ""), form.get("step", 1, type=int)
        if request.method == "GET":
            _fill(form, content)
            form["since"] = edition
            if code is None:
                for name in _ANEW:
                    form[name] = ""
        elif wish == "language":
            fields.add_language(form, form.get("add_language", ""))
        elif wish in _STEP_BUTTONS:
            step = int(wish[5:])
        elif wish == "save":
            errors, saved = self._save(form, content, code)
            if not errors:
                if code:  # a new one is seen to be there in the form that it leads to
                    flash(_("Đã lưu loại chiến dịch."), "success")
                page = url_for(".index") if code else url_for("campaigns.create", kind=saved)
                return redirect(page, code=303)
            step = min(_step_of(key) for key in errors)
        with self.reading() as (session, _user):
            shown = self._show(session, form, code=code, step=step, errors=errors)
        return shown, 422 if errors else 200

    def _save(
        self, form: fields.Form, source: dict[str, Any], code: str | None
    ) -> tuple[dict[str, str], str]:
        """Save a kind. Returns what is to be put right, by field, and the kind's code."""
        made = _read(form)
        copied = planning.drop_copied(made, source, kinds=planning.load_kinds()) if code is None else {}
        left = _("Còn lời của loại gốc: “%(done)s”. Hãy viết lại cho loại mới.")
        errors = _errors(made) or {f"c.{path}": left % {"done": named} for path, named in copied.items()}
        if errors:
            return errors, ""
        try:
            if code is None:
                return {}, self.do(planning.create_kind, made).code
            return {}, self.do(planning.edit_kind, code, made, since=form.get("since", "")).code
        except LoaError as error:
            return {"form": show_error(error)}, ""

    def _show(
        self, session: Session, form: fields.Form, *, code: str | None, step: int, errors: dict[str, str]
    ) -> str:
        content, seen = _read(form), None
        with suppress(LoaError):  # what is not written yet is a gap in the preview
            seen = read_content(planning.GAPS | {key: part for key, part in content.items() if part})
        texts = fields.show_texts(
            form, errors, may_change=lambda path: not _OWN_TEXT.fullmatch(path), kind=code or ""
        )
        return self.render(
            "campaigns/kind.html",
            code=code,
            form=form,
            step=step,
            shown_errors=name_errors(errors),
            texts=replace(texts, main=[each for each in texts.main if each.key not in _ASKED]),
            asked={each.key: each for each in texts.main},
            **fields.show_languages(form, errors, offered=read_offered(session), kind=code or ""),
            vocabulary=VOCABULARY,
            proposed=content.get("vocabulary", {}),
            own_answers=content.get("own_answers", {}),
            means_names=fields.MEANS,
            numbers=NUMBERS,
            seen=seen,
            words=seen.words if seen else None,
            did=did_of(seen.words) if seen else "",
            message=suggest_text(seen, takes_replies=self.settings.takes_replies) if seen else "",
            tried=planning.try_words(content, form.get("tried", "").splitlines())
            if seen and form.get("tried")
            else [],
        )


def _forget_words(form: fields.Form, source: dict[str, Any]) -> None:
    """Forget how else an answer of the kind that a new one is made from was said, where the answer is another now."""
    for number, before in source.get("own_answers", {}).items():
        is_kept = form.get(f"own_words_{number}") == ", ".join(before.get("words", []))
        if is_kept and form.get(f"c.own_answers.{number}.text") != before["text"]:
            form[f"own_words_{number}"] = ""


def _propose(form: fields.Form) -> None:
    """Fill in what follows from the thing to be done and was left empty, so that a newcomer is not refused for it."""
    if form.get("c.title", "").strip():
        proposed = propose_content(_read(form))
        form["words_done"], form["c.question"] = proposed["done"], proposed["question"]
        for number, (means, text) in zip(NUMBERS, proposed["answers"], strict=False):
            form[f"own_means_{number}"], form[f"c.own_answers.{number}.text"] = means, text


def _fill(form: fields.Form, content: dict[str, Any]) -> None:
    fields.fill_texts(form, content)
    words = read_words(content)
    form["words_done"] = words.done if content.get("words") else ""
    form["words_owners"], form["words_agencies"] = words.owners, "1" if words.agencies else ""
    form["words_no_goal"] = "" if words.goal else "1"
    own = content.get("own_answers", {})
    for number in NUMBERS:
        form[f"own_words_{number}"] = ", ".join(own.get(number, {}).get("words", []))
    form["health"] = "1" if content.get("health") else ""
    for part in VOCABULARY:
        form[f"vocabulary_{part}"] = ", ".join(content.get("vocabulary", {}).get(part, []))


def _read(form: fields.Form) -> dict[str, Any]:
    """Return the content that the form describes."""
    content = fields.read_texts(form)
    content.pop("words", None)
    content.pop("vocabulary", None)
    content.pop("health", None)
    if form.get("health"):
        content["health"] = True
    words: dict[str, Any] = {
        name: " ".join(form.get(f"words_{name}", "").split()) for name in ("done", "owners")
    }
    content["words"] = {name: text for name, text in words.items() if text}
    if form.get("words_agencies"):
        content["words"]["agencies"] = True
    if form.get("words_no_goal"):
        content["words"]["goal"] = False
    lists = {part: _split(form.get(f"vocabulary_{part}", "")) for part in VOCABULARY}
    _read_own_answers(form, content)
    if not lists["verbs"] and content["words"].get("done"):
        lists |= propose_vocabulary(content["words"]["done"], str(content.get("question", "")))
    if lists["verbs"]:
        content["vocabulary"] = {part: found for part, found in lists.items() if found}
    return content


def _split(typed: str) -> list[str]:
    return [word for each in _BETWEEN.split(typed) if (word := " ".join(each.split()))]


def _read_own_answers(form: fields.Form, content: dict[str, Any]) -> None:
    """Number the typed answers anew from 1, in every language, each with what it amounts to."""
    typed = content.pop("own_answers", {})
    kept = [number for number in NUMBERS if typed.get(number, {}).get("text")]

    def said(number: str) -> list[str]:
        return _split(form.get(f"own_words_{number}", "")) or propose_says(typed[number]["text"])

    if kept:
        content["own_answers"] = {
            str(n): {name: part for name, part in typed[number].items() if name != "words"}
            | {"means": form.get(f"own_means_{number}", "")}
            | ({"words": words} if (words := said(number)) else {})
            for n, number in enumerate(kept, start=1)
        }
    for texts in content.get("languages", {}).values():
        translated = texts.pop("own_answers", {})
        if found := {str(n): translated[each] for n, each in enumerate(kept, start=1) if each in translated}:
            texts["own_answers"] = found


def _errors(content: dict[str, Any]) -> dict[str, str]:
    errors = fields.show_text_errors(content)
    if not errors:
        try:
            planning.check_kind(content)
        except LoaError as error:
            is_answer = error.code.startswith("content_own")
            errors["own_answers" if is_answer else "form"] = show_error(error)
    return errors
