"""The guides, in Vietnamese: what staff, approvers and leaders do, by task. Every page leads to its section."""

from __future__ import annotations

from flask import abort, send_from_directory
from flask.typing import ResponseReturnValue
from flask_admin import expose

from admin.guides import INDEX, PICTURES, read_guide
from admin.views.base import OfficeView
from outreach.runtime import Runtime


class GuidesView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="guides", url="/admin/huong-dan")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.show(INDEX)

    @expose("/<guide>")
    def show(self, guide: str) -> ResponseReturnValue:
        found = read_guide(guide)
        if found is None:
            abort(404)
        return self.render("office/guide.html", guide=found, is_index=guide == INDEX)

    @expose("/pictures/<picture>")
    def picture(self, picture: str) -> ResponseReturnValue:
        return send_from_directory(PICTURES, picture, max_age=3600)
