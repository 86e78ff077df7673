"""Who is signed in: the session behind a cookie, how one begins, and what it leads to."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Flask, Request, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, login_user
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.entry.second_factor import (
    MUST_HAVE_ONE,
    has_second_factor,
)
from outreach.access.entry.sessions import (
    ENDS_AFTER,
    NOTED_EVERY,
    begin_session,
    find_session,
    note_seen,
)
from outreach.access.models import Organisation, Role, User, UserSession
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


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
    session_key: str  # of its row: once that has ended the cookie opens nothing, wherever it was copied to
    session_id: int
    has_second_factor: bool
    must_set_up: bool  # a second factor, before anything else

    @property
    def shown_name(self) -> str:
        return self.name or self.email

    def get_id(self) -> str:
        return f"{self.id}.{self.stamp}.{self.session_key}"


class _Sessions(SecureCookieSessionInterface):
    """Looks for no session where no cookie came: residents never have one, and it costs a fifth of their page."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def install_login(app: Flask, runtime: Runtime) -> None:
    """Sessions, and who is in one."""
    app.config["PERMANENT_SESSION_LIFETIME"] = ENDS_AFTER
    app.session_interface = _Sessions()
    manager = LoginManager(app)
    manager.session_protection = "basic"

    @manager.user_loader
    def load(user_id: str) -> SignedIn | None:
        number, stamp, key = (*user_id.split("."), "", "")[:3]
        now = datetime.now(UTC)
        with runtime.db.read() as db:
            user = find_user(db, number, stamp)
            held = find_session(db, user.id, key, now=now) if user else None
            if user is None or held is None:
                return None
            signed_in = _signed_in(db, user, held, runtime)
        if held.seen_at < now - NOTED_EVERY:
            _note_seen(runtime, held.id, now)
        return signed_in

    @manager.unauthorized_handler
    def ask_to_sign_in() -> ResponseReturnValue:
        # A form cannot be sent again after signing in; its page would not open by its address.
        back = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("login.show", next=back))


def find_user(db: Session, number: str, stamp: str) -> User | None:
    """Whom a cookie names, unless the account was locked or its password changed since."""
    user = db.get(User, int(number)) if number.isdigit() else None
    return user if user is not None and user.is_active and stamp == stamp_of(user) else None


def _note_seen(runtime: Runtime, session_id: int, now: datetime) -> None:
    try:
        with runtime.db.write() as db:
            note_seen(db, session_id, now=now)
    except OperationalError:  # an import holds SQLite: the page is worth more than the note
        log.info("login.not_noted session=%s", session_id)


def _signed_in(db: Session, user: User, held: UserSession, runtime: Runtime) -> SignedIn:
    organisation = db.get(Organisation, user.organisation_id) if user.organisation_id else None
    return SignedIn(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        organisation_id=user.organisation_id,
        organisation=organisation.name if organisation else "",
        stamp=stamp_of(user),
        session_key=held.key,
        session_id=held.id,
        has_second_factor=has_second_factor(user),
        must_set_up=runtime.settings.requires_second_factor
        and user.role in MUST_HAVE_ONE
        and not has_second_factor(user),
    )


def stamp_of(user: User) -> str:
    return user.password_hash[-12:]


def enter(runtime: Runtime, user_id: int) -> ResponseReturnValue:
    """Everything was right: a session begins."""
    now = datetime.now(UTC)
    with runtime.db.write() as db:
        user = db.get_one(User, user_id)
        held = begin_session(
            db,
            user_id,
            address=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
            now=now,
        )
        audit.record(db, actor_id=user_id, action="login", subject=f"users:{user_id}", now=now)
        signed_in = _signed_in(db, user, held, runtime)
    login_user(signed_in)
    session.permanent = True
    return redirect(safe_target(request.args.get("next")), code=303)


def begin_afresh() -> None:
    """A session that someone else may have planted ends here; the chosen language stays."""
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language


def safe_target(target: str | None) -> str:
    """Only a path of this very site: never another host, however it is written."""
    home = url_for("admin.index")
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return home
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and target.isprintable() else home
