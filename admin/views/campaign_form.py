"""The guided campaign form: create, edit or copy a campaign, with a preview of the message on a phone.

Saved segments (audiences) can be used, saved and removed in the form without losing what else was typed. The
audience counter is cached for a while: reading a million people takes seconds, counting an audience of theirs does not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from admin.views.base import AdminPage
from admin.views.campaign_fields import (
    CampaignFormData,
    Form,
    fill_content,
    fill_form,
    languages_written,
    list_key,
    read_choices,
    read_form,
    read_languages,
    suggest_anew,
    usual_sender,
    variant_rows,
)
from admin.views.text_fields import add_language, show_languages, show_texts
from admin.wording.campaigns import OTHER_LANGUAGES, name_errors, sent_a_trial, show_warnings
from admin.wording.errors import show_error
from campaigns.delivery.send_test_message import send_test_message
from campaigns.lifecycle import create_campaign, edit_campaign, find_campaign
from campaigns.models.campaigns import Campaign, Sender
from campaigns.planning.audience import (
    audience_query,
    build_audience_query,
    count_audience,
    lists_of_organisations,
    load_audience_counter,
    sample_names,
)
from campaigns.planning.drafts import (
    describe_campaign,
    find_areas,
    find_list,
    find_organisations,
    suggest_text,
)
from campaigns.planning.kinds import office_kinds
from campaigns.planning.preview import EXAMPLE_NAME, SAMPLE_SIZE, AudiencePreview, build_preview
from campaigns.planning.segments import PARTS, find_segment, remove_segment, save_segment
from campaigns.rules.audience import AudienceCounter, AudienceQuery
from campaigns.rules.content import read_content
from campaigns.rules.draft import DEFAULT_KIND, read_draft
from campaigns.rules.states import CampaignState
from campaigns.rules.warnings import CampaignWarning
from outreach.models.accounts import User
from outreach.models.contacts import ContactList, ListImport, Upload
from outreach.rules.errors import BadInput, LoaError, NotFound
from outreach.runtime import Runtime


class CampaignFormPages(AdminPage):
    """Create, edit, copy and preview. The list and the sheet are in `campaigns.py`."""

    def __init__(self, runtime: Runtime, **where: Any) -> None:
        super().__init__(runtime, **where)
        self.audiences = AudienceCache()

    @expose("/new", methods=["GET", "POST"])
    def create(self) -> ResponseReturnValue:
        if request.method == "POST":
            return self._post(None)
        with self.reading() as (session, user):
            copied_id = request.args.get("copy", type=int)
            form = self._copied_form(session, user, copied_id) if copied_id else self._new_form(session, user)
            if list_id := request.args.get("list", type=int):
                form.setlist("lists", [list_key(session, user, list_id)])
            return self._show(session, user, read_form(form, kinds=self._kinds()), campaign=None, fresh=True)

    @expose("/<int:campaign_id>/edit", methods=["GET", "POST"])
    def edit(self, campaign_id: int) -> ResponseReturnValue:
        if request.method == "POST":
            return self._post(campaign_id)
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            if campaign.state is not CampaignState.DRAFT:
                return redirect(url_for("campaigns.sheet", campaign_id=campaign_id))
            form = fill_form(describe_campaign(session, campaign, kinds=self._kinds()), kinds=self._kinds())
            return self._show(session, user, read_form(form, kinds=self._kinds()), campaign=campaign)

    @expose("/preview", methods=["POST"])
    def preview(self) -> ResponseReturnValue:
        """Render the preview and the figures alone, for a form being filled.

        `?quick` does not wait for a count.
        """
        filled = read_form(request.form, kinds=self._kinds())
        with self.reading() as (session, user):
            shown = self._preview_context(session, user, filled, may_count="quick" not in request.args)
        return self.render("campaigns/preview.html", filled=filled, **shown)

    # -- posting -----------------------------------------------------------------------------------

    def _post(self, campaign_id: int | None) -> ResponseReturnValue:
        kinds = self._kinds()
        form: Form = MultiDict(request.form)
        wish = form.get("wish", "look")
        if form.get("kind") in kinds and form.get("content_of", form["kind"]) != form["kind"]:
            suggest_anew(form, kinds, takes_replies=self.runtime.settings.takes_replies)
            fill_content(form, kinds[form["kind"]])
            wish = "look"
        filled = read_form(form, kinds=kinds)
        if wish == "save" and not filled.errors:
            try:
                return self._save(campaign_id, filled)
            except BadInput as error:
                filled.errors["lists"] = show_error(error)
            except LoaError as error:
                filled.errors["form"] = show_error(error)
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
                fresh=wish != "save",
                tried=tried,
                segment_message=segment_message,
            )
        return page, 422 if wish == "save" else 200

    def _save(self, campaign_id: int | None, filled: CampaignFormData) -> ResponseReturnValue:
        draft = read_draft(filled.data, kinds=self._kinds())
        if campaign_id is None:
            campaign_id = self.do(create_campaign, draft).id
        else:
            self.do(edit_campaign, campaign_id, draft)
        flash(_("Đã lưu bản nháp. Hãy đọc lại lần cuối rồi trình duyệt."), "success")
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
        """Send a test message of the first text. Returns the success message; an error goes into the form."""
        if "text" in filled.errors:
            filled.errors["trial"] = _("Hãy sửa nội dung tin trước khi gửi thử.")
            return ""
        try:
            self.do(
                send_test_message,
                text=filled.draft.steps[0].text,
                unaccented=filled.draft.unaccented,
                number=filled.form.get("trial_number", ""),
                settings=self.runtime.settings,
            )
        except BadInput as error:
            filled.errors["trial"] = show_error(error)
            return ""
        return sent_a_trial()

    # -- showing -----------------------------------------------------------------------------------

    def _show(
        self,
        session: Session,
        user: User,
        filled: CampaignFormData,
        *,
        campaign: Campaign | None,
        fresh: bool = False,
        tried: str = "",
        segment_message: str = "",
    ) -> str:
        senders = session.scalars(select(Sender).order_by(Sender.name)).all()
        kind, languages = filled.form.get("kind", ""), read_languages(session, filled.form)
        page: str = self.render(
            "campaigns/form.html",
            filled=filled,
            form=filled.form,
            # A form that was not sent yet shows no errors for fields that are still empty.
            errors={
                k: v
                for k, v in filled.errors.items()
                if not fresh or filled.form.get(k) or k in ("trial", "segment")
            },
            campaign={"id": campaign.id, "name": campaign.name} if campaign else None,
            kinds={name: kind["title"] for name, kind in self._kinds().items()},
            choices=read_choices(session, user, filled.form),
            senders=[sender.name for sender in senders],
            texts=show_texts(filled.form, filled.errors, kind=kind),
            **show_languages(
                filled.form,
                filled.errors,
                offered=languages,
                written=languages_written(filled.form),
                kind=kind,
            ),
            anchors=_ANCHORS,
            reminders=_reminders(filled.form),
            languages=languages,
            first_variants=_first_variants(filled.form),
            shown_errors={} if fresh else name_errors(filled.errors),
            tried=tried,
            kept=segment_message,
            **self._preview_context(session, user, filled, may_count=request.method == "POST"),
        )
        return page

    def _preview_context(
        self, session: Session, user: User, filled: CampaignFormData, *, may_count: bool = True
    ) -> dict[str, Any]:
        """Return the context of the preview, from the valid parts of a form.

        Without `may_count` the page asks again.
        """
        query = self._audience_query(session, user, filled)
        is_counting = not may_count and not self.audiences.remembers(session, query)
        audience = AudiencePreview(0, {}, []) if is_counting else self.audiences.of(session, query)
        settings = self.runtime.settings
        seen = build_preview(session, filled.draft, audience, settings=settings, now=datetime.now(UTC))
        # No warning about an empty audience before one was chosen and counted.
        is_counted = bool(query.lists) and not is_counting
        doubts = [doubt for doubt in seen.doubts if is_counted or doubt is not CampaignWarning.EMPTY_AUDIENCE]
        return {
            "preview": seen,
            "is_counting": is_counting,
            "is_chosen": bool(query.lists),
            "shown_doubts": show_warnings(doubts, is_live=settings.is_live),
            "example_name": EXAMPLE_NAME,
        }

    def _audience_query(self, session: Session, user: User, filled: CampaignFormData) -> AudienceQuery:
        """Return the audience of the form's valid parts; adds errors about lists and areas to the form."""
        lists, conditions = set(), filled.draft.conditions
        try:
            lists = {find_list(session, user, name).id for name in filled.lists}
            owners = find_organisations(session, user, conditions.organisations)
            lists |= lists_of_organisations(session, [owner.code for owner in owners])
        except BadInput as error:
            filled.errors.setdefault("lists", show_error(error))
        areas: Sequence[str] = filled.draft.areas
        try:
            areas = find_areas(session, user, areas)
        except BadInput as error:
            filled.errors.setdefault("areas", show_error(error))
        return build_audience_query(session, filled.draft.kind, lists, areas, conditions)

    def _kinds(self) -> dict[str, dict[str, Any]]:
        with self.reading() as (session, _user):
            return office_kinds(session)

    # -- new forms ---------------------------------------------------------------------------------

    def _new_form(self, session: Session, user: User) -> Form:
        """Return a form with the values that officers of the Front use most often."""
        content = self._kinds()[DEFAULT_KIND]
        return fill_form(
            {
                "sender": usual_sender(session, user),
                "text": suggest_text(
                    read_content(content), takes_replies=self.runtime.settings.takes_replies
                ),
                "unaccented": True,
                "window": ["08:00", "20:00"],
                "pace": 20,
                "cap_per_day": 3,
                "goal": {"share": 0.5},
            },
            kinds=self._kinds(),
        )

    def _copied_form(self, session: Session, user: User, campaign_id: int) -> Form:
        """Return a form like an earlier campaign, without its dates; the lists' present contents count."""
        description: Mapping[str, Any] = describe_campaign(
            session, find_campaign(session, campaign_id, user=user), kinds=self._kinds()
        )
        values = {key: value for key, value in description.items() if key not in ("starts_at", "deadline")}
        return fill_form(
            {**values, "name": _("%(name)s (bản sao)", name=description["name"])}, kinds=self._kinds()
        )


# Anchors for links to errors that concern several fields; other errors link to their own field.
_ANCHORS = {
    "window": "window_from",
    "goal": "goal_percent",
    "trial": "trial_number",
    "segment": "segment",
    "form": "name",
}


def _reminders(form: Form) -> list[dict[str, Any]]:
    """Return the rows of reminders as typed.

    `key` finds a row's error, "" for an empty row, which is no reminder.
    """
    rows: list[dict[str, Any]] = []
    columns = zip(
        form.getlist("step_text"),
        form.getlist("step_days"),
        form.getlist("step_at"),
        variant_rows(form),
        strict=False,
    )
    written = 0
    for index, (text, days, clock, variants) in enumerate(columns):
        key = f"step-{written}" if text.strip() else ""
        written += bool(text.strip())
        rows.append({"index": index, "text": text, "days": days, "at": clock, "key": key, **variants})
    return rows


def _first_variants(form: Form) -> dict[str, Any]:
    texts = {code: form.get(f"texts.{code}", "") for code in OTHER_LANGUAGES}
    return {"text_b": form.get("text_b", ""), "hold_out": form.get("hold_out", ""), "texts": texts}


WISHES = ("use_segment", "save_segment", "remove_segment")


def act_on_segment(view: AdminPage, filled: CampaignFormData, wish: str) -> str:
    """Use, save or remove a segment. Returns the success message. Raises BadInput."""
    form = filled.form
    if wish == "save_segment":
        saved = view.do(save_segment, form.get("segment_name", ""), filled.data)
        form["segment"], form["segment_name"] = str(saved.id), ""
        return _("Đã lưu nhóm “%(name)s”. Chiến dịch sau chỉ cần chọn lại nhóm này.", name=saved.name)
    try:
        with view.runtime.db.read() as session:
            user = session.get_one(User, current_user.id)
            segment = find_segment(session, form.get("segment", 0, type=int), user=user)
    except NotFound:
        raise BadInput("saved_audience_not_chosen") from None
    if wish == "remove_segment":
        view.do(remove_segment, segment.id)
        return _("Đã xóa nhóm “%(name)s”. Các chiến dịch đã soạn không thay đổi.", name=segment.name)
    for part in PARTS:
        value = segment.data.get(part, [])
        form.setlist(part, value if isinstance(value, list) else [value])
    return _("Đã chọn người nhận theo nhóm “%(name)s”.", name=segment.name)


# A counter is kept for this many times its loading time: loading never takes more than a twentieth of the time.
_KEEP_FACTOR = 20.0
_KEEP_AT_LEAST_S = 1.0
_MOST_FROZEN = 100
_ListsVersion = tuple[int | None, int | None, datetime | None]


class AudienceCache:
    """Audience counters and counts of launched campaigns, cached per web process."""

    def __init__(self) -> None:
        self._counters: dict[str, tuple[float, _ListsVersion, datetime, AudienceCounter]] = {}
        self._frozen: dict[tuple[int, datetime | None], AudiencePreview] = {}
        self._loading = Lock()

    def of(self, session: Session, query: AudienceQuery) -> AudiencePreview:
        """Count an audience with the cached counter; `counted_at` is the time of its data."""
        if not query.lists:
            return AudiencePreview(0, {}, [])
        with self._loading:
            counter, at = self._counter(session, query.kind)
        return AudiencePreview(*counter.count(query, names=SAMPLE_SIZE), at, query.is_recorded)

    def remembers(self, session: Session, query: AudienceQuery) -> bool:
        """Return whether `of` answers without loading a counter."""
        return not query.lists or self._is_fresh(session, query.kind)

    def of_campaign(self, session: Session, campaign: Campaign) -> AudiencePreview:
        """Return a campaign's audience: frozen if it was launched, else as `of`."""
        if campaign.recipients is None:
            return self.of(session, audience_query(session, campaign))
        preview = self._frozen.get((campaign.id, campaign.launched_at))
        if preview is None:
            recipients, excluded = count_audience(session, campaign.id)
            names = sample_names(session, campaign.id, recipients=recipients, most=SAMPLE_SIZE)
            preview = AudiencePreview(recipients, excluded, names)
            if len(self._frozen) >= _MOST_FROZEN:
                self._frozen.clear()
            self._frozen[campaign.id, campaign.launched_at] = preview
        return preview

    def _counter(self, session: Session, kind: str) -> tuple[AudienceCounter, datetime]:
        if not self._is_fresh(session, kind):
            started, at, version = time.monotonic(), datetime.now(UTC), _lists_version(session)
            counter = load_audience_counter(session, kind)
            took = time.monotonic() - started
            self._counters[kind] = (
                started + took + max(_KEEP_AT_LEAST_S, took * _KEEP_FACTOR),
                version,
                at,
                counter,
            )
        _until, _lists, at, counter = self._counters[kind]
        return counter, at

    def _is_fresh(self, session: Session, kind: str) -> bool:
        cached = self._counters.get(kind)
        return cached is not None and cached[0] > time.monotonic() and cached[1] == _lists_version(session)


def _lists_version(session: Session) -> _ListsVersion:
    """Return a value that changes with each list and import: newly imported people must be counted."""
    return (
        session.scalar(select(func.max(ContactList.id))),
        session.scalar(select(func.max(ListImport.id))),
        session.scalar(select(func.max(Upload.ended_at))),
    )
