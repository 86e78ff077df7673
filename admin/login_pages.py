"""The pages of signing in and out: password, code, a forgotten password, language."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, logout_user

from admin.login import begin_afresh, enter, find_user, safe_target, stamp_of
from admin.login_brake import Allowed, count_attempt, count_request, forget_attempt
from campaigns.rings import ring_reset
from outreach.access.entry.second_factor import Verdict, check_code, count_recovery_codes, has_second_factor
from outreach.access.entry.sessions import sign_out_of
from outreach.access.users import check_password, find_by_email
from outreach.runtime import Runtime

log = logging.getLogger(__name__)

HALF_IN_FOR = timedelta(minutes=5)  # between the password and the code
_HALF = "half"


def create_login_pages(runtime: Runtime) -> Blueprint:
    pages = Blueprint("login", __name__)

    @pages.get("/")
    def front() -> ResponseReturnValue:
        """The bare address: residents who lost the end of their link, and officers who typed it."""
        if current_user.is_authenticated:
            return redirect(url_for("admin.index"))
        return render_template("office/front.html")

    @pages.get("/login")
    def show() -> ResponseReturnValue:
        if current_user.is_authenticated:
            return redirect(safe_target(request.args.get("next")))
        return render_template("office/login.html", error="", email="")

    @pages.post("/login")
    def sign_in() -> ResponseReturnValue:
        email, address = request.form.get("email", ""), request.remote_addr or ""
        if wait := count_attempt(runtime.redis, email=email, address=address):
            minutes = -(-wait // 60)
            error = _(
                "Đã thử sai quá nhiều lần. Vì an toàn, hãy đợi %(minutes)s phút rồi đăng nhập lại.",
                minutes=minutes,
            )
            page = render_template("office/login.html", error=error, email=email)
            return page, 429, {"Retry-After": str(wait)}
        with runtime.db.read() as db:
            user = find_by_email(db, email)
            # An unknown address takes as long as a wrong password, and reads the same.
            if not check_password(user, request.form.get("password", "")) or user is None:
                log.warning("login.refused user=%s", user.id if user else None)
                error = _("Địa chỉ thư điện tử hoặc mật khẩu không đúng. Hãy thử lại.")
                return render_template("office/login.html", error=error, email=email), 401
        forget_attempt(runtime.redis, email=email, address=address)
        begin_afresh()
        if has_second_factor(user):
            session[_HALF] = [user.id, stamp_of(user), int(datetime.now(UTC).timestamp())]
            return redirect(url_for("login.ask_code", next=request.args.get("next")), code=303)
        return enter(runtime, user.id)

    @pages.get("/login/code")
    def ask_code() -> ResponseReturnValue:
        if _half_in(runtime) is None:
            return redirect(url_for("login.show", next=request.args.get("next")))
        return render_template("office/login_code.html", error="")

    @pages.post("/login/code")
    def check() -> ResponseReturnValue:
        """The second step: a code of the telephone's, or a recovery code."""
        user_id = _half_in(runtime)
        if user_id is None:
            flash(_("Đã quá 5 phút kể từ khi gõ mật khẩu. Hãy đăng nhập lại từ đầu."), "warning")
            return redirect(url_for("login.show", next=request.args.get("next")), code=303)
        with runtime.db.write() as db:
            verdict = check_code(
                db,
                user_id,
                request.form.get("code", "")[:40],
                secret_key=runtime.settings.secret_key,
                now=datetime.now(UTC),
            )
            left = count_recovery_codes(db, user_id)
        if verdict is Verdict.WAIT:
            error = _("Đã gõ sai mã quá nhiều lần. Vì an toàn, hãy đợi 15 phút rồi thử lại.")
            return render_template("office/login_code.html", error=error), 429
        if verdict is Verdict.WRONG:
            log.warning("login.code_refused user=%s", user_id)
            error = _("Mã không đúng hoặc đã dùng rồi. Hãy đợi mã tiếp theo hiện trên điện thoại và gõ lại.")
            return render_template("office/login_code.html", error=error), 401
        begin_afresh()
        if verdict is Verdict.RECOVERED:
            flash(
                _(
                    "Đã dùng một mã khôi phục, còn %(left)s mã. Có thể tạo mã mới ở trang tài khoản.",
                    left=left,
                ),
                "warning",
            )
        return enter(runtime, user_id)

    @pages.get("/login/forgotten")
    def forgotten() -> ResponseReturnValue:
        return render_template(
            "office/login_forgotten.html", has_mail=bool(runtime.settings.smtp_url), asked=False, error=""
        )

    @pages.post("/login/forgotten")
    def ask_for_link() -> ResponseReturnValue:
        """A link by mail. The answer is the same whether the address has an account or not, and takes as long."""
        email, has_mail = request.form.get("email", ""), bool(runtime.settings.smtp_url)
        allowed = count_request(runtime.redis, email=email, address=request.remote_addr or "")
        if allowed is Allowed.WAIT:
            error = _("Đã yêu cầu quá nhiều lần từ nơi này. Hãy đợi một giờ, hoặc nhờ người quản trị.")
            page = render_template("office/login_forgotten.html", has_mail=has_mail, asked=False, error=error)
            return page, 429
        if has_mail and allowed is Allowed.YES:
            with runtime.db.read() as db:
                user = find_by_email(db, email)
            ring_reset(runtime.doorbell, user.id if user else 0)
        return render_template("office/login_forgotten.html", has_mail=has_mail, asked=True, error="")

    @pages.post("/logout")
    def sign_out() -> ResponseReturnValue:
        if current_user.is_authenticated:
            with runtime.db.write() as db:
                sign_out_of(db, current_user.session_id, user_id=current_user.id, now=datetime.now(UTC))
        logout_user()
        begin_afresh()
        return redirect(url_for("login.show"), code=303)

    @pages.post("/language")
    def choose_language() -> ResponseReturnValue:
        session["language"] = "en" if request.form.get("language") == "en" else "vi"
        return redirect(safe_target(request.form.get("next")), code=303)

    return pages


def _half_in(runtime: Runtime) -> int | None:
    """Whose password was right a moment ago in this browser."""
    user_id, stamp, at = session.get(_HALF) or (0, "", 0)
    if datetime.now(UTC) > datetime.fromtimestamp(at, UTC) + HALF_IN_FOR:
        return None
    with runtime.db.read() as db:
        return user_id if find_user(db, str(user_id), stamp) else None
