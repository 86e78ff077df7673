"""A campaign that is being sent: its figures as they change, and pause, resume and cancel beside them."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import flash, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose

from admin.views.base import OfficeView
from campaigns.figures.running import read_panel
from campaigns.lifecycle import act, find_campaign
from campaigns.rings import ring_sweep
from campaigns.states import CampaignAction
from outreach.errors import LoaError
from outreach.runtime import Runtime

SHEET = "/admin/campaigns/{}/"


class RunningView(OfficeView):
    """Not in the menu: a campaign's sheet shows it."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(
            runtime, name="", endpoint="running", url="/admin/campaigns/<int:campaign_id>/running"
        )

    @expose("/")
    def panel(self, campaign_id: int) -> ResponseReturnValue:
        """The figures alone, for the page that shows them every second."""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            panel = read_panel(session, campaign, datetime.now(UTC), runtime=self.runtime)
        response = make_response(self.render("office/running_live.html", panel=panel))
        if panel.is_over:
            response.headers["X-Live"] = "end"
        return response

    @expose("/<any(pause, resume, cancel):action>", methods=["POST"])
    def act(self, campaign_id: int, action: str) -> ResponseReturnValue:
        """One press. With script the figures follow by themselves, without it the sheet comes anew."""
        is_script = request.headers.get("X-Requested-With") == "fetch"
        try:
            with self.writing() as (session, user):
                act(session, campaign_id, CampaignAction(action), user=user, now=datetime.now(UTC))
        except LoaError as error:
            if is_script:
                return str(error), 409
            flash(str(error), "error")
        else:
            ring_sweep(self.runtime.doorbell)
        return ("", 204) if is_script else redirect(SHEET.format(campaign_id), code=303)
