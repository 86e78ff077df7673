"""Organisations' lists: what stands in each, what it was filled from, and a new one."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import OfficeView
from outreach.errors import BadInput, NotFound
from outreach.people.lists import (
    create_list,
    read_imports,
    read_lists,
    read_organisations,
    read_uploads,
)
from outreach.runtime import Runtime


class ListsView(OfficeView):
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
            with self.writing() as (session, user):
                made = create_list(
                    session, name=name, organisation_id=organisation_id, user=user, now=datetime.now(UTC)
                )
        except NotFound:
            abort(404)
        except BadInput as error:
            return self._show(error=str(error), name=name, organisation_id=organisation_id), 400
        flash(
            _("Đã tạo danh sách “%(name)s”. Tiếp theo, hãy nhập tệp vào danh sách.", name=made.name),
            "success",
        )
        return redirect(url_for(".show", list_id=made.id), code=303)

    @expose("/<int:list_id>/")
    def show(self, list_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            found = read_lists(session, user, list_id=list_id)
            if not found:
                abort(404)
            imports = read_imports(session, list_id)
            uploads = read_uploads(session, user, list_id=list_id, only_open=True)
        return self.render("office/list.html", list=found[0], imports=imports, uploads=uploads)

    def _show(self, *, error: str = "", name: str = "", organisation_id: int = 0) -> str:
        with self.reading() as (session, user):
            lists = read_lists(session, user)
            organisations = read_organisations(session, user)
            organisation_id = organisation_id or user.organisation_id or 0
        return self.render(
            "office/lists.html",
            lists=lists,
            organisations=organisations,
            error=error,
            name=name,
            organisation_id=organisation_id,
        )
