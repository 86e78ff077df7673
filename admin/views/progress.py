"""The leader's page: how far it is to the goal, whether it will be reached, who has to be pushed, what needs a decision."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import OfficeView
from admin.views.progress_charts import draw_charts
from admin.views.progress_words import OUTLOOKS, show_concern
from campaigns.figures import attention
from campaigns.figures.leaders.concerns import find_concerns
from campaigns.figures.leaders.measuring import furthest_behind
from campaigns.figures.leaders.reading import read_leaders
from campaigns.figures.places import list_launched
from campaigns.official import COLUMNS, enter_official, may_enter
from campaigns.rings import ring_count_reach
from campaigns.windows import VIETNAM
from outreach.errors import LoaError
from outreach.runtime import Runtime

COMMUNES_SHOWN = 10


class ProgressView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tiến độ"), endpoint="progress", url="/admin/progress")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?campaign=` chooses the campaign (the newest by itself), `?district=` the communes shown."""
        return self._show()

    @expose("/official", methods=["POST"])
    def official(self) -> ResponseReturnValue:
        """An official figure of a district, as somebody at the province's committee types it."""
        typed = {name: request.form.get(name, "").strip()[:400] for name in COLUMNS}
        try:
            with self.writing() as (session, user):
                enter_official(session, **typed, user=user, now=datetime.now(UTC))
        except LoaError as error:
            return self._show(typed=typed, error=str(error)), 422
        flash(_("Đã ghi số liệu."), "success")
        to = url_for(".index", campaign=request.args.get("campaign", type=int), _anchor="sources")
        return redirect(to, code=303)

    def _show(self, *, typed: dict[str, str] | None = None, error: str = "") -> str:
        now = datetime.now(UTC)
        redis = self.runtime.redis
        with self.reading() as (session, user):
            campaigns = list_launched(session, user)
            chosen = request.args.get("campaign", type=int) or (campaigns[0][0] if campaigns else None)
            if not chosen:
                return self.render("office/progress_empty.html")
            leaders = read_leaders(session, chosen, user=user, redis=redis, now=now)
            enters = leaders.official is not None and may_enter(session, user)
            submitted = [line.name for line in attention.read_submitted(session, user)]
            paused = [line.name for line in attention.read_paused(session, user)]
        if leaders.reach.is_due:
            ring_count_reach(self.runtime.doorbell, chosen)
        head = leaders.head
        concerns = find_concerns(
            has_goal=head.goal is not None,
            has_denominator=head.line.denominator is not None,
            share=head.line.share,
            outlook=head.outlook,
            districts=leaders.districts.lines,
            official={code: known.installed for code, known in (leaders.official or {}).items()},
            agencies_missing=leaders.agencies.missing if leaders.agencies else [],
            submitted=submitted,
            paused=paused,
        )
        all_communes = [line for table in leaders.communes.values() for line in table.lines]
        asked = request.args.get("district")
        district = next((line for line in leaders.districts.lines if line.code and line.code == asked), None)
        return self.render(
            "office/progress.html",
            campaigns=campaigns,
            leaders=leaders,
            head=head,
            outlook=OUTLOOKS[head.outlook],
            concerns=[show_concern(each, head) for each in concerns],
            as_of=now,
            has_app=leaders.agencies is not None,
            enters=enters,
            typed=typed or {},
            error=error,
            today=now.astimezone(VIETNAM).date().isoformat(),
            district=district,
            behind=furthest_behind(all_communes, most=COMMUNES_SHOWN),
            charts=draw_charts(leaders, today=now.astimezone(VIETNAM).date()),
        )
