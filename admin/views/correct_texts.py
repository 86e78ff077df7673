"""Preview of a campaign's answer page, and corrections to a launched campaign's texts that one person proposes and another confirms."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from admin.forms import Form as BaseForm
from admin.forms import NumberField, TextField
from admin.views.base import FormAction
from admin.views.campaign_fields import (
    Form,
    add_language,
    fill_texts,
    show_languages,
    show_texts,
    typed_texts,
)
from admin.views.campaign_form import CampaignFormPages
from admin.wording.campaigns import name_errors
from admin.wording.errors import show_error
from campaigns.lifecycle import find_campaign, prepare_correcting_campaign
from campaigns.planning.correct_texts import (
    apply_corrections,
    confirm_correction,
    drop_correction,
    may_be_corrected,
    propose_correction,
)
from campaigns.rules.content import Content, read_content
from campaigns.rules.content_texts import find_text_errors, is_correctable
from campaigns.rules.own_answers import GivenAnswer, read_word
from campaigns.rules.replies.labels import PAGE_LABELS, Label
from campaigns.rules.safety import SafetyStatus
from campaigns.web.answer_page import (
    MESSAGES,
    SENT,
    PagePreview,
    PageState,
    first_message,
    site_of,
    write_page,
)
from campaigns.web.responses import HEADERS
from outreach.contacts.languages import read_offered
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, LoaError


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
    state = PageState(
        campaign_id=0,
        launched_at=None,
        corrected_at=None,
        language=content.language,
        given=said.label if said else None,
        has_clicked=answer == "install",
        is_left_alone=said == GivenAnswer(Label.OPT_OUT),
        wants_reminder=said is not None and said.label is Label.NOT_YET,
        own_answer=said.own if said else None,
        sent=SENT[0] if answer in MESSAGES else "",
        is_about="about" in request.args,
        safety=(answer if answer in set(SafetyStatus) else "") if is_warning else None,
    )
    preview = PagePreview(
        note=_("Xem trước trang người dân sẽ thấy. Bấm thử được, không có gì được ghi lại."),
        language=str(get_locale()),
        way_back=way_back,
        back=back,
    )
    page = write_page(state, content, site_of(settings), message=message, preview=preview)
    return Response(page, headers=HEADERS, mimetype="text/html")


class CampaignTextPages(CampaignFormPages):
    @expose("/<int:campaign_id>/page")
    @expose("/<int:campaign_id>/page/<language>")
    def page(self, campaign_id: int, language: str = "vi") -> ResponseReturnValue:
        """Show the answer page as a resident sees it; its buttons work, but nothing is counted or recorded."""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            content = read_content(campaign.content, language)
            message = first_message(session, campaign_id, content, {})
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
            text_errors = find_text_errors(apply_corrections(content, texts))
            errors = {f"c.{path}": show_error(error) for path, error in text_errors.items()}
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
            shown_errors=name_errors(errors),
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
