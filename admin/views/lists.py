"""Organisations' lists: contents, imports, legal basis, new lists, and decisions on import issues."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import AdminPage, refuse
from outreach.contacts.lists import (
    create_list,
    read_imports,
    read_lists,
    read_organisations,
    read_uploads,
    record_basis,
)
from outreach.imports.decide_issue import MAX_ALIKE, birth_years, decide_issue
from outreach.imports.issues import BIRTH_UNCLEAR, OTHER_COMMUNE, Decision, count_similar, see_open_issues
from outreach.imports.retract_decision import read_last, retract_decision
from outreach.places.areas import read_place_names
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime


class ListsView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Danh sách"), endpoint="lists", url="/admin/lists")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        name = request.form.get("name", "")
        organisation_id = request.form.get("organisation", 0, type=int)
        try:
            created = self.do(
                create_list,
                name=name,
                organisation_id=organisation_id,
                basis=request.form.get("basis", ""),
                basis_note=request.form.get("basis_note", ""),
            )
        except BadInput as error:
            return self._show(error=str(error), name=name, organisation_id=organisation_id), 400
        flash(
            _("Đã tạo danh sách “%(name)s”. Tiếp theo, hãy nhập tệp vào danh sách.", name=created.name),
            "success",
        )
        return redirect(url_for(".show", list_id=created.id), code=303)

    @expose("/<int:list_id>/")
    def show(self, list_id: int) -> ResponseReturnValue:
        return self._show_list(list_id)

    @expose("/<int:list_id>/basis", methods=["POST"])
    def basis(self, list_id: int) -> ResponseReturnValue:
        """Record the legal basis for writing to the people of a list."""
        form_values = {key: request.form.get(key, "") for key in ("basis", "basis_note", "since")}
        try:
            self.do(
                record_basis,
                list_id,
                basis=form_values["basis"],
                since=form_values["since"],
                note=form_values["basis_note"],
            )
        except BadInput as error:
            return self._show_list(list_id, form_values=form_values, error=str(error)), 422
        flash(_("Đã ghi căn cứ nhắn tin. Mọi chiến dịch chưa gửi tính theo căn cứ này."), "success")
        return redirect(url_for(".show", list_id=list_id), code=303)

    def _show_list(self, list_id: int, *, form_values: dict[str, str] | None = None, error: str = "") -> str:
        with self.reading() as (session, user):
            lists = read_lists(session, user, list_id=list_id)
            if not lists:
                abort(404)
            imports = read_imports(session, list_id)
            uploads = read_uploads(session, user, list_id=list_id, only_open=True)
        page: str = self.render(
            "contacts/list.html",
            list=lists[0],
            imports=imports,
            uploads=uploads,
            typed=form_values or {},
            error=error,
        )
        return page

    @expose("/waiting")
    def waiting(self) -> ResponseReturnValue:
        """Show rows that wait for a decision, with full numbers: recorded in the audit log.

        `?list=` limits to one list.
        """
        list_id = request.args.get("list", type=int)
        now = datetime.now(UTC)
        rows, count = self.do(see_open_issues, list_id=list_id)
        with self.reading() as (session, user):
            alike = count_similar(session, rows)
            last = read_last(session, user, now=now)
            questions = [each for each in rows if each.issue.reason == OTHER_COMMUNE]
            codes = chain.from_iterable((each.lives_in, each.issue.cells["area_code"]) for each in questions)
            communes = read_place_names(session, codes)
        years = {
            each.issue.id: birth_years(each.issue.cells["birth_doubt"], this_year=now.year)
            for each in rows
            if each.issue.reason == BIRTH_UNCLEAR
        }
        return self.render(
            "contacts/review.html",
            rows=rows,
            count=count,
            alike=alike,
            most_alike=MAX_ALIKE,
            last=last,
            list_id=list_id,
            years=years,
            this_year=now.year,
            communes=communes,
        )

    @expose("/waiting/<int:issue_id>", methods=["POST"])
    def decide(self, issue_id: int) -> ResponseReturnValue:
        """Decide on an import issue.

        Field `decision`: its value, then behind a dot the answer to a question (a birth year or "moved"); `phone`: the
        corrected number; `alike`: apply to all rows of the file that wait for the same reason.
        """
        decision, _dot, detail = request.form.get("decision", "").partition(".")
        if decision not in list(Decision):
            abort(400)
        and_alike = bool(request.form.get("alike"))
        try:
            rows = self.do(
                decide_issue,
                issue_id,
                Decision(decision),
                secret_key=self.runtime.settings.secret_key,
                phone=request.form.get("phone", ""),
                birth_year=int(detail) if detail.isdecimal() else None,
                has_moved=detail == "moved",
                and_alike=and_alike,
            )
        except LoaError as error:
            flash(str(error), "error")
        else:
            if and_alike:
                flash(_("Đã quyết định như nhau cho %(n)s dòng.", n=rows), "success")
        return redirect(self._next(), code=303)

    @expose("/waiting/<int:issue_id>/retract", methods=["POST"])
    def retract(self, issue_id: int) -> ResponseReturnValue:
        """Retract the user's own decision, for all rows that it covered."""
        try:
            n_retracted = self.do(retract_decision, issue_id, secret_key=self.runtime.settings.secret_key)
        except LoaError as error:
            return refuse(error, self._next())
        flash(_("Đã hoàn tác: %(n)s dòng chờ quyết định trở lại.", n=n_retracted), "success")
        return redirect(self._next(), code=303)

    def _next(self) -> str:
        return url_for(".waiting", list=request.args.get("list", type=int), _anchor="next")

    def _show(self, *, error: str = "", name: str = "", organisation_id: int = 0) -> str:
        with self.reading() as (session, user):
            lists = read_lists(session, user)
            organisations = read_organisations(session, user)
            organisation_id = organisation_id or user.organisation_id or 0
        return self.render(
            "contacts/lists.html",
            lists=lists,
            organisations=organisations,
            error=error,
            name=name,
            organisation_id=organisation_id,
        )
