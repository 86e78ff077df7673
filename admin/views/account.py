"""The user's own account: password, sessions, second factor; and the invitation page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import segno
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user, logout_user

from admin.login_limits import may_try_own_password
from admin.views.base import AdminPage
from outreach.accounts.invitations import choose_password, find_invited
from outreach.accounts.second_factor import (
    address_of,
    count_recovery_codes,
    new_nonce,
    remove_second_factor,
    renew_recovery_codes,
    secret_of,
    set_up,
)
from outreach.accounts.sessions import end_other_sessions, end_session, read_sessions
from outreach.accounts.users import SHORTEST_PASSWORD, change_password, check_password
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime


class AccountView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="account", url="/admin/account")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._page()

    @expose("/password", methods=["POST"])
    def password(self) -> ResponseReturnValue:
        """Change the password; all sessions end, this one as well."""
        new = request.form.get("new", "")
        try:
            if new != request.form.get("again", ""):
                raise BadInput(_("Hai lần gõ mật khẩu mới không giống nhau. Hãy gõ lại."))
            if not may_try_own_password(self.runtime.redis, current_user.id):
                raise BadInput(_("Đã gõ sai quá nhiều lần. Hãy đợi 15 phút rồi thử lại."))
            self.do(change_password, current=request.form.get("current", ""), new=new)
        except BadInput as error:
            return self._page(error=str(error)), 400
        logout_user()
        flash(_("Đã đổi mật khẩu. Hãy đăng nhập lại bằng mật khẩu mới."), "success")
        return redirect(url_for("login.show"), code=303)

    @expose("/sessions/<int:session_id>/end", methods=["POST"])
    def end_session(self, session_id: int) -> ResponseReturnValue:
        self.do(end_session, session_id)
        flash(_("Đã đăng xuất máy đó."), "success")
        return redirect(url_for(".index"), code=303)

    @expose("/sessions/end-others", methods=["POST"])
    def end_others(self) -> ResponseReturnValue:
        self.do(end_other_sessions, key=current_user.session_key)
        flash(_("Đã đăng xuất khỏi mọi máy khác."), "success")
        return redirect(url_for(".index"), code=303)

    def _page(self, *, error: str = "") -> str:
        with self.reading() as (db, user):
            sessions = read_sessions(db, user.id, now=datetime.now(UTC))
        return self.render(
            "settings/account.html", error=error, shortest=SHORTEST_PASSWORD, sessions=sessions
        )


def create_invitations(runtime: Runtime) -> Blueprint:
    """Return the blueprint of `/login/invitation/<token>`, open to holders of the link."""
    pages = Blueprint("invitation", __name__)
    secret_key = runtime.settings.secret_key

    def refused(error: BadInput) -> ResponseReturnValue:
        title = _("Không dùng được liên kết này")
        return render_template("layout/error.html", title=title, what_to_do=str(error)), 400

    @pages.get("/login/invitation/<token>")
    def show(token: str) -> ResponseReturnValue:
        try:
            with runtime.db.read() as session:
                email = find_invited(session, token, secret_key=secret_key).email
        except BadInput as error:
            return refused(error)
        return render_template("sign_in/invitation.html", email=email, error="", shortest=SHORTEST_PASSWORD)

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
            choose_password(runtime, token, password, secret_key=secret_key, now=datetime.now(UTC))
        except BadInput as error:
            page = render_template(
                "sign_in/invitation.html", email=email, error=str(error), shortest=SHORTEST_PASSWORD
            )
            return page, 400
        logout_user()
        flash(_("Đã đặt mật khẩu. Bây giờ hãy đăng nhập."), "success")
        return redirect(url_for("login.show"), code=303)

    return pages


# Session key of the new secret's nonce until a right code confirms it.
_NONCE = "totp_nonce"


class SecondFactorView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="second_factor", url="/admin/account/second-factor")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._page()

    @expose("/", methods=["POST"])
    def confirm(self) -> ResponseReturnValue:
        """Confirm the set-up by a code from the phone; the recovery codes are shown this once."""
        try:
            codes = self.do(
                set_up,
                nonce=str(session.get(_NONCE, "")),
                code=request.form.get("code", "").replace(" ", "")[:10],
                secret_key=self.runtime.settings.secret_key,
            )
        except BadInput as error:
            return self._page(error=str(error)), 400
        session.pop(_NONCE, None)
        return self.render("settings/second_factor.html", codes=codes, is_new=True)

    @expose("/codes", methods=["POST"])
    def renew(self) -> ResponseReturnValue:
        try:
            self._check_password()
            codes = self.do(renew_recovery_codes, secret_key=self.runtime.settings.secret_key)
        except LoaError as error:
            return self._page(error=str(error)), 400
        return self.render("settings/second_factor.html", codes=codes, is_new=False)

    @expose("/remove", methods=["POST"])
    def remove(self) -> ResponseReturnValue:
        try:
            self._check_password()
            self.do(remove_second_factor, current_user.id)
        except LoaError as error:
            return self._page(error=str(error)), 400
        flash(_("Đã bỏ xác thực hai lớp của tài khoản này."), "success")
        return redirect(url_for("second_factor.index"), code=303)

    def _check_password(self) -> None:
        if not may_try_own_password(self.runtime.redis, current_user.id):
            raise BadInput(_("Đã gõ sai quá nhiều lần. Hãy đợi 15 phút rồi thử lại."))
        with self.reading() as (_db, user):
            is_right = check_password(user, request.form.get("password", ""))
        if not is_right:
            raise BadInput(_("Mật khẩu không đúng. Hãy gõ lại."))

    def _page(self, *, error: str = "") -> str:
        context: dict[str, Any] = {}
        with self.reading() as (db, user):
            has_one = user.totp_nonce is not None
            if has_one:
                context["left"] = count_recovery_codes(db, user.id)
            else:
                nonce = session.setdefault(_NONCE, new_nonce())
                secret = secret_of(user.id, nonce, secret_key=self.runtime.settings.secret_key)
                qr_code = segno.make(address_of(secret, user.email), error="m", micro=False)
                context["picture"] = qr_code.svg_inline(scale=5, border=2, omitsize=True)
                context["secret"] = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return self.render(
            "settings/second_factor.html",
            codes=None,
            has_one=has_one,
            error=error,
            must=current_user.must_set_up,
            **context,
        )
