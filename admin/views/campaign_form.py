"""The guided form: a campaign written, rewritten or copied, with the phone beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from admin.views.audiences import Audiences
from admin.views.base import OfficeView
from admin.views.campaign_choices import list_key, read_choices, usual_sender
from admin.views.campaign_fields import Filled, Form, fill_content, fill_form, read_form, suggest_anew
from admin.views.campaign_segments import WISHES, act_on_segment
from admin.views.campaign_variants import LANGUAGES, languages_written, variant_rows
from admin.views.campaign_words import name_errors, sent_a_trial, show_doubts
from admin.views.text_fields import add_language, show_languages, show_texts
from campaigns.lifecycle import create_campaign, edit_campaign, find_campaign
from campaigns.models import Campaign, Sender
from campaigns.planning.audience import lists_of_organisations, make_whom
from campaigns.planning.content import read_content
from campaigns.planning.doubts import Doubt
from campaigns.planning.draft import DEFAULT_KIND, read_draft
from campaigns.planning.editing import describe, find_areas, find_list, find_organisations, suggest_text
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import EXAMPLE_NAME, Audience, preview
from campaigns.planning.trial import send_trial
from campaigns.planning.whom import Whom
from campaigns.rings import ring_send
from campaigns.states import CampaignState
from outreach.access.models import User
from outreach.errors import BadInput, LoaError
from outreach.runtime import Runtime


class CampaignFormPages(OfficeView):
    """Create, edit, copy, preview. The list and the sheet stand in `campaigns.py`."""

    def __init__(self, runtime: Runtime, **where: Any) -> None:
        super().__init__(runtime, **where)
        self.audiences = Audiences()

    @expose("/new", methods=["GET", "POST"])
    def create(self) -> ResponseReturnValue:
        if request.method == "POST":
            return self._take(None)
        with self.reading() as (session, user):
            copied = request.args.get("copy", type=int)
            form = self._copy(session, user, copied) if copied else self._suggest(session, user)
            if begun := request.args.get("list", type=int):
                form.setlist("lists", [list_key(session, user, begun)])
            return self._show(session, user, read_form(form, kinds=load_kinds()), campaign=None, fresh=True)

    @expose("/<int:campaign_id>/edit", methods=["GET", "POST"])
    def edit(self, campaign_id: int) -> ResponseReturnValue:
        if request.method == "POST":
            return self._take(campaign_id)
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            if campaign.state is not CampaignState.DRAFT:
                return redirect(url_for("campaigns.sheet", campaign_id=campaign_id))
            form = fill_form(describe(session, campaign, kinds=load_kinds()), kinds=load_kinds())
            return self._show(session, user, read_form(form, kinds=load_kinds()), campaign=campaign)

    @expose("/preview", methods=["POST"])
    def preview(self) -> ResponseReturnValue:
        """The phone and the figures alone, for the form that is being filled; `?quick` does not wait for a count."""
        filled = read_form(request.form, kinds=load_kinds())
        with self.reading() as (session, user):
            shown = self._foresee(session, user, filled, may_count="quick" not in request.args)
        return self.render("office/campaign_preview.html", filled=filled, **shown)

    # -- taking ------------------------------------------------------------------------------------

    def _take(self, campaign_id: int | None) -> ResponseReturnValue:
        kinds = load_kinds()
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
                filled.errors["lists"] = str(error)
            except LoaError as error:
                filled.errors["form"] = str(error)
        elif wish == "step":
            form.setlist("step_text", [*form.getlist("step_text"), ""])
            form.setlist("step_days", [*form.getlist("step_days"), "2"])
            form.setlist("step_at", [*form.getlist("step_at"), "18:00"])
        elif wish == "language":
            add_language(form, form.get("add_language", ""))
        kept = ""
        if wish in WISHES:
            kept, filled = self._segment(wish, filled)
        tried = self._try(filled) if wish == "try" else ""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user) if campaign_id else None
            page = self._show(
                session, user, filled, campaign=campaign, fresh=wish != "save", tried=tried, kept=kept
            )
        return page, 422 if wish == "save" else 200

    def _save(self, campaign_id: int | None, filled: Filled) -> ResponseReturnValue:
        draft, now = read_draft(filled.data, kinds=load_kinds()), datetime.now(UTC)
        with self.writing() as (session, user):
            if campaign_id is None:
                campaign_id = create_campaign(session, draft, user=user, now=now).id
            else:
                edit_campaign(session, campaign_id, draft, user=user, now=now)
        flash(_("Đã lưu bản nháp. Hãy đọc lại lần cuối rồi trình duyệt."), "success")
        return redirect(url_for("campaigns.sheet", campaign_id=campaign_id), code=303)

    def _segment(self, wish: str, filled: Filled) -> tuple[str, Filled]:
        """What is said of it, good or bad, stands beside the segments."""
        try:
            with self.writing() as (session, user):
                said = act_on_segment(session, user, filled, wish, now=datetime.now(UTC))
        except BadInput as error:
            filled.errors["segment"] = str(error)
            return "", filled
        return said, read_form(filled.form, kinds=load_kinds())

    def _try(self, filled: Filled) -> str:
        """Send a test message of the first text. What is said of it stands beside its button, good or bad."""
        if "text" in filled.errors:
            filled.errors["trial"] = _("Hãy sửa nội dung tin trước khi gửi thử.")
            return ""
        try:
            with self.writing() as (session, user):
                send_trial(
                    session,
                    text=filled.draft.steps[0].text,
                    unaccented=filled.draft.unaccented,
                    number=filled.form.get("trial_number", ""),
                    user=user,
                    settings=self.runtime.settings,
                    now=datetime.now(UTC),
                )
        except BadInput as error:
            filled.errors["trial"] = str(error)
            return ""
        ring_send(self.runtime.doorbell)
        return sent_a_trial()

    # -- showing -----------------------------------------------------------------------------------

    def _show(
        self,
        session: Session,
        user: User,
        filled: Filled,
        *,
        campaign: Campaign | None,
        fresh: bool = False,
        tried: str = "",
        kept: str = "",
    ) -> str:
        senders = session.scalars(select(Sender).order_by(Sender.name)).all()
        kind = filled.form.get("kind", "")
        page: str = self.render(
            "office/campaign_form.html",
            filled=filled,
            form=filled.form,
            # A form that nobody has sent yet is not scolded for what is still empty.
            errors={
                k: v
                for k, v in filled.errors.items()
                if not fresh or filled.form.get(k) or k in ("trial", "segment")
            },
            campaign={"id": campaign.id, "name": campaign.name} if campaign else None,
            kinds={name: kind["title"] for name, kind in load_kinds().items()},
            choices=read_choices(session, user),
            senders=[sender.name for sender in senders],
            texts=show_texts(filled.form, filled.errors, kind=kind),
            **show_languages(filled.form, filled.errors, written=languages_written(filled.form), kind=kind),
            anchors=_ANCHORS,
            reminders=_reminders(filled.form),
            languages=LANGUAGES,
            first_variants=_first_variants(filled.form),
            shown_errors={} if fresh else name_errors(filled.errors),
            tried=tried,
            kept=kept,
            **self._foresee(session, user, filled, may_count=request.method == "POST"),
        )
        return page

    def _foresee(
        self, session: Session, user: User, filled: Filled, *, may_count: bool = True
    ) -> dict[str, Any]:
        """What the preview's template needs, of what is right in a form. Without `may_count` the page asks again."""
        whom = self._whom(session, user, filled)
        is_counting = not may_count and not self.audiences.remembers(session, whom)
        audience = Audience(0, {}, []) if is_counting else self.audiences.of(session, whom)
        settings = self.runtime.settings
        seen = preview(session, filled.draft, audience, settings=settings, now=datetime.now(UTC))
        # Nobody is missing where nobody was chosen or counted yet.
        is_counted = bool(whom.lists) and not is_counting
        doubts = [doubt for doubt in seen.doubts if is_counted or doubt is not Doubt.EMPTY_AUDIENCE]
        return {
            "preview": seen,
            "is_counting": is_counting,
            "is_chosen": bool(whom.lists),
            "shown_doubts": show_doubts(doubts, is_live=settings.is_live),
            "example_name": EXAMPLE_NAME,
        }

    def _whom(self, session: Session, user: User, filled: Filled) -> Whom:
        """Whom the form is for, without what is wrong in it."""
        lists, conditions = set(), filled.draft.conditions
        try:
            lists = {find_list(session, user, name).id for name in filled.lists}
            owners = find_organisations(session, user, conditions.organisations)
            lists |= lists_of_organisations(session, [each.code for each in owners])
        except BadInput as error:
            filled.errors.setdefault("lists", str(error))
        areas: Sequence[str] = filled.draft.areas
        try:
            areas = find_areas(session, user, areas)
        except BadInput as error:
            filled.errors.setdefault("areas", str(error))
        return make_whom(session, filled.draft.kind, lists, areas, conditions)

    # -- beginning ---------------------------------------------------------------------------------

    def _suggest(self, session: Session, user: User) -> Form:
        """What an officer of the Front would most often write."""
        content = load_kinds()[DEFAULT_KIND]
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
            kinds=load_kinds(),
        )

    def _copy(self, session: Session, user: User, campaign_id: int) -> Form:
        """An earlier campaign without its dates; what the lists hold now is what counts."""
        said: Mapping[str, Any] = describe(
            session, find_campaign(session, campaign_id, user=user), kinds=load_kinds()
        )
        kept = {key: value for key, value in said.items() if key not in ("starts_at", "deadline")}
        return fill_form({**kept, "name": _("%(name)s (bản sao)", name=said["name"])}, kinds=load_kinds())


# Where an error's link leads: the field, or for what is no single field its group.
_ANCHORS = {
    "window": "window_from",
    "goal": "goal_percent",
    "trial": "trial_number",
    "segment": "segment",
    "form": "name",
}


def _reminders(form: Form) -> list[dict[str, Any]]:
    """The rows of reminders as typed; an empty one has no error, as it is no reminder."""
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
    texts = {code: form.get(f"texts.{code}", "") for code in LANGUAGES}
    return {"text_b": form.get("text_b", ""), "hold_out": form.get("hold_out", ""), "texts": texts}
