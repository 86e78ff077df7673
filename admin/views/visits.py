"""Sheets for the officer who goes from door to door: made village by village, printed, entered with one key a line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from admin.views.base import AdminPage
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
    read_lines,
    read_sheet,
    record_print,
)
from outreach.contacts.lists import read_names
from outreach.models.accounts import User
from outreach.places.areas import read_districts, read_place_names
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime

_WHOLE = "*"  # in the form: all villages on one sheet


class VisitsView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Đến từng nhà"), endpoint="visits", url="/admin/rounds")
        self._keys = AnswerContext(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?campaign=`, `?list=`, `?area=` show whom nothing has reached there, by village."""
        return self._index()

    @expose("/", methods=["POST"])
    def make(self) -> ResponseReturnValue:
        form = request.form
        village = form.get("village", _WHOLE)
        try:
            with self.writing() as (session, user):
                made = create_sheet(
                    session,
                    form.get("campaign", 0, type=int),
                    list_id=form.get("list", type=int),
                    area_code=form.get("area", "").replace("\0", "")[:10],
                    village=None if village == _WHOLE else village,
                    officer=form.get("officer", "").replace("\0", ""),
                    again=bool(form.get("again")),
                    user=user,
                    now=datetime.now(UTC),
                )
        except BadInput as error:
            return self._index(asked=form, error=str(error)), 422
        flash(_("Đã lập phiếu. Hãy in và giao cho người đi."), "success")
        return redirect(url_for(".show", round_id=made.id), code=303)

    def _index(self, *, asked: Any = None, error: str = "") -> str:
        asked = request.args if asked is None else asked
        campaign_id, list_id = asked.get("campaign", type=int), asked.get("list", type=int)
        area = asked.get("area", "").replace("\0", "")[:10]
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
            several = {each.area_code for each in villages or ()}
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
                communes=read_place_names(session, several) if len(several) > 1 else {},
                whole=_WHOLE,
                error=error,
            )
        return page

    @expose("/<int:round_id>/")
    def show(self, round_id: int) -> ResponseReturnValue:
        return self._show(round_id)

    @expose("/<int:round_id>/enter", methods=["POST"])
    def enter(self, round_id: int) -> ResponseReturnValue:
        """One key for each line, all at once."""
        typed = {
            int(name[1:]): text[:4]
            for name, text in request.form.items()
            if name[:1] == "k" and name[1:].isdecimal() and len(name) < 6
        }
        outcomes, wrong = read_keys(typed)
        if wrong:
            error = _(
                "Chưa ghi gì. Phím ở dòng %(lines)s không đúng, hãy dùng các phím trong bảng.",
                lines=", ".join(map(str, wrong)),
            )
            return self._show(round_id, typed=typed, error=error), 422
        try:
            visited_at = _moment(request.form.get("visited", ""))
            with self.writing() as (session, user):
                done = enter_results(
                    session,
                    round_id,
                    outcomes,
                    user=user,
                    keys=self._keys,
                    now=datetime.now(UTC),
                    visited_at=visited_at,
                )
        except BadInput as refused:
            return self._show(round_id, typed=typed, error=str(refused)), 422
        flash(
            _("Đã ghi %(n)s dòng.", n=done.saved) if done.saved else _("Không có gì thay đổi."),
            "success",
        )
        self._say_outdated(done.outdated)
        return redirect(url_for(".show", round_id=round_id), code=303)

    @expose("/<int:round_id>/undo", methods=["POST"])
    def undo(self, round_id: int) -> ResponseReturnValue:
        undone: list[int] = []

        def act(session: Session, user: User, now: datetime) -> None:
            done = undo_entry(session, round_id, user=user, keys=self._keys, now=now)
            undone.extend((done.saved, done.outdated))

        back = url_for(".show", round_id=round_id)
        if refused := self.run_action(act, on_error_url=back):
            return refused
        flash(_("Đã hoàn tác %(n)s dòng của lần ghi vừa rồi.", n=undone[0]), "success")
        self._say_outdated(undone[1])
        return redirect(back, code=303)

    @expose("/<int:round_id>/sheet")
    def sheet(self, round_id: int) -> ResponseReturnValue:
        """To be printed: on record, and how many full numbers stand on it; `?numbers=1` asks for them."""
        with self.writing() as (session, user):
            found = read_sheet(session, round_id, user=user)
            with_numbers = bool(request.args.get("numbers"))
            lines = read_lines(session, round_id, user=user, with_numbers=with_numbers)
            numbers = sum(bool(line.phone) for line in lines) if with_numbers else 0
            record_print(session, round_id, numbers=numbers, user=user, now=datetime.now(UTC))
            return self.render(
                "progress/visit_sheet_print.html",
                sheet=found,
                lines=lines,
                keys=_named_keys(found.kind),
                with_numbers=with_numbers,
                printed=datetime.now(VIETNAM),
            )

    def _show(self, round_id: int, *, typed: dict[int, str] | None = None, error: str = "") -> str:
        with self.reading() as (session, user):
            find_sheet(session, round_id, user=user)
            lines = read_lines(session, round_id, user=user)
            found = read_sheet(session, round_id, user=user)
            page: str = self.render(
                "progress/visit_sheet.html",
                sheet=found,
                lines=lines,
                keys=_named_keys(found.kind),
                key_of={outcome: key for key, outcome in RESULT_KEYS.items()},
                counts={
                    outcome: n
                    for outcome in VisitOutcome
                    if (n := sum(line.outcome is outcome for line in lines))
                },
                typed=typed or {},
                visited=request.form.get("visited") or f"{_last_visit(lines):%Y-%m-%dT%H:%M}",
                error=error,
            )
        return page

    def _say_outdated(self, count: int) -> None:
        if count:
            flash(
                _("%(n)s người đã tự trả lời sau đó: câu trả lời của họ được giữ.", n=count),
                "warning",
            )


def _last_visit(lines: list[SheetRow]) -> datetime:
    """When the officer was there by what was entered last, else now: a sheet is mostly one round."""
    visits = [line.visited_at for line in lines if line.visited_at]
    return max(visits, default=datetime.now(UTC)).astimezone(VIETNAM)


def _moment(written: str) -> datetime | None:
    """The field's day and hour in Vietnam; None where it is empty. Raises BadInput."""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=VIETNAM) if written else None
    except ValueError as error:
        raise BadInput(_("Chưa ghi gì. “Đi lúc” không phải là ngày và giờ.")) from error


def _named_keys(kind: str) -> list[tuple[str, VisitOutcome]]:
    """The keys keep their numbers; without an app nobody is asked for a smartphone."""
    return [
        each
        for each in RESULT_KEYS.items()
        if each[1] is not VisitOutcome.NO_SMARTPHONE or needs_smartphone(kind)
    ]
