"""Signing in and out, and who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from outreach.access import audit
from outreach.access.models import Organisation, Role, User
from outreach.access.users import check_password, find_by_email
from outreach.runtime import Runtime

SIGNED_IN_FOR = timedelta(hours=12)


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

    @property
    def shown_name(self) -> str:
        return self.name or self.email

    def get_id(self) -> str:
        return f"{self.id}.{self.stamp}"


def install_login(app: Flask, runtime: Runtime) -> None:
    """Sessions, `/login` and `/logout`."""
    manager = LoginManager(app)
    manager.session_protection = "basic"

    @manager.user_loader
    def load(user_id: str) -> SignedIn | None:
        number, _sep, stamp = user_id.partition(".")
        with runtime.db.read() as db:
            user = db.get(User, int(number)) if number.isdigit() else None
            if user is None or not user.is_active or stamp != _stamp(user):
                return None
            return _signed_in(
                user, db.get(Organisation, user.organisation_id) if user.organisation_id else None
            )

    @manager.unauthorized_handler
    def ask_to_sign_in() -> ResponseReturnValue:
        return redirect(url_for("login.show", next=request.full_path.rstrip("?")))

    app.register_blueprint(_create_pages(runtime))


def _signed_in(user: User, organisation: Organisation | None) -> SignedIn:
    return SignedIn(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        organisation_id=user.organisation_id,
        organisation=organisation.name if organisation else "",
        stamp=_stamp(user),
    )


def _stamp(user: User) -> str:
    return user.password_hash[-12:]


def _create_pages(runtime: Runtime) -> Blueprint:
    pages = Blueprint("login", __name__)

    @pages.get("/login")
    def show() -> ResponseReturnValue:
        if current_user.is_authenticated:
            return redirect(_safe(request.args.get("next")))
        return render_template("office/login.html", error="", email="")

    @pages.post("/login")
    def sign_in() -> ResponseReturnValue:
        email = request.form.get("email", "")
        with runtime.db.write() as db:
            user = find_by_email(db, email)
            # An unknown address takes as long as a wrong password, and reads the same.
            if not check_password(user, request.form.get("password", "")) or user is None:
                current_app.logger.warning("login.refused user=%s", user.id if user else None)
                error = _("Địa chỉ thư điện tử hoặc mật khẩu không đúng. Hãy thử lại.")
                return render_template("office/login.html", error=error, email=email), 401
            organisation = db.get(Organisation, user.organisation_id) if user.organisation_id else None
            signed_in = _signed_in(user, organisation)
            audit.record(
                db, actor_id=user.id, action="login", subject=f"users:{user.id}", now=datetime.now(UTC)
            )
        language = session.get("language")
        session.clear()  # a session that someone else may have planted ends here
        if language:
            session["language"] = language
        login_user(signed_in, duration=SIGNED_IN_FOR)
        session.permanent = True
        return redirect(_safe(request.args.get("next")), code=303)

    @pages.post("/logout")
    def sign_out() -> ResponseReturnValue:
        logout_user()
        session.clear()
        return redirect(url_for("login.show"), code=303)

    @pages.post("/language")
    def choose_language() -> ResponseReturnValue:
        session["language"] = "en" if request.form.get("language") == "en" else "vi"
        return redirect(_safe(request.form.get("next")), code=303)

    return pages


def _safe(target: str | None) -> str:
    """Only a path of this very site: never another host, however it is written."""
    home = url_for("admin.index")
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return home
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and target.isprintable() else home
