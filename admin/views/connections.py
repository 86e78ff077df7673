"""Tokens of other systems: which there are, a new one, and the end of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from admin.views.base import OfficeView
from admin.views.organisations import choices_of_organisations
from outreach.access.models import User
from outreach.access.tokens.keeping import LONGEST_NAME, end_token, make_token, read_tokens
from outreach.access.tokens.models import Right
from outreach.errors import LoaError
from outreach.runtime import Runtime

DAYS = (30, 90, 365, 730)


class TokensView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Kết nối"), endpoint="tokens", url="/admin/tokens")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """The answer itself shows the token: it is kept nowhere, not even for the next page."""
        typed: dict[str, Any] = {
            "name": request.form.get("name", ""),
            "organisation_id": request.form.get("organisation", 0, type=int),
            "rights": request.form.getlist("right"),
            "days": request.form.get("days", 0, type=int),
        }
        try:
            with self.writing() as (session, user):
                made, text = make_token(session, **typed, user=user, now=datetime.now(UTC))
        except LoaError as error:
            return self._show(typed=typed, error=str(error)), 422
        return self._show(made=made.name, text=text)

    @expose("/<int:api_token_id>/end", methods=["POST"])
    def end(self, api_token_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            end_token(session, api_token_id, user=user, now=now)

        if refused := self.attempt(act, else_to=url_for(".index")):
            return refused
        flash(_("Đã thu hồi mã truy cập. Hệ thống dùng mã này không vào được nữa."), "success")
        return redirect(url_for(".index"), code=303)

    def _show(
        self, *, made: str = "", text: str = "", typed: dict[str, Any] | None = None, error: str = ""
    ) -> str:
        with self.reading() as (session, user):
            tokens = read_tokens(session, user)
            organisations = choices_of_organisations(session)
        now = datetime.now(UTC)
        page: str = self.render(
            "office/tokens.html",
            tokens=[(each, each.is_open(now)) for each in tokens],
            organisations=organisations,
            rights=list(Right),
            days=DAYS,
            longest_name=LONGEST_NAME,
            made=made,
            text=text,
            typed=typed or {"days": 365, "rights": []},
            error=error,
        )
        return page
