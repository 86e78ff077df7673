"""One's own account, and the link by which a new one chooses its password."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user, logout_user

from admin.login_brake import may_try_own_password
from admin.views.base import OfficeView
from outreach.access.accounts import change_password
from outreach.access.entry.sessions import end_other_sessions, end_session, read_sessions
from outreach.access.invitations import choose_password, find_invited
from outreach.access.users import SHORTEST_PASSWORD
from outreach.errors import BadInput
from outreach.runtime import Runtime


class AccountView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="account", url="/admin/account")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._page()

    @expose("/password", methods=["POST"])
    def password(self) -> ResponseReturnValue:
        """Every session ends with the old password, this one as well."""
        new = request.form.get("new", "")
        try:
            if new != request.form.get("again", ""):
                raise BadInput(_("Hai lần gõ mật khẩu mới không giống nhau. Hãy gõ lại."))
            if not may_try_own_password(self.runtime.redis, current_user.id):
                raise BadInput(_("Đã gõ sai quá nhiều lần. Hãy đợi 15 phút rồi thử lại."))
            with self.writing() as (session, user):
                change_password(
                    session,
                    current=request.form.get("current", ""),
                    new=new,
                    user=user,
                    now=datetime.now(UTC),
                )
        except BadInput as error:
            return self._page(error=str(error)), 400
        logout_user()
        flash(_("Đã đổi mật khẩu. Hãy đăng nhập lại bằng mật khẩu mới."), "success")
        return redirect(url_for("login.show"), code=303)

    @expose("/sessions/<int:session_id>/end", methods=["POST"])
    def end_session(self, session_id: int) -> ResponseReturnValue:
        with self.writing() as (db, user):
            end_session(db, session_id, user=user, now=datetime.now(UTC))
        flash(_("Đã đăng xuất máy đó."), "success")
        return redirect(url_for(".index"), code=303)

    @expose("/sessions/end-others", methods=["POST"])
    def end_others(self) -> ResponseReturnValue:
        with self.writing() as (db, user):
            end_other_sessions(db, key=current_user.session_key, user=user, now=datetime.now(UTC))
        flash(_("Đã đăng xuất khỏi mọi máy khác."), "success")
        return redirect(url_for(".index"), code=303)

    def _page(self, *, error: str = "") -> str:
        with self.reading() as (db, user):
            sessions = read_sessions(db, user.id, now=datetime.now(UTC))
        return self.render("office/account.html", error=error, shortest=SHORTEST_PASSWORD, sessions=sessions)


def create_invitations(runtime: Runtime) -> Blueprint:
    """`/login/invitation/<token>`: open to whom the link was given."""
    pages = Blueprint("invitation", __name__)
    secret_key = runtime.settings.secret_key

    def refused(error: BadInput) -> ResponseReturnValue:
        title = _("Không dùng được liên kết này")
        return render_template("office/error.html", title=title, what_to_do=str(error)), 400

    @pages.get("/login/invitation/<token>")
    def show(token: str) -> ResponseReturnValue:
        try:
            with runtime.db.read() as session:
                email = find_invited(session, token, secret_key=secret_key).email
        except BadInput as error:
            return refused(error)
        return render_template("office/invitation.html", email=email, error="", shortest=SHORTEST_PASSWORD)

    @pages.post("/login/invitation/<token>")
    def choose(token: str) -> ResponseReturnValue:
        password = request.form.get("new", "")
        try:
            with runtime.db.read() as session:
                email = find_invited(session, token, secret_key=secret_key).email
        except BadInput as error:
            return refused(error)
        try:
            if password != request.form.get("again", ""):
                raise BadInput(_("Hai lần gõ mật khẩu không giống nhau. Hãy gõ lại."))
            with runtime.db.write() as session:
                choose_password(session, token, password, secret_key=secret_key, now=datetime.now(UTC))
        except BadInput as error:
            page = render_template(
                "office/invitation.html", email=email, error=str(error), shortest=SHORTEST_PASSWORD
            )
            return page, 400
        logout_user()
        flash(_("Đã đặt mật khẩu. Bây giờ hãy đăng nhập."), "success")
        return redirect(url_for("login.show"), code=303)

    return pages
