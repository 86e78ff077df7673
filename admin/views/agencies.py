"""Agencies' reports on their staff: figures against the goal, missing reports, rosters, links."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import AdminPage, uploaded_file
from campaigns.agencies.import_reports import RosterResult, read_roster, submit_file, submit_roster
from campaigns.agencies.links import LONGEST_DAYS, address_of, end_link, make_link, read_links
from campaigns.agencies.reports import (
    find_agency,
    read_counts,
    read_history,
    read_overview,
    submit_by_officer,
)
from campaigns.cases.conversation import visible_campaigns
from campaigns.goals.goals import read_staff_goal
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.sending_hours import VIETNAM
from campaigns.web.link_pages import FIELDS, read_day
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime

_NO_FILE = _l("Chưa chọn tệp. Hãy chọn tệp Excel, LibreOffice hoặc CSV.")
_DAYS = 14  # default lifetime of a link


class AgenciesView(AdminPage):
    under = "progress"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="agencies", url="/admin/agencies")
        self._keys = AnswerContext(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show all agencies. `?day=` is the day of the figures, by default today."""
        today = _today()
        try:
            day = min(read_day(request.args.get("day") or today.isoformat()), today)
        except BadInput:
            day = today
        with self.reading() as (session, user):
            overview = read_overview(session, user, day=day)
            goal = read_staff_goal(session, at=datetime.now(UTC))
        return self.render(
            "reports/agencies.html",
            overview=overview,
            goal=goal,
            today=today.isoformat(),
            day=day.isoformat(),
        )

    @expose("/<int:organisation_id>/")
    def show(self, organisation_id: int) -> ResponseReturnValue:
        return self._show(organisation_id)

    @expose("/<int:organisation_id>/report", methods=["POST"])
    def submit(self, organisation_id: int) -> ResponseReturnValue:
        form_values = {name: request.form.get(name, "")[:400] for name in FIELDS}
        try:
            self.do(
                submit_by_officer,
                organisation_id,
                read_counts(*(form_values[name] for name in FIELDS[1:4])),
                day=read_day(form_values["day"]),
                note=form_values["note"],
            )
        except BadInput as error:
            return self._show(organisation_id, form_values=form_values, error=str(error)), 422
        flash(_("Đã ghi số liệu."), "success")
        return redirect(url_for(".show", organisation_id=organisation_id), code=303)

    @expose("/<int:organisation_id>/roster", methods=["POST"])
    def roster(self, organisation_id: int) -> ResponseReturnValue:
        """Import the agency's staff by name.

        Its figures are counted from them; each install mark also counts in the campaign.
        """
        form_values = {name: request.form.get(name, "")[:400] for name in ("day", "note", "campaign")}
        try:
            with uploaded_file(error_message=str(_NO_FILE)) as path:
                people = read_roster(path)
            result = self.do(
                submit_roster,
                organisation_id,
                people,
                day=read_day(form_values["day"]),
                campaign_id=request.form.get("campaign", type=int),
                note=form_values["note"],
                keys=self._keys,
            )
        except LoaError as error:
            return self._show(organisation_id, roster=form_values, roster_error=str(error)), 422
        flash(_roster_message(result), "success")
        return redirect(url_for(".show", organisation_id=organisation_id), code=303)

    @expose("/<int:organisation_id>/link", methods=["POST"])
    def link(self, organisation_id: int) -> ResponseReturnValue:
        """Create a link. The page shows it while it is valid: users who see the agency may pass it on."""
        return self.do_and_tell(
            url_for(".show", organisation_id=organisation_id),
            _("Đã tạo liên kết. Hãy gửi cho đúng người."),
            make_link,
            organisation_id,
            holder=request.form.get("holder", ""),
            days=request.form.get("days", _DAYS, type=int),
        )

    @expose("/<int:organisation_id>/links/<int:link_id>/end", methods=["POST"])
    def end(self, organisation_id: int, link_id: int) -> ResponseReturnValue:
        url = url_for(".show", organisation_id=organisation_id)
        return self.do_and_tell(url, _("Đã ngừng liên kết."), end_link, link_id)

    @expose("/file", methods=["POST"])
    def file(self) -> ResponseReturnValue:
        """Import the figures of many agencies for one day from a file."""
        try:
            with uploaded_file(error_message=str(_NO_FILE)) as path:
                count = self.do(submit_file, path, day=read_day(request.form.get("day", "")))
        except LoaError as error:
            flash(str(error), "error")
        else:
            flash(_("Đã ghi số liệu của %(count)s cơ quan.", count=count), "success")
        return redirect(url_for(".index"), code=303)

    def _show(
        self,
        organisation_id: int,
        *,
        form_values: dict[str, str] | None = None,
        error: str = "",
        roster: dict[str, str] | None = None,
        roster_error: str = "",
    ) -> str:
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            agency = find_agency(session, organisation_id, user=user)
            history = read_history(session, organisation_id)
            links = [
                (link, address_of(link, self.runtime.settings))
                for link in read_links(session, organisation_id, now=now)
            ]
            return self.render(
                "reports/agency.html",
                agency=agency,
                history=history,
                links=links,
                typed=form_values or {"day": _today().isoformat()},
                error=error,
                roster=roster or {"day": _today().isoformat()},
                roster_error=roster_error,
                campaigns=visible_campaigns(session, user),
                today=_today().isoformat(),
                days=_DAYS,
                longest=LONGEST_DAYS,
            )


def _roster_message(result: RosterResult) -> str:
    report = result.report
    sentences = [
        _("Đã ghi: %(staff)s người, %(count)s người đã cài.", staff=report.staff, count=report.installed),
        _("Trong chiến dịch, %(count)s người được ghi là đã cài.", count=result.marked)
        if result.marked
        else "",
        _("%(count)s người không còn được tính.", count=result.taken_back) if result.taken_back else "",
        _(
            "%(count)s người đã tự trả lời khác; câu trả lời của họ được giữ nguyên.",
            count=result.contrary,
        )
        if result.contrary
        else "",
        _(
            "%(count)s số trong danh sách không nhận tin của chiến dịch nên chỉ tính vào số liệu của cơ quan.",
            count=result.strangers,
        )
        if result.strangers
        else "",
    ]
    return " ".join(filter(None, sentences))


def _today() -> date:
    return datetime.now(VIETNAM).date()
