"""Campaigns: the list, and each one's sheet, from which it is submitted, returned, approved and launched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session

from admin.permissions import may_open
from admin.views.campaign_correcting import CampaignTextPages
from admin.views.campaign_sheet import read_campaigns, read_sheet
from admin.views.campaign_variants import LANGUAGES
from admin.views.campaign_words import sent_a_trial, show_doubts
from admin.views.ladder_words import ShownLift, show_lifts
from admin.views.text_names import own_texts
from campaigns.figures.lift import lifts_of
from campaigns.figures.running import read_panel
from campaigns.lifecycle import act, find_campaign
from campaigns.models import Campaign, Step
from campaigns.planning.approvals import Terms, read_terms
from campaigns.planning.correcting import may_be_corrected
from campaigns.planning.notices import ring_for_notices
from campaigns.planning.preview import EXAMPLE_NAME
from campaigns.planning.trial import send_trial
from campaigns.reach.reading import read_reach
from campaigns.rings import ring_send, ring_sweep
from campaigns.states import CampaignAction, CampaignState
from outreach.access.models import User
from outreach.access.users import organisations_of
from outreach.errors import BadInput, LoaError
from outreach.runtime import Runtime

PAGE = 25


class CampaignsView(CampaignTextPages):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Chiến dịch"), endpoint="campaigns", url="/admin/campaigns")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        wanted = request.args.get("state", "")
        state = CampaignState(wanted) if wanted in list(CampaignState) else None
        page = max(1, request.args.get("page", 1, type=int))
        with self.reading() as (session, user):
            rows, total = read_campaigns(session, user, state=state, page=page, size=PAGE)
        return self.render(
            "office/campaign_list.html",
            campaigns=rows,
            total=total,
            page=page,
            pages=-(-total // PAGE),
            states=list(CampaignState),
            state=state,
            may_write=may_open(current_user.role, "campaigns.create"),
        )

    @expose("/<int:campaign_id>/")
    def sheet(self, campaign_id: int) -> ResponseReturnValue:
        """`?tried` says that a test message has just been sent."""
        tried = sent_a_trial() if "tried" in request.args else ""
        with self.reading() as (session, user):
            return self._sheet(session, user, campaign_id, tried=tried)

    def _sheet(self, session: Session, user: User, campaign_id: int, **more: Any) -> str:
        campaign = find_campaign(session, campaign_id, user=user)
        now = datetime.now(UTC)
        audience = self.audiences.of_campaign(session, campaign)
        shown = read_sheet(session, campaign, audience, user=user, settings=self.runtime.settings, now=now)
        panel = read_panel(session, campaign, now, runtime=self.runtime) if shown.was_launched else None
        page: str = self.render(
            "office/campaign_sheet.html",
            sheet=shown,
            panel=panel,
            may_correct=may_open(user.role, "campaigns.texts") and may_be_corrected(campaign),
            own_texts=own_texts(shown.said.get("content", {}), campaign.kind),
            lifts=_read_lifts(session, campaign, user) if shown.was_launched else [],
            languages=LANGUAGES,
            page_languages=list(campaign.content.get("languages", {})),
            campaign_id=campaign_id,
            shown_doubts=show_doubts(shown.preview.doubts, is_live=self.runtime.settings.is_live),
            example_name=EXAMPLE_NAME,
            **more,
        )
        return page

    # -- steps of a campaign's life ----------------------------------------------------------------

    @expose("/<int:campaign_id>/submit", methods=["POST"])
    def submit(self, campaign_id: int) -> ResponseReturnValue:
        return self._move(campaign_id, CampaignAction.SUBMIT, _("Đã trình duyệt. Người duyệt sẽ được báo."))

    @expose("/<int:campaign_id>/return", methods=["POST"])
    def give_back(self, campaign_id: int) -> ResponseReturnValue:
        return self._move(campaign_id, CampaignAction.RETURN, _("Chiến dịch đã trở về bản nháp để sửa."))

    @expose("/<int:campaign_id>/approve", methods=["POST"])
    def approve(self, campaign_id: int) -> ResponseReturnValue:
        return self._move(campaign_id, CampaignAction.APPROVE, _("Đã duyệt. Chiến dịch có thể được gửi."))

    @expose("/<int:campaign_id>/launch", methods=["POST"])
    def launch(self, campaign_id: int) -> ResponseReturnValue:
        return self._move(
            campaign_id, CampaignAction.LAUNCH, _("Đã cho gửi. Tiến trình hiện ngay trên trang này.")
        )

    @expose("/<int:campaign_id>/discard", methods=["POST"])
    def discard(self, campaign_id: int) -> ResponseReturnValue:
        return self._move(
            campaign_id, CampaignAction.CANCEL, _("Đã bỏ chiến dịch này. Không có tin nào được gửi.")
        )

    def _move(self, campaign_id: int, action: CampaignAction, done: str) -> ResponseReturnValue:
        """One step; what refuses it is told on the sheet, with what was typed still there."""
        reason, now, terms = request.form.get("reason", ""), datetime.now(UTC), Terms()
        if action in (CampaignAction.APPROVE, CampaignAction.LAUNCH):
            with self.reading() as (session, user):
                campaign = find_campaign(session, campaign_id, user=user)
                terms = read_terms(session, campaign, settings=self.runtime.settings, now=now)
        try:
            with self.writing() as (session, user):
                campaign = act(session, campaign_id, action, user=user, now=now, reason=reason, terms=terms)
                state = campaign.state
        except LoaError as error:
            with self.reading() as (session, user):
                page = self._sheet(session, user, campaign_id, refused=str(error), typed_reason=reason)
            return page, 409
        if action in (CampaignAction.SUBMIT, CampaignAction.APPROVE, CampaignAction.RETURN):
            ring_for_notices(self.runtime, campaign_id)
        if state in (CampaignState.SENDING, CampaignState.CANCELLED):
            ring_sweep(self.runtime.doorbell)
        if action is CampaignAction.APPROVE and state is CampaignState.SUBMITTED:
            done = _("Đã ghi nhận lần duyệt thứ nhất. Cần thêm một người khác duyệt.")
        flash(done, "success")
        return redirect(url_for("campaigns.sheet", campaign_id=campaign_id), code=303)

    @expose("/<int:campaign_id>/test", methods=["POST"])
    def try_out(self, campaign_id: int) -> ResponseReturnValue:
        number = request.form.get("trial_number", "")
        try:
            with self.writing() as (session, user):
                campaign = find_campaign(session, campaign_id, user=user)
                wanted = request.form.get("step", 1, type=int)
                step: Step = next((s for s in campaign.steps if s.number == wanted), campaign.steps[0])
                send_trial(
                    session,
                    text=step.text,
                    unaccented=campaign.unaccented,
                    number=number,
                    user=user,
                    settings=self.runtime.settings,
                    now=datetime.now(UTC),
                    campaign_id=campaign_id,
                )
        except BadInput as error:
            with self.reading() as (session, user):
                page = self._sheet(session, user, campaign_id, trial_error=str(error), trial_number=number)
            return page, 422
        ring_send(self.runtime.doorbell)
        shown_there = url_for("campaigns.sheet", campaign_id=campaign_id, tried=1, _anchor="trial")
        return redirect(shown_there, code=303)


def _read_lifts(session: Session, campaign: Campaign, user: User) -> list[ShownLift]:
    if not any(step.hold_out or step.text_b for step in campaign.steps):
        return []
    seen = organisations_of(session, user)
    return show_lifts(lifts_of(campaign, read_reach(session, campaign, seen=seen, now=datetime.now(UTC))))
