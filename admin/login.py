"""Signing in and out, and who is signed in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, current_app, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.login_brake import count_attempt, forget_attempt
from outreach.access import audit
from outreach.access.models import AuditEvent, Organisation, Role, User
from outreach.access.users import check_password, find_by_email
from outreach.runtime import Runtime

SIGNED_IN_FOR = timedelta(hours=12)  # since the last page


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The signed-in user as pages need it; no row of an open session."""

    id: int
    email: str
    name: str
    role: Role
    organisation_id: int | None
    organisation: str
    stamp: str  # ends old sessions when the password changes
    session_id: str  # ends this one, wherever its cookie was copied to, when its user signs out

    @property
    def shown_name(self) -> str:
        return self.name or self.email

    def get_id(self) -> str:
        return f"{self.id}.{self.stamp}.{self.session_id}"


class _Sessions(SecureCookieSessionInterface):
    """Looks for no session where no cookie came: residents never have one, and it costs a fifth of their page."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def install_login(app: Flask, runtime: Runtime) -> None:
    """Sessions, `/login` and `/logout`."""
    app.config["PERMANENT_SESSION_LIFETIME"] = SIGNED_IN_FOR
    app.session_interface = _Sessions()
    manager = LoginManager(app)
    manager.session_protection = "basic"

    @manager.user_loader
    def load(user_id: str) -> SignedIn | None:
        number, stamp, session_id = (*user_id.split("."), "", "")[:3]
        with runtime.db.read() as db:
            user = db.get(User, int(number)) if number.isdigit() else None
            if user is None or not user.is_active or stamp != _stamp(user) or _has_ended(db, session_id):
                return None
            return _signed_in(db, user, session_id)

    @manager.unauthorized_handler
    def ask_to_sign_in() -> ResponseReturnValue:
        # A form cannot be sent again after signing in; its page would not open by its address.
        back = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("login.show", next=back))

    app.register_blueprint(_create_pages(runtime))


def _has_ended(db: Session, session_id: str) -> bool:
    """Whether its user signed out. The record of that is in the audit, found by its index."""
    ended = select(AuditEvent.id).where(AuditEvent.subject == _subject(session_id)).limit(1)
    return not session_id or db.scalar(ended) is not None


def _subject(session_id: str) -> str:
    return f"sessions:{session_id}"


def _signed_in(db: Session, user: User, session_id: str) -> SignedIn:
    organisation = db.get(Organisation, user.organisation_id) if user.organisation_id else None
    return SignedIn(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        organisation_id=user.organisation_id,
        organisation=organisation.name if organisation else "",
        stamp=_stamp(user),
        session_id=session_id,
    )


def _stamp(user: User) -> str:
    return user.password_hash[-12:]


def _create_pages(runtime: Runtime) -> Blueprint:
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
            return redirect(_safe(request.args.get("next")))
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
                current_app.logger.warning("login.refused user=%s", user.id if user else None)
                error = _("Địa chỉ thư điện tử hoặc mật khẩu không đúng. Hãy thử lại.")
                return render_template("office/login.html", error=error, email=email), 401
            signed_in = _signed_in(db, user, secrets.token_urlsafe(12))
        forget_attempt(runtime.redis, email=email, address=address)
        _record(runtime, signed_in, "login", f"users:{signed_in.id}")
        _begin_afresh()
        login_user(signed_in)
        session.permanent = True
        return redirect(_safe(request.args.get("next")), code=303)

    @pages.post("/logout")
    def sign_out() -> ResponseReturnValue:
        if current_user.is_authenticated:
            _record(runtime, current_user, "logout", _subject(current_user.session_id))
        logout_user()
        _begin_afresh()
        return redirect(url_for("login.show"), code=303)

    @pages.post("/language")
    def choose_language() -> ResponseReturnValue:
        session["language"] = "en" if request.form.get("language") == "en" else "vi"
        return redirect(_safe(request.form.get("next")), code=303)

    return pages


def _record(runtime: Runtime, user: SignedIn, action: str, subject: str) -> None:
    with runtime.db.write() as db:
        audit.record(db, actor_id=user.id, action=action, subject=subject, now=datetime.now(UTC))


def _begin_afresh() -> None:
    """A session that someone else may have planted ends here; the chosen language stays."""
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language


def _safe(target: str | None) -> str:
    """Only a path of this very site: never another host, however it is written."""
    home = url_for("admin.index")
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return home
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and target.isprintable() else home
