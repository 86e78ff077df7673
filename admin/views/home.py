"""The first page: what needs attention, what is running, where the goal stands."""

from __future__ import annotations

from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from admin.views.base import OfficeView
from outreach.runtime import Runtime


class HomeView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Trang chủ"), endpoint="admin", url="/admin")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.render("office/home.html")
