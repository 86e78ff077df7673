"""Live figures of a campaign being sent, with its actions."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import flash, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _

from admin.forms import Form
from admin.views.base import AdminPage
from admin.wording.errors import show_error
from admin.wording.filters import number
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.delivery.reconcile import decide_unknown
from campaigns.lifecycle import find_campaign, perform_action
from campaigns.rules.states import CampaignAction
from outreach.rules.errors import LoaError

SHEET = "/admin/campaigns/{}/"


class SendingView(AdminPage):
    """Not in the menu: shown on a campaign's sheet."""

    name, endpoint, url = "", "sending", "/admin/campaigns/<int:campaign_id>/running"

    @expose("/")
    def panel(self, campaign_id: int) -> ResponseReturnValue:
        """Render the figures alone; the sheet polls this every second."""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            panel = read_sending_panel(session, campaign, datetime.now(UTC), runtime=self.runtime)
        response = make_response(self.render("campaigns/sending_live.html", panel=panel))
        if panel.is_over:
            response.headers["X-Live"] = "end"
        return response

    @expose("/<any(pause, resume, undo, cancel):action>", methods=["POST"])
    def act(self, campaign_id: int, action: str) -> ResponseReturnValue:
        """Perform an action.

        Called by script it returns 204 and the figures refresh; otherwise it redirects to the sheet.
        """
        if request.headers.get("X-Requested-With") == "fetch":
            try:
                self.do(perform_action, campaign_id, CampaignAction(action))
            except LoaError as error:
                return show_error(error), 422
            return "", 204
        undone = _("Đã thu hồi lệnh gửi. Chưa ai nhận tin; chiến dịch trở về “Đã duyệt”.")
        return self.submit_form(
            Form(),
            SHEET.format(campaign_id),
            perform_action,
            campaign_id,
            CampaignAction(action),
            message=undone if action == CampaignAction.UNDO else "",
        )

    @expose("/undecided/<any(resend, keep):choice>", methods=["POST"])
    def decide(self, campaign_id: int, choice: str) -> ResponseReturnValue:
        """Decide on messages whose outcome the gateway cannot tell: resend, or count as sent."""
        decide_unknown_messages(self, campaign_id, choice)
        return redirect(SHEET.format(campaign_id), code=303)


def decide_unknown_messages(view: AdminPage, campaign_id: int | None, choice: str) -> None:
    """Resend messages of unknown outcome or count them as sent, and flash how many there were."""
    is_resend = choice == "resend"
    key = view.secret_key
    count = view.do(decide_unknown, campaign_id, resend=is_resend, secret_key=key)
    if not count:
        flash(_("Không còn tin nào cần quyết định."), "info")
    elif is_resend:
        flash(_("Đã xếp %(count)s tin vào hàng để gửi lại.", count=number(count)), "success")
    else:
        flash(_("Đã ghi %(count)s tin là đã gửi.", count=number(count)), "success")
