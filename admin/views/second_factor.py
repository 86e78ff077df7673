"""One's own second factor: set up with a QR code, its recovery codes, taken off again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import segno
from flask import flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user

from admin.login_brake import may_try_own_password
from admin.views.base import OfficeView
from outreach.access.entry.second_factor import (
    address_of,
    count_recovery_codes,
    new_nonce,
    remove_second_factor,
    renew_recovery_codes,
    secret_of,
    set_up,
)
from outreach.access.models import User
from outreach.access.users import check_password
from outreach.errors import BadInput, LoaError
from outreach.runtime import Runtime

# Until a right code was typed, what the secret is made of waits in the signed cookie.
_NONCE = "totp_nonce"


class SecondFactorView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="second_factor", url="/admin/account/second-factor")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._page()

    @expose("/", methods=["POST"])
    def confirm(self) -> ResponseReturnValue:
        """The telephone has read the QR code and shows a code; the recovery codes are shown this once."""
        try:
            with self.writing() as (db, user):
                codes = set_up(
                    db,
                    user,
                    nonce=str(session.get(_NONCE, "")),
                    code=request.form.get("code", "").replace(" ", "")[:10],
                    secret_key=self.runtime.settings.secret_key,
                    now=datetime.now(UTC),
                )
        except BadInput as error:
            return self._page(error=str(error)), 400
        session.pop(_NONCE, None)
        return self.render("office/second_factor.html", codes=codes, is_new=True)

    @expose("/codes", methods=["POST"])
    def renew(self) -> ResponseReturnValue:
        try:
            with self.writing() as (db, user):
                self._check_password(user)
                codes = renew_recovery_codes(
                    db, user, secret_key=self.runtime.settings.secret_key, now=datetime.now(UTC)
                )
        except LoaError as error:
            return self._page(error=str(error)), 400
        return self.render("office/second_factor.html", codes=codes, is_new=False)

    @expose("/remove", methods=["POST"])
    def remove(self) -> ResponseReturnValue:
        try:
            with self.writing() as (db, user):
                self._check_password(user)
                remove_second_factor(db, user.id, actor_id=user.id, now=datetime.now(UTC))
        except LoaError as error:
            return self._page(error=str(error)), 400
        flash(_("Đã bỏ xác thực hai lớp của tài khoản này."), "success")
        return redirect(url_for("second_factor.index"), code=303)

    def _check_password(self, user: User) -> None:
        if not may_try_own_password(self.runtime.redis, user.id):
            raise BadInput(_("Đã gõ sai quá nhiều lần. Hãy đợi 15 phút rồi thử lại."))
        if not check_password(user, request.form.get("password", "")):
            raise BadInput(_("Mật khẩu không đúng. Hãy gõ lại."))

    def _page(self, *, error: str = "") -> str:
        read: dict[str, Any] = {}
        with self.reading() as (db, user):
            has_one = user.totp_nonce is not None
            if has_one:
                read["left"] = count_recovery_codes(db, user.id)
            else:
                nonce = session.setdefault(_NONCE, new_nonce())
                secret = secret_of(user.id, nonce, secret_key=self.runtime.settings.secret_key)
                drawn = segno.make(address_of(secret, user.email), error="m", micro=False)
                read["picture"] = drawn.svg_inline(scale=5, border=2, omitsize=True)
                read["secret"] = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return self.render(
            "office/second_factor.html",
            codes=None,
            has_one=has_one,
            error=error,
            must=current_user.must_set_up,
            **read,
        )
