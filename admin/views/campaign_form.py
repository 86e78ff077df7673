"""The guided campaign form: create, edit or copy a campaign, with a preview of the message on a phone and of the answer page; and
corrections to a launched campaign's texts, which one person proposes and another confirms.

The audience has a sentence, a query, and a name under which it is saved. Saved segments (audiences) can be used, saved and removed in the form without losing what else was typed. What is typed is
kept by `campaigns.planning.keep_form` as one writes.
"""

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import Response, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from admin.forms import Form as BaseForm
from admin.forms import NumberField, TextField
from admin.views.audience_cache import AudienceCache
from admin.views.base import AdminPage, FormAction, page_url
from admin.views.campaign_fields import (
    MEANS,
    CampaignFormData,
    Form,
    add_language,
    fill_form,
    fill_texts,
    find_unusual,
    languages_written,
    new_form,
    read_choices,
    read_first_variants,
    read_form,
    read_languages,
    read_list_fields,
    read_reminders,
    show_languages,
    show_text_errors,
    show_texts,
    suggest_anew,
    typed_texts,
    usual_issuers,
    usual_sender,
)
from admin.views.campaign_page import cards_to_open, sheet_context
from admin.wording import campaigns as wording
from admin.wording.errors import show_error
from admin.wording.filters import clock
from campaigns.delivery.office_phones import send_test_message
from campaigns.lifecycle import find_campaign, perform_action, prepare_correcting_campaign, save_form
from campaigns.models.campaigns import Campaign, Sender
from campaigns.planning import drafts
from campaigns.planning.audience import build_audience_query, estimate_recipients, lists_of_organisations
from campaigns.planning.correct_texts import (
    apply_corrections,
    confirm_correction,
    drop_correction,
    may_be_corrected,
    propose_correction,
)
from campaigns.planning.drives import counted_scopes, untold_campaigns
from campaigns.planning.keep_form import (
    FormVersion,
    KeptForm,
    WrittenMeanwhile,
    drop_form,
    find_kept,
    keep_form,
    key_of_campaign,
)
from campaigns.planning.kinds import office_kinds
from campaigns.planning.preview import (
    EXAMPLE_NAME,
    AudiencePreview,
    FieldFacts,
    ReadText,
    build_preview,
    example_values,
    read_texts,
)
from campaigns.rules.audience import Answered, AudienceQuery
from campaigns.rules.content import Content, read_content
from campaigns.rules.content_texts import ASKED, is_correctable
from campaigns.rules.draft import read_draft
from campaigns.rules.own_answers import NUMBERS, GivenAnswer, read_word
from campaigns.rules.replies.labels import PAGE_LABELS, Label
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.states import CampaignAction
from campaigns.rules.warnings import CampaignWarning
from campaigns.web import answer_page
from campaigns.web.responses import HEADERS
from outreach.accounts.permissions import is_province_staff
from outreach.contacts.languages import read_offered
from outreach.core.settings import Settings
from outreach.gateway_accounts import has_notices
from outreach.imports.issues import count_waiting
from outreach.models.accounts import Area, Organisation, User
from outreach.rules.errors import BadInput, LoaError, NotFound
from outreach.rules.sms_template import GAP_WORDS
from outreach.runtime import Runtime

WISHES = ("use_segment", "save_segment", "remove_segment")


def read_whom(session: Session, description: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the names of what a description's audience is made of, for its sentence."""
    chosen = Area.code.in_(description.get("areas", ()))
    areas = session.execute(select(Area.code, Area.kind + " " + Area.name).where(chosen)).all()
    organisations = session.execute(select(Organisation.code, Organisation.name)).all()
    return wording.show_whom(description, areas=dict(areas), organisations=dict(organisations))


def count_undecided(session: Session, user: User, lists: Collection[int]) -> dict[int, tuple[str, int]]:
    """Return the lists with rows that nobody has decided on, whose people get nothing yet: name and number of rows."""
    found: dict[int, tuple[str, int]] = {}
    for each in count_waiting(session, user, lists=lists) if lists else ():
        if each.review:
            found[each.list_id] = each.list_name, each.review + found.get(each.list_id, ("", 0))[1]
    return found


def read_query(session: Session, user: User, filled: CampaignFormData) -> AudienceQuery:
    """Return the audience of a form's valid parts; adds errors about lists and areas to the form."""
    draft, found = filled.draft, {}
    named = {"lists": filled.lists, "also_in": draft.also_in, "except": draft.excepted}
    for part, names in named.items():
        found[part] = set[int]()
        try:
            found[part] = {each.id for each in drafts.find_lists(session, user, names)}
        except BadInput as error:
            filled.errors.setdefault(part, show_error(error))
    try:
        owners = drafts.find_organisations(session, user, draft.conditions.organisations)
        found["lists"] |= lists_of_organisations(session, [owner.code for owner in owners])
    except BadInput as error:
        filled.errors.setdefault("lists", show_error(error))
    areas: Sequence[str] = draft.areas
    try:
        areas = drafts.find_areas(session, user, areas)
    except BadInput as error:
        filled.errors.setdefault("areas", show_error(error))
    query = build_audience_query(session, draft.kind, found, areas, draft.conditions)
    return replace(query, untold=untold_campaigns(session, query, user.organisation_id))


def act_on_segment(view: AdminPage, filled: CampaignFormData, wish: str) -> str:
    """Use, save or remove a segment. Returns the success message. Raises BadInput."""
    form = filled.form
    if wish == "save_segment":
        saved = view.do(drafts.save_segment, form.get("segment_name", ""), filled.data)
        form["segment"], form["segment_name"] = str(saved.id), ""
        return _("Đã lưu nhóm “%(name)s”. Chiến dịch sau chỉ cần chọn lại nhóm này.", name=saved.name)
    try:
        with view.runtime.db.read() as session:
            user = session.get_one(User, current_user.id)
            segment = drafts.find_segment(session, form.get("segment", 0, type=int), user=user)
    except NotFound:
        raise BadInput("saved_audience_not_chosen") from None
    if wish == "remove_segment":
        view.do(drafts.remove_segment, segment.id)
        return _("Đã xóa nhóm “%(name)s”. Các chiến dịch đã soạn không thay đổi.", name=segment.name)
    for part in drafts.PARTS:
        value = segment.data.get(part, [])
        form.setlist(part, value if isinstance(value, list) else [value])
    return _("Đã chọn người nhận theo nhóm “%(name)s”.", name=segment.name)


# Fields that are the page's own, not the campaign's.
_NOT_KEPT = {
    "csrf_token",
    "wish",
    "key",
    "version",
    "writer",
    "campaign",
    "card",
    "trial_number",
    "shown_text",
}


@dataclass(frozen=True, slots=True)
class Writing(FormVersion):
    """What a page knows of how its form is kept.

    `restored`: what is shown was kept and is in no draft. `unkept`: what is shown was sent and not kept yet. `theirs`: what
    somebody else has kept meanwhile.
    """

    restored: KeptForm | None = None
    unkept: bool = False
    theirs: dict[str, Any] | None = None

    @property
    def theirs_as_json(self) -> str:
        return json.dumps(self.theirs, ensure_ascii=False) if self.theirs else ""


class CampaignFormPages(AdminPage):
    """Create, edit, copy and preview. The list and the sheet are in `campaigns.py`."""

    def __init__(self, runtime: Runtime, **where: Any) -> None:
        super().__init__(runtime, **where)
        self.audiences = AudienceCache(
            runtime.db, runtime.redis, passes_opt_outs=runtime.settings.urgent_passes_opt_outs
        )

    def form_page(self) -> str:
        return page_url(".sheet")

    @expose("/new", methods=["GET", "POST"])
    def create(self) -> ResponseReturnValue:
        if request.method == "POST":
            return self._post(None)
        with self.reading() as (session, user):
            key = request.args.get("key", "")
            kept = find_kept(session, key, user=user) if key else None
            if kept and kept.campaign_id:
                return redirect(url_for(".sheet", campaign_id=kept.campaign_id))
            writing = _new_writing(key or secrets.token_urlsafe(18), kept)
            if kept and kept.fields:
                form = _as_form(kept.fields)
                return self._show(
                    session,
                    user,
                    read_form(form, kinds=self._kinds()),
                    campaign=None,
                    fresh=True,
                    writing=writing,
                )
            copied_id, answered = request.args.get("copy", type=int), request.args.get("answered", "")
            list_id = request.args.get("list", type=int)
            form = (
                self._copied_form(session, user, copied_id, answered=answered)
                if copied_id
                else new_form(
                    session,
                    user,
                    list_id,
                    kinds=self._kinds(),
                    settings=self.settings,
                    wanted=request.args.get("kind", ""),
                )
            )
            filled = read_form(form, kinds=self._kinds())
            return self._show(session, user, filled, campaign=None, fresh=True, writing=writing)

    @expose("/<int:campaign_id>/edit", methods=["GET", "POST"])
    def edit(self, campaign_id: int) -> ResponseReturnValue:
        """Save a draft. What is not saved is shown again; with GET this leads to the campaign's page."""
        with self.reading() as (session, user):
            find_campaign(session, campaign_id, user=user)
        if request.method == "POST":
            return self._post(campaign_id)
        return redirect(url_for("campaigns.sheet", campaign_id=campaign_id))

    def show_draft(self, session: Session, user: User, campaign: Campaign) -> str:
        """Return the page of a draft as a form."""
        key = key_of_campaign(campaign.id)
        kept = find_kept(session, key, user=user)
        form = _as_form(kept.fields) if kept and kept.fields else self._draft_form(session, campaign)
        filled = read_form(form, kinds=self._kinds())
        return self._show(session, user, filled, campaign=campaign, writing=_new_writing(key, kept))

    @expose("/writing", methods=["POST"])
    def keep(self) -> ResponseReturnValue:
        """Keep a form as it is being written: in the draft once it is a valid one, else beside it."""
        form = request.form
        version = FormVersion(
            form.get("key", ""), form.get("version", 0, type=int), form.get("writer", "")[:40]
        )
        kinds = self._kinds()
        filled = read_form(form, kinds=kinds)
        try:
            if filled.errors or form.get("content_of") != form.get("kind"):
                fields = {name: values for name, values in form.lists() if name not in _NOT_KEPT}
                kept = self.do(keep_form, version, fields=fields)
            else:
                kept = self.do(save_form, version, read_draft(filled.data, kinds=kinds))
        except WrittenMeanwhile as error:
            return jsonify(self._theirs(error.kept)), 409
        except LoaError as error:
            return jsonify(error=show_error(error)), 422
        address = url_for("campaigns.sheet", campaign_id=kept.campaign_id) if kept.campaign_id else ""
        return jsonify(
            version=kept.version,
            at=clock(kept.written_at),
            key=kept.key,
            campaign=kept.campaign_id or "",
            address=address,
            action=url_for("campaigns.edit", campaign_id=kept.campaign_id) if kept.campaign_id else "",
            saved=not kept.fields,
            wrong=[
                {"at": _ANCHORS.get(key, key), "name": name or sentence}
                for key, name, sentence in wording.name_errors(filled.errors)
            ],
        )

    @expose("/writing/drop", methods=["POST"])
    def drop(self) -> ResponseReturnValue:
        """Forget what was written since the draft was saved, or a new campaign that was never saved."""
        key = request.form.get("key", "")
        number = key.removeprefix(key_of_campaign("")) if key.startswith(key_of_campaign("")) else ""
        url = url_for(".sheet", campaign_id=int(number)) if number.isdecimal() else url_for("admin.index")
        return self.submit_form(BaseForm(), drop_form, key, message=_("Đã bỏ phần viết dở."), page=url)

    def _theirs(self, kept: KeptForm) -> dict[str, Any]:
        """Return what somebody else has kept, for the page that shows both; saved into the draft, it is read from there."""
        fields = kept.fields
        if not fields and kept.campaign_id:
            with self.reading() as (session, user):
                campaign = find_campaign(session, kept.campaign_id, user=user)
                saved = self._draft_form(session, campaign)
                fields = {name: values for name, values in saved.lists() if name not in _NOT_KEPT}
        at = clock(kept.written_at)
        return {"by": kept.written_by, "at": at, "version": kept.version, "fields": fields}

    def _draft_form(self, session: Session, campaign: Campaign) -> Form:
        kinds = self._kinds()
        return fill_form(drafts.describe_campaign(session, campaign, kinds=kinds), kinds=kinds)

    @expose("/preview", methods=["POST"])
    def preview(self) -> ResponseReturnValue:
        """Render the preview and the figures alone, for a form being filled.

        `?quick` does not wait for a count.
        """
        filled = read_form(request.form, kinds=self._kinds())
        campaign_id = request.form.get("campaign", type=int)
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user) if campaign_id else None
            may_count = "quick" not in request.args
            shown = self._preview_context(session, user, filled, campaign=campaign, may_count=may_count)
        return self.render("campaigns/preview.html", **shown)

    # -- posting -----------------------------------------------------------------------------------

    def _post(self, campaign_id: int | None) -> ResponseReturnValue:
        kinds = self._kinds()
        form: Form = MultiDict(request.form)
        wish = form.get("wish", "look")
        writing = Writing(
            form.get("key") or (key_of_campaign(campaign_id) if campaign_id else secrets.token_urlsafe(18)),
            form.get("version", 0, type=int),
            form.get("writer", "")[:40],
            unkept=True,
        )
        if form.get("kind") in kinds and form.get("content_of", form["kind"]) != form["kind"]:
            suggest_anew(form, kinds, takes_replies=self.runtime.settings.takes_replies)
            wish = "look"
        filled = read_form(form, kinds=kinds)
        is_save = wish in ("save", "submit")
        if is_save:
            with self.reading() as (session, user):
                # Adds what is wrong with lists and places, each to its field.
                read_query(session, user, filled)
            try:
                if not filled.errors:
                    return self._save(writing, filled, is_submit=wish == "submit")
            except WrittenMeanwhile as error:
                filled.errors["form"] = show_error(error)
                writing = replace(writing, version=error.kept.version, theirs=self._theirs(error.kept))
            except LoaError as error:
                filled.errors[_field_of(error)] = show_error(error)
        elif wish == "step":
            form.setlist("step_text", [*form.getlist("step_text"), ""])
            form.setlist("step_days", [*form.getlist("step_days"), "2"])
            form.setlist("step_at", [*form.getlist("step_at"), "18:00"])
        elif wish == "language":
            add_language(form, form.get("add_language", ""))
        segment_message = ""
        if wish in WISHES:
            segment_message, filled = self._apply_segment(wish, filled)
        tried = self._send_test(filled) if wish == "try" else ""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user) if campaign_id else None
            page = self._show(
                session,
                user,
                filled,
                campaign=campaign,
                fresh=not is_save,
                tried=tried,
                segment_message=segment_message,
                writing=writing,
            )
        return page, 422 if is_save else 200

    def _save(self, writing: Writing, filled: CampaignFormData, *, is_submit: bool) -> ResponseReturnValue:
        draft = read_draft(filled.data, kinds=self._kinds())
        campaign_id = self.do(save_form, writing, draft).campaign_id
        if is_submit:
            self.do(perform_action, campaign_id, CampaignAction.SUBMIT)
            flash(_("Đã trình phê duyệt. Người duyệt sẽ được báo."), "success")
        else:
            flash(_("Đã lưu bản nháp. Hãy đọc lại lần cuối rồi trình phê duyệt."), "success")
        return redirect(url_for("campaigns.sheet", campaign_id=campaign_id), code=303)

    def _apply_segment(self, wish: str, filled: CampaignFormData) -> tuple[str, CampaignFormData]:
        """Apply a segment action. Returns the success message (an error goes into the form) and the form data."""
        try:
            message = act_on_segment(self, filled, wish)
        except BadInput as error:
            filled.errors["segment"] = show_error(error)
            return "", filled
        return message, read_form(filled.form, kinds=self._kinds())

    def _send_test(self, filled: CampaignFormData) -> str:
        """Send a test message of the text that is shown. Returns the success message; an error goes into the form."""
        if "text" in filled.errors:
            filled.errors["trial"] = _("Hãy sửa nội dung tin trước khi gửi thử.")
            return ""
        try:
            with self.reading() as (session, user):
                facts = self.audiences.facts(session, filled.draft.fields, read_query(session, user, filled))
            texts = {each.key: each for each in self._texts(filled, facts)}
            chosen = texts.get(filled.form.get("shown_text", "0")) or texts["0"]
            self.do(
                send_test_message,
                text=chosen.to_try,
                unaccented=filled.draft.unaccented,
                number=filled.form.get("trial_number", ""),
                settings=self.runtime.settings,
                fields=example_values(filled.draft.fields, facts),
            )
        except BadInput as error:
            filled.errors["trial"] = show_error(error)
            return ""
        return wording.sent_a_trial()

    # -- showing -----------------------------------------------------------------------------------

    def _show(
        self,
        session: Session,
        user: User,
        filled: CampaignFormData,
        *,
        campaign: Campaign | None,
        writing: Writing,
        fresh: bool = False,
        tried: str = "",
        segment_message: str = "",
    ) -> str:
        senders = session.scalars(select(Sender).order_by(Sender.name)).all()
        shown_errors = [] if fresh else wording.name_errors(filled.errors)
        seen = self._preview_context(
            session, user, filled, campaign=campaign, may_count=request.method == "POST"
        )
        stored: dict[str, Any] = {"sheet": None, "panel": None, "comments": {}, "open_comments": {}}
        if campaign is not None:
            preview = seen["preview"]
            stored = sheet_context(
                session, campaign, preview.audience, user=user, runtime=self.runtime, preview=preview
            )
        sheet, opened = (
            stored["sheet"],
            _card_to_open(filled, shown_errors, is_new=fresh and campaign is None),
        )
        if sheet and sheet.phase == "returned" and not shown_errors and not filled.form.get("card"):
            [opened] = cards_to_open(sheet, stored["open_comments"])
        kind, languages = filled.form.get("kind", ""), read_languages(session, filled.form)
        choices = read_choices(session, user, languages)
        errors = _errors_of_typed(filled) if fresh else filled.errors
        page: str = self.render(
            "campaigns/campaign.html",
            form=filled.form,
            errors=errors,
            wrong_cards={_card_of(key) for key in errors if key not in _ALWAYS_SHOWN},
            campaign=campaign,
            opened=[opened],
            writing=writing,
            makes_kinds=is_province_staff(session, user),
            kinds={name: kind["title"] for name, kind in self._kinds().items()},
            choices=choices,
            list_fields=read_list_fields(filled.form, choices["lists"]),
            senders=[sender.name for sender in senders],
            texts=show_texts(filled.form, filled.errors, may_change=lambda path: path != ASKED, kind=kind),
            means_names=MEANS,
            own_means=[
                (number, text, filled.form.get(f"own_means_{number}", ""))
                for number in NUMBERS
                if (text := filled.form.get(f"c.own_answers.{number}.text"))
            ],
            **show_languages(
                filled.form,
                filled.errors,
                offered=languages,
                written=languages_written(filled.form),
                kind=kind,
            ),
            anchors=_ANCHORS,
            reminders=read_reminders(filled.form),
            languages=languages,
            first_variants=read_first_variants(filled.form),
            has_notices=has_notices(session, self.runtime.settings),
            shown_errors=shown_errors,
            tried=tried,
            listed=drafts.LISTED,
            kept=segment_message,
            passes_opt_outs=self.runtime.settings.urgent_passes_opt_outs,
            **stored,
            **seen,
        )
        return page

    def _preview_context(
        self,
        session: Session,
        user: User,
        filled: CampaignFormData,
        *,
        campaign: Campaign | None,
        may_count: bool = True,
    ) -> dict[str, Any]:
        """Return the context of the preview, from the valid parts of a form.

        Without `may_count` the page asks again.
        """
        query = read_query(session, user, filled)
        if filled.draft.urgent and self.runtime.settings.urgent_passes_opt_outs:
            query = replace(query, passes_opt_outs=bool(filled.draft.urgent.basis))
        query = replace(query, scopes=counted_scopes(session, campaign))
        is_counting = False
        if campaign and campaign.corrects:
            audience = self.audiences.of_campaign(session, campaign)
        elif is_counting := not may_count and not self.audiences.remembers(session, query):
            audience = AudiencePreview(estimate_recipients(session, query), {}, [EXAMPLE_NAME])
        else:
            audience = self.audiences.of(session, query)
            if filled.draft.fields:
                audience = replace(audience, fields=self.audiences.facts(session, filled.draft.fields, query))
        settings = self.runtime.settings
        seen = build_preview(session, filled.draft, audience, settings=settings, now=datetime.now(UTC))
        # No warning about an empty audience before one was chosen and counted.
        is_counted = bool(query.lists) and not is_counting
        doubts = [doubt for doubt in seen.doubts if is_counted or doubt is not CampaignWarning.EMPTY_AUDIENCE]
        gaps = wording.tell_gaps(filled.draft)
        return {
            "gaps": gaps,
            "gap_fields": wording.list_gaps(filled.draft),
            "gap_words": GAP_WORDS,
            "unusual": find_unusual(
                filled.form, kinds=self._kinds(), issuers=usual_issuers(session, user, filled.form)
            ),
            "is_usual_sender": filled.form.get("sender") in {usual_sender(session, user)} - {""},
            "preview": seen,
            "who": read_whom(session, filled.data),
            "waiting": count_undecided(session, user, query.lists),
            "kind": filled.form.get("kind", ""),
            "sender": filled.form.get("sender", ""),
            "draft": filled.draft,
            "is_written": bool(filled.data["text"]),
            "holes": filled.holes,
            "content": read_content(filled.draft.content),
            "texts_read": self._texts(filled, audience.fields, seen.price_vnd),
            "shown_text": filled.form.get("shown_text", "0"),
            "language_names": wording.OTHER_LANGUAGES,
            "is_counting": is_counting,
            "is_chosen": bool(query.lists),
            "shown_doubts": wording.show_warnings(
                doubts,
                is_live=settings.is_live,
                gaps=gaps,
                odd_names=() if user.area_code else audience.odd_names,
            ),
            "example_name": EXAMPLE_NAME,
        }

    def _texts(
        self, filled: CampaignFormData, facts: Mapping[str, FieldFacts], price_vnd: int | None = None
    ) -> list[ReadText]:
        settings, now = self.runtime.settings, datetime.now(UTC)
        return read_texts(filled.draft, settings=settings, now=now, price_vnd=price_vnd, facts=facts)

    def _kinds(self) -> dict[str, dict[str, Any]]:
        with self.reading() as (session, _user):
            return office_kinds(session)

    # -- new forms ---------------------------------------------------------------------------------

    def _copied_form(self, session: Session, user: User, campaign_id: int, *, answered: str) -> Form:
        """Return a form like an earlier campaign, without its dates; the lists' present contents count.

        `answered` is whom it goes to by what they answered, "no" for a reminder, "" as the earlier one. The copy of a warning
        is none until somebody says that it is one.
        """
        description: Mapping[str, Any] = drafts.describe_campaign(
            session, find_campaign(session, campaign_id, user=user), kinds=self._kinds()
        )
        values = {key: value for key, value in description.items() if key not in _NOT_COPIED}
        if answered in tuple(Answered):
            name = _("%(name)s (nhắc lại)", name=description["name"])
            return fill_form({**values, "name": name, "answered": answered, "step": []}, kinds=self._kinds())
        return fill_form(
            {**values, "name": _("%(name)s (bản sao)", name=description["name"])}, kinds=self._kinds()
        )


def _new_writing(key: str, kept: KeptForm | None) -> Writing:
    restored = kept if kept and kept.fields else None
    return Writing(key, kept.version if kept else 0, secrets.token_urlsafe(12), restored)


def _as_form(fields: Mapping[str, Sequence[str]]) -> Form:
    return MultiDict([(name, value) for name, values in fields.items() for value in values])


_NOT_COPIED = ("starts_at", "deadline", "urgent")
# Anchors for links to errors that concern several fields; other errors link to their own field.
_ANCHORS = {
    "window": "window_from",
    "urgent": "urgent_reason",
    "goal": "goal_percent",
    "trial": "trial_number",
    "segment": "segment",
    "form": "name",
    "notice_template": "text-template",
    "notice_text": "text-notice",
}


def _field_of(error: LoaError) -> str:
    """Return the field of what only saving or submitting finds: a message's text by its step, else the lists; or none."""
    if not isinstance(error, BadInput):
        return "form"
    step = error.parameters.get("step")
    if not isinstance(step, int):
        return "lists"
    return "text" if step == 1 else f"step-{step - 2}"


# The cards of the form and the fields in each; a wrong field opens its card.
_CARDS = {
    "whom": (*drafts.PARTS, "segment"),
    "when": ("window", "starts_at", "deadline", "pace", "cap_per_day", "budget_vnd", "urgent", "goal"),
    "words": ("",),
}
# Fields that do not stand in "Thêm lựa chọn" of their card; a wrong sender neither.
_ALWAYS_SHOWN = ("name", "kind", "form", "trial", "lists", "text", "fields", "sender", "window", "starts_at")


def _errors_of_typed(filled: CampaignFormData) -> dict[str, str]:
    """Return the errors of a form that was not sent yet: nothing is wrong with fields that are still empty."""
    return {k: v for k, v in filled.errors.items() if filled.form.get(k) or k in ("trial", "segment")}


def _card_of(key: str) -> str:
    return next(card for card, fields in _CARDS.items() if key.startswith(fields))


def _card_to_open(filled: CampaignFormData, shown_errors: Sequence[object], *, is_new: bool) -> str:
    """Return the card that a form opens with: the one that was open, that of the first fault, or a new form's texts."""
    chosen = filled.form.get("card", "")
    if chosen in (*_CARDS, "check") and not shown_errors:
        return chosen
    wrong = {_card_of(key) for key in filled.errors if key not in ("name", "kind", "form")}
    return next((card for card in _CARDS if card in wrong), "words" if is_new else "check")


class WrongTextForm(BaseForm):
    """The text that was wrong: its step and variant."""

    step = NumberField(type="hidden", default=1)
    variant = TextField(type="hidden")


class ProposedForm(BaseForm):
    """A decision on a proposed correction, named by its time."""

    proposed_at = TextField(type="hidden")


def preview_page(
    content: Content,
    settings: Settings,
    *,
    way_back: str,
    back: str,
    message: str = "",
    is_warning: bool = False,
) -> Response:
    """Return the answer page as a resident sees it, after the answer that the request names; nothing is recorded."""
    answer, said = request.args.get("answer", ""), None
    with suppress(BadInput):
        said = read_word(answer, content.own_answers)
    if said and said.label not in PAGE_LABELS:
        said = None
    state = answer_page.PageState(
        campaign_id=0,
        launched_at=None,
        corrected_at=None,
        language=content.language,
        given=said.label if said else None,
        has_clicked=answer == "install",
        is_left_alone=said == GivenAnswer(Label.OPT_OUT),
        wants_reminder=said is not None and said.label is Label.NOT_YET,
        own_answer=said.own if said else None,
        sent=answer_page.SENT[0] if answer in answer_page.MESSAGES else "",
        is_about="about" in request.args,
        safety=(answer if answer in set(SafetyStatus) else "") if is_warning else None,
    )
    preview = answer_page.PagePreview(
        note=_("Xem trước trang người dân sẽ thấy. Bấm thử được, không có gì được ghi lại."),
        language=str(get_locale()),
        way_back=way_back,
        back=back,
    )
    page = answer_page.write_page(
        state, content, answer_page.site_of(settings), message=message, preview=preview
    )
    return Response(page, headers=HEADERS, mimetype="text/html")


class CampaignTextPages(CampaignFormPages):
    @expose("/<int:campaign_id>/page")
    @expose("/<int:campaign_id>/page/<language>")
    def page(self, campaign_id: int, language: str = "vi") -> ResponseReturnValue:
        """Show the answer page as a resident sees it; its buttons work, but nothing is counted or recorded."""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            content = read_content(campaign.content, language)
            message = answer_page.first_message(session, campaign_id, content, {})
        way_back = url_for("campaigns.sheet", campaign_id=campaign_id)
        return preview_page(
            content,
            self.settings,
            way_back=way_back,
            back=_("Về chiến dịch"),
            message=message,
            is_warning=bool(campaign.urgent_reason),
        )

    @expose("/<int:campaign_id>/texts", methods=["GET", "POST"])
    def texts(self, campaign_id: int) -> ResponseReturnValue:
        """Propose new texts of the answer page and of replies; a draft's are edited in the campaign form."""
        form: Form = MultiDict(request.form)
        if request.method == "POST":
            return self._correct(campaign_id, form)
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            if not may_be_corrected(campaign) or campaign.correction:
                return redirect(url_for("campaigns.sheet", campaign_id=campaign_id))
            fill_texts(form, campaign.content)
            form["since"] = campaign.corrected_at.isoformat() if campaign.corrected_at else ""
            return self._show_texts(session, user, campaign_id, form, {})

    def _correct(self, campaign_id: int, form: Form) -> ResponseReturnValue:
        texts, errors, is_save = typed_texts(form), {}, form.get("wish") == "save"
        with self.reading() as (session, user):
            content = find_campaign(session, campaign_id, user=user).content
        if is_save:
            errors = show_text_errors(apply_corrections(content, texts))
        else:
            add_language(form, form.get("add_language", ""))
        if is_save and not errors:
            try:
                n = self.do(propose_correction, campaign_id, texts, since=_read_since(form.get("since", "")))
            except LoaError as error:
                errors["form"] = show_error(error)
            else:
                message = (
                    _("Đã ghi %(n)s câu sửa. Chờ người khác xác nhận.", n=n)
                    if n
                    else _("Không có gì thay đổi.")
                )
                flash(message, "success")
                return redirect(url_for("campaigns.sheet", campaign_id=campaign_id), code=303)
        with self.reading() as (session, user):
            page = self._show_texts(session, user, campaign_id, form, errors)
        return page, 422 if errors else 200

    confirm_texts = FormAction("/<int:campaign_id>/texts/confirm", confirm_correction, ProposedForm).tells(
        lambda n: (
            _("Đã sửa %(n)s câu.", n=n) if n else _("Đã xác nhận. Chờ thêm một người duyệt khác xác nhận.")
        )
    )
    drop_texts = FormAction("/<int:campaign_id>/texts/drop", drop_correction, ProposedForm).tells(
        _l("Đã bỏ các câu sửa.")
    )
    # It prepares the draft of a correction to those who got a wrong text, and opens it in the form.
    correct = FormAction(
        "/<int:campaign_id>/correct",
        prepare_correcting_campaign,
        WrongTextForm,
        then=lambda draft: url_for("campaigns.sheet", campaign_id=draft.id),
    ).tells(_l("Đã soạn bản nháp tin đính chính. Hãy sửa lại nội dung rồi trình phê duyệt."))

    def _show_texts(
        self, session: Session, user: User, campaign_id: int, form: Form, errors: Mapping[str, str]
    ) -> str:
        campaign = find_campaign(session, campaign_id, user=user)

        def may_change(path: str) -> bool:
            return is_correctable(path) and (
                bool(campaign.content.get("app")) or "app" not in path.split(".")
            )

        return self.render(
            "campaigns/correct_texts.html",
            campaign={"id": campaign.id, "name": campaign.name},
            form=form,
            shown_errors=wording.name_errors(errors),
            texts=show_texts(form, errors, may_change=may_change, kind=campaign.kind),
            **show_languages(
                form, errors, offered=read_offered(session), may_change=may_change, kind=campaign.kind
            ),
        )


def _read_since(text: str) -> datetime | None:
    """Parse the hidden field `since`.

    Returns None if it is not valid, which is then refused as a concurrent correction.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
