"""Visit sheets for officers on foot: made by village, printed, entered with one key per line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import AdminPage, refuse
from campaigns.analytics.installs import list_launched
from campaigns.planning.kinds import needs_smartphone
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import RESULT_KEYS, VisitOutcome, read_keys
from campaigns.visits.candidates import CandidateVillage, find_candidates
from campaigns.visits.results import enter_results, undo_entry
from campaigns.visits.sheets import (
    SheetRow,
    create_sheet,
    find_sheet,
    list_sheets,
    print_sheet,
    read_lines,
    read_sheet,
)
from outreach.contacts.lists import read_names
from outreach.places.areas import read_districts, read_place_names
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime

_ALL_VILLAGES = "*"  # in the form: all villages on one sheet


class VisitsView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Đến từng nhà"), endpoint="visits", url="/admin/rounds")
        self._keys = AnswerContext(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List visit sheets.

        `?campaign=`, `?list=`, `?area=` also show the people there whom nothing has reached, by village.
        """
        return self._index()

    @expose("/", methods=["POST"])
    def make(self) -> ResponseReturnValue:
        form = request.form
        village = form.get("village", _ALL_VILLAGES)
        try:
            sheet = self.do(
                create_sheet,
                form.get("campaign", 0, type=int),
                list_id=form.get("list", type=int),
                area_code=form.get("area", "").replace("\0", "")[:10],
                village=None if village == _ALL_VILLAGES else village,
                officer=form.get("officer", "").replace("\0", ""),
                again=bool(form.get("again")),
            )
        except BadInput as error:
            return self._index(values=form, error=str(error)), 422
        flash(_("Đã lập phiếu. Hãy in và giao cho người đi."), "success")
        return redirect(url_for(".show", round_id=sheet.id), code=303)

    def _index(self, *, values: Any = None, error: str = "") -> str:
        values = request.args if values is None else values
        campaign_id, list_id = values.get("campaign", type=int), values.get("list", type=int)
        area = values.get("area", "").replace("\0", "")[:10]
        villages: list[CandidateVillage] | None = None
        with self.reading() as (session, user):
            campaigns = [(each, name) for each, name, _launched in list_launched(session, user)]
            if campaign_id in dict(campaigns) and (list_id is not None or area):
                try:
                    villages = find_candidates(
                        session,
                        campaign_id or 0,
                        list_id=list_id,
                        area_code=area or None,
                        user=user,
                        now=datetime.now(UTC),
                    )
                except BadInput as refused:
                    error = error or str(refused)
            area_codes = {each.area_code for each in villages or ()}
            page: str = self.render(
                "progress/visit_sheets.html",
                sheets=list_sheets(session, user),
                campaigns=campaigns,
                lists=read_names(session, user),
                districts=read_districts(session),
                campaign_id=campaign_id,
                list_id=list_id,
                area=area,
                villages=villages,
                communes=read_place_names(session, area_codes) if len(area_codes) > 1 else {},
                whole=_ALL_VILLAGES,
                error=error,
            )
        return page

    @expose("/<int:round_id>/")
    def show(self, round_id: int) -> ResponseReturnValue:
        return self._show(round_id)

    @expose("/<int:round_id>/enter", methods=["POST"])
    def enter(self, round_id: int) -> ResponseReturnValue:
        """Enter results: one key per line, all lines at once."""
        form_values = {
            int(name[1:]): text[:4]
            for name, text in request.form.items()
            if name[:1] == "k" and name[1:].isdecimal() and len(name) < 6
        }
        outcomes, wrong_lines = read_keys(form_values)
        if wrong_lines:
            error = _(
                "Chưa ghi gì. Phím ở dòng %(lines)s không đúng, hãy dùng các phím trong bảng.",
                lines=", ".join(map(str, wrong_lines)),
            )
            return self._show(round_id, form_values=form_values, error=error), 422
        try:
            visited_at = _moment(request.form.get("visited", ""))
            result = self.do(enter_results, round_id, outcomes, keys=self._keys, visited_at=visited_at)
        except BadInput as refused:
            return self._show(round_id, form_values=form_values, error=str(refused)), 422
        flash(
            _("Đã ghi %(n)s dòng.", n=result.saved) if result.saved else _("Không có gì thay đổi."),
            "success",
        )
        self._flash_outdated(result.outdated)
        return redirect(url_for(".show", round_id=round_id), code=303)

    @expose("/<int:round_id>/undo", methods=["POST"])
    def undo(self, round_id: int) -> ResponseReturnValue:
        url = url_for(".show", round_id=round_id)
        try:
            undone = self.do(undo_entry, round_id, keys=self._keys)
        except LoaError as error:
            return refuse(error, url)
        flash(_("Đã hoàn tác %(n)s dòng của lần ghi vừa rồi.", n=undone.saved), "success")
        self._flash_outdated(undone.outdated)
        return redirect(url, code=303)

    @expose("/<int:round_id>/sheet")
    def sheet(self, round_id: int) -> ResponseReturnValue:
        """Render a sheet for printing; `?numbers=1` with full numbers.

        The audit log records it and how many it shows.
        """
        with_numbers = bool(request.args.get("numbers"))
        sheet, lines = self.do(print_sheet, round_id, with_numbers=with_numbers)
        return self.render(
            "progress/visit_sheet_print.html",
            sheet=sheet,
            lines=lines,
            keys=_named_keys(sheet.kind),
            with_numbers=with_numbers,
            printed=datetime.now(VIETNAM),
        )

    def _show(self, round_id: int, *, form_values: dict[int, str] | None = None, error: str = "") -> str:
        with self.reading() as (session, user):
            find_sheet(session, round_id, user=user)
            lines = read_lines(session, round_id, user=user)
            sheet = read_sheet(session, round_id, user=user)
            page: str = self.render(
                "progress/visit_sheet.html",
                sheet=sheet,
                lines=lines,
                keys=_named_keys(sheet.kind),
                key_of={outcome: key for key, outcome in RESULT_KEYS.items()},
                counts={
                    outcome: n
                    for outcome in VisitOutcome
                    if (n := sum(line.outcome is outcome for line in lines))
                },
                typed=form_values or {},
                visited=request.form.get("visited") or f"{_last_visit(lines):%Y-%m-%dT%H:%M}",
                error=error,
            )
        return page

    def _flash_outdated(self, count: int) -> None:
        if count:
            flash(
                _("%(n)s người đã tự trả lời sau đó: câu trả lời của họ được giữ.", n=count),
                "warning",
            )


def _last_visit(lines: list[SheetRow]) -> datetime:
    """Return the latest visit entered, else now: most lines of a sheet are visited on one day."""
    visits = [line.visited_at for line in lines if line.visited_at]
    return max(visits, default=datetime.now(UTC)).astimezone(VIETNAM)


def _moment(text: str) -> datetime | None:
    """Parse the field's day and hour in Vietnam. Returns None if it is empty. Raises BadInput."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM) if text else None
    except ValueError as error:
        raise BadInput(_("Chưa ghi gì. “Đi lúc” không phải là ngày và giờ.")) from error


def _named_keys(kind: str) -> list[tuple[str, VisitOutcome]]:
    """Return the result keys of a kind.

    Without an app there is no key for "no smartphone"; the others keep theirs.
    """
    return [
        item
        for item in RESULT_KEYS.items()
        if item[1] is not VisitOutcome.NO_SMARTPHONE or needs_smartphone(kind)
    ]
