"""The reports behind a campaign's figures, one by one."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from flask_admin import expose

from admin.views.base import OfficeView
from campaigns.answers.models import Source
from campaigns.figures.installs import WantedReports, read_reports
from outreach.runtime import Runtime


class InstallsView(OfficeView):
    """Not in the menu: the figures lead here."""

    under = "progress"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(
            runtime, name="", endpoint="installs", url="/admin/campaigns/<int:campaign_id>/installs"
        )

    @expose("/")
    def index(self, campaign_id: int) -> ResponseReturnValue:
        """`?area=` a district's or commune's code, organisation, source; `all` with those taken back; `after`."""
        asked = request.args
        source = asked.get("source", "")
        wanted = WantedReports(
            standing="all" not in asked,
            source=Source(source) if source in list(Source) else None,
            area=asked.get("area", "")[:10],
            organisation_id=asked.get("organisation", type=int),
        )
        with self.reading() as (session, user):
            after = asked.get("after", type=int)
            reports = read_reports(session, campaign_id, wanted, user=user, after=after)
        kept = {name: value for name, value in asked.items() if value and name != "after"}
        return self.render(
            "office/installs.html",
            campaign_id=campaign_id,
            reports=reports,
            wanted=wanted,
            sources=list(Source),
            kept=kept,
            is_first=after is None,
        )
