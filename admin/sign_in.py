"""Sign-in pages and sessions: Flask-Login on top of the sessions stored in the database.

The pages cover password, second factor, forgotten password, signing out and the choice of language.

Attempts and reset mails are limited per e-mail and per IP address, counted in Redis. A device on which somebody has signed in passes a lock on
their e-mail address that strangers have caused: it has a signed cookie for each address, with a random name under which its own attempts
are counted (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from redis import Redis
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from admin.wording.errors import show_error
from outreach.accounts import second_factor
from outreach.accounts import users as accounts
from outreach.core.db import find_row
from outreach.core.rate_limits import hit, limiter, network_of, nothing_limited_without_redis
from outreach.core.signed_tokens import VALID_FOR, TokenExpired, TokenPurpose, read_token, sign_token
from outreach.models.accounts import Organisation, Role, User, UserSession
from outreach.rules.errors import LoaError, NotAllowed, or_raise
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_reset_mail


def device_of(request: Request, email: str, *, secret_key: str) -> str:
    """Return the device's random name, "" if nobody with this address has signed in on it."""
    digest = email_digest(email)
    try:
        known = read_token(TokenPurpose.DEVICE, request.cookies.get(_cookie(digest), ""), secret_key)
    except TokenExpired:
        return ""
    is_theirs = isinstance(known, list) and len(known) == 2 and known[0] == digest
    return str(known[1]) if is_theirs else ""


def remember_device(response: Response, email: str, *, secret_key: str, is_https: bool) -> None:
    """Let the device be known for a year as one of this address."""
    digest = email_digest(email)
    response.set_cookie(
        _cookie(digest),
        sign_token(TokenPurpose.DEVICE, [digest, secrets.token_hex(16)], secret_key),
        max_age=VALID_FOR[TokenPurpose.DEVICE],
        httponly=True,
        secure=is_https,
        samesite="Lax",
        path="/login",
    )


def email_digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def _cookie(digest: str) -> str:
    return f"device-{digest[:12]}"


# From one network: strangers lock nobody elsewhere.
FAILURES_PER_EMAIL = RateLimitItemPerMinute(10, 15, "login:email")
FAILURES_IN_ALL = RateLimitItemPerHour(100, 1, "login:email:all")  # from all networks together
FAILURES_PER_ADDRESS = RateLimitItemPerMinute(30, 15, "login:address")  # many colleagues share one
FAILURES_PER_DEVICE = RateLimitItemPerMinute(10, 15, "login:device")  # of one that is known
FAILURES_AT_OWN_PASSWORD = RateLimitItemPerMinute(10, 15, "login:own")
REQUESTS_PER_EMAIL = RateLimitItemPerHour(3, 1, "login:link:email")
REQUESTS_PER_ADDRESS = RateLimitItemPerHour(20, 1, "login:link:address")
_AWAY = "login.limits_away"
_CLEARED = "loa:login-cleared:"


def hit_login(redis: Redis, *, email: str, address: str, device: str = "") -> int:
    """Count an attempt before its password is checked, so that parallel attempts all count.

    Returns the seconds to wait, 0 if the attempt may go on. An attempt refused for its e-mail does not count
    against the IP address. An e-mail's limit is that of one network, and a wide one of all. A known device has a limit of its own: strangers lock nobody out of their own computer. If Redis is unavailable, all may pass: staff must get in, and argon2 is slow by itself.
    """
    with nothing_limited_without_redis(_AWAY):
        if device:
            return hit(redis, FAILURES_PER_DEVICE, device)
        return (
            hit(redis, FAILURES_PER_EMAIL, _from_there(redis, email, address))
            or hit(redis, FAILURES_IN_ALL, email_digest(email))
            or hit(redis, FAILURES_PER_ADDRESS, network_of(address))
        )
    return 0


def _from_there(redis: Redis, email: str, address: str) -> str:
    """Return the name of an e-mail's limit in a network; it is another one once an administrator has cleared them."""
    digest = email_digest(email)
    cleared = redis.get(_CLEARED + digest) or b"0"
    return f"{digest}:{network_of(address)}:{int(cleared)}"


class ResetRequestDecision(StrEnum):
    YES = "yes"
    SILENTLY_NOT = "silently_not"  # the e-mail has had its mails; the answer must not reveal that it exists
    WAIT = "wait"


def count_request(redis: Redis, *, email: str, address: str) -> ResetRequestDecision:
    """Count a request for a reset mail: no mailbox is flooded, and no IP address asks for everybody."""
    with nothing_limited_without_redis(_AWAY):
        if hit(redis, REQUESTS_PER_ADDRESS, network_of(address)):
            return ResetRequestDecision.WAIT
        if hit(redis, REQUESTS_PER_EMAIL, email_digest(email)):
            return ResetRequestDecision.SILENTLY_NOT
    return ResetRequestDecision.YES


def may_try_own_password(redis: Redis, user_id: int) -> bool:
    """Limit password checks on the account page as on the sign-in page; counts the attempt."""
    with nothing_limited_without_redis(_AWAY):
        return not hit(redis, FAILURES_AT_OWN_PASSWORD, str(user_id))
    return True


def clear_login_limits(redis: Redis, email: str) -> None:
    """Let an account try again at once. Raises redis.RedisError."""
    digest = email_digest(email)
    limiter(redis).clear(FAILURES_IN_ALL, digest)
    redis.incr(_CLEARED + digest)
    redis.expire(_CLEARED + digest, FAILURES_IN_ALL.get_expiry())


def refund_login(redis: Redis, *, email: str, address: str, device: str = "") -> None:
    """Undo the count after a right password: reset the device's, or the e-mail's and take one off the IP address's."""
    with nothing_limited_without_redis(_AWAY):
        if device:
            limiter(redis).clear(FAILURES_PER_DEVICE, device)
            return
        limiter(redis).clear(FAILURES_PER_EMAIL, _from_there(redis, email, address))
        limiter(redis).clear(FAILURES_IN_ALL, email_digest(email))
        limit = FAILURES_PER_ADDRESS
        limiter(redis).storage.incr(limit.key_for(network_of(address)), limit.get_expiry(), amount=-1)


if TYPE_CHECKING:
    from admin.provider import Provider

log = logging.getLogger(__name__)
BY_PROVIDER = "by_provider"  # session key of who signed in so


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The signed-in user, as plain values that outlive the database session."""

    id: int
    email: str
    name: str
    role: Role
    organisation_id: int | None
    organisation: str
    stamp: str  # end of the password hash: sessions end when the password changes
    session_key: str  # of the UserSession row: once that has ended, copies of the cookie are worthless too
    session_id: int
    has_second_factor: bool
    must_set_up: bool  # must set up a second factor before anything else
    is_confirmed: bool  # has given the password lately

    @property
    def shown_name(self) -> str:
        return self.name or self.email

    def get_id(self) -> str:
        return f"{self.id}.{self.stamp}.{self.session_key}"


class _Sessions(SecureCookieSessionInterface):
    """Session interface that skips requests without a cookie, and remembers the device that somebody signed in on.

    Residents have no cookie, and it costs a fifth of their page.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._key = runtime.settings.keys_of(Purpose.SESSIONS)
        self._is_https = runtime.settings.public_base_url.startswith("https:")

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        super().save_session(app, session, response)
        if email := g.pop("signed_in_as", None):  # after the session's cookie, which is the one to look for
            remember_device(response, email, secret_key=self._key, is_https=self._is_https)


def install_login(app: Flask, runtime: Runtime) -> None:
    """Set up sessions and the lookup of the signed-in user."""
    app.config["PERMANENT_SESSION_LIFETIME"] = accounts.ENDS_AFTER
    app.session_interface = _Sessions(runtime)
    manager = LoginManager(app)
    manager.session_protection = "basic"

    @manager.user_loader
    def load(user_id: str) -> SignedIn | None:
        number, stamp, key = (*user_id.split("."), "", "")[:3]
        now = datetime.now(UTC)
        with runtime.db.read() as db:
            found = accounts.find_session(db, int(number), key, now=now) if number.isdigit() else None
            if not found or not _is_valid(found[1], stamp):
                return None
            user_session, user, organisation = found
            signed_in = _signed_in(user, user_session, organisation, runtime)
        if user_session.seen_at < now - accounts.NOTED_EVERY:
            try:
                accounts.note_seen(runtime, user_session.id, now=now)
            except OperationalError:  # an import has SQLite locked: show the page without noting the time
                log.info("login.not_noted session=%s", user_session.id)
        return signed_in

    @manager.unauthorized_handler
    def ask_to_sign_in() -> ResponseReturnValue:
        # Only for GET: a form cannot be sent again after signing in, and its URL may not open as a page.
        next_url = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("login.show", next=next_url))


def find_user(db: Session, number: str, stamp: str) -> User | None:
    """Return the user of a cookie. Returns None if the account is locked or its password has changed."""
    user = db.get(User, int(number)) if number.isdigit() else None
    return user if user is not None and _is_valid(user, stamp) else None


def _is_valid(user: User, stamp: str) -> bool:
    return user.is_active and stamp == stamp_of(user)


def _signed_in(user: User, user_session: UserSession, organisation: str, runtime: Runtime) -> SignedIn:
    return SignedIn(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        organisation_id=user.organisation_id,
        organisation=organisation,
        stamp=stamp_of(user),
        session_key=user_session.key,
        session_id=user_session.id,
        has_second_factor=second_factor.has_second_factor(user),
        must_set_up=runtime.settings.requires_second_factor
        and user.role in second_factor.MUST_HAVE_ONE
        and not second_factor.has_second_factor(user)
        and not (session.get(BY_PROVIDER) and runtime.settings.oidc_second_factor == "provider"),
        is_confirmed=accounts.is_confirmed(user_session, now=datetime.now(UTC)),
    )


def stamp_of(user: User) -> str:
    return user.password_hash[-12:]


def start_session(runtime: Runtime, user: User, *, target: str | None = None) -> ResponseReturnValue:
    """Begin a session for a user, as they were when authenticated, and redirect to the page asked for, or `target`.

    So a password that was changed since has ended the session.
    """
    user_session = accounts.begin_session(
        runtime,
        user.id,
        address=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
        now=datetime.now(UTC),
    )
    with runtime.db.read() as db:
        organisation = find_row(db, Organisation, user.organisation_id)
    signed_in = _signed_in(user, user_session, organisation.name if organisation else "", runtime)
    login_user(signed_in)
    session.permanent = True
    g.signed_in_as = signed_in.email
    return redirect(safe_target(target or request.args.get("next")), code=303)


def reset_session(*kept: str) -> None:
    """Clear the session against session fixation; the chosen language stays, and what is `kept`."""
    stays = {name: session[name] for name in ("language", *kept) if name in session}
    session.clear()
    session.update(stays)


def safe_target(target: str | None) -> str:
    """Return `target` if it is a path on this site, else the home page.

    Never another host, however it is written.
    """
    home = url_for("admin.index")
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return home
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and target.isprintable() else home


CODE_WITHIN = timedelta(minutes=5)  # between the password and the code
_PENDING_LOGIN = "half"  # session key
_NEXT = "next"  # session key of the page asked for, while the browser is at the provider


def create_login_pages(runtime: Runtime) -> Blueprint:
    pages = Blueprint("login", __name__)
    provider: Provider | None = None
    if runtime.settings.oidc_issuer:
        provider = import_module("admin.provider").Provider(runtime.settings)

    @pages.context_processor
    def offer() -> dict[str, str]:
        return {"provider": provider.host if provider else ""}

    @pages.get("/")
    def front() -> ResponseReturnValue:
        """Say where residents and officers go; who is signed in is led on.

        Its visitors are residents who lost the end of their link, and officers who typed the address.
        """
        if current_user.is_authenticated:
            return redirect(url_for("admin.index"))
        return render_template("layout/front.html")

    @pages.get("/login")
    def show() -> ResponseReturnValue:
        """Ask for e-mail and password."""
        if current_user.is_authenticated:
            return redirect(safe_target(request.args.get("next")))
        return render_template("sign_in/login.html", error="", email="")

    @pages.post("/login")
    def sign_in() -> ResponseReturnValue:
        """Check e-mail and password."""
        email, address = request.form.get("email", ""), request.remote_addr or ""
        device = device_of(request, email, secret_key=runtime.settings.keys_of(Purpose.SESSIONS))
        if wait := hit_login(runtime.redis, email=email, address=address, device=device):
            minutes = -(-wait // 60)
            error = _(
                "Đã thử sai quá nhiều lần. Vì an toàn, hãy đợi %(minutes)s phút rồi đăng nhập lại.",
                minutes=minutes,
            )
            page = render_template("sign_in/login.html", error=error, email=email)
            return page, 429, {"Retry-After": str(wait)}
        with runtime.db.read() as db:
            user = accounts.find_by_email(db, email)
        # An unknown address takes as long as a wrong password and gets the same answer. Outside of the transaction: under load
        # passwords wait for each other.
        if not accounts.check_password(user, request.form.get("password", "")) or user is None:
            g.refused_user = user.id if user else None
            error = _("Địa chỉ thư điện tử hoặc mật khẩu không đúng. Hãy thử lại.")
            return render_template("sign_in/login.html", error=error, email=email), 401
        refund_login(runtime.redis, email=email, address=address, device=device)
        reset_session()
        return go_on(user, request.args.get("next"), asks_code=True)

    def go_on(user: User, target: str | None, *, asks_code: bool) -> ResponseReturnValue:
        """Ask for the second factor of who has one, or begin the session."""
        if not (asks_code and second_factor.has_second_factor(user)):
            return start_session(runtime, user, target=target)
        session[_PENDING_LOGIN] = [user.id, stamp_of(user), int(datetime.now(UTC).timestamp())]
        return redirect(url_for("login.ask_code", next=target), code=303)

    @pages.get("/login/provider")
    def go_to_provider() -> ResponseReturnValue:
        """Send the browser to the provider; it comes back to `return_from_provider`."""
        if provider is None:
            abort(404)
        session[_NEXT] = safe_target(request.args.get("next"))
        try:
            return provider.begin()
        except LoaError as error:
            return _refuse(error)

    @pages.get("/login/provider/return")
    def return_from_provider() -> ResponseReturnValue:
        """Sign in whom the provider names."""
        if provider is None:
            abort(404)
        target = session.get(_NEXT)
        try:
            identity, settings, now = provider.finish(), runtime.settings, datetime.now(UTC)
            roles, creates = settings.oidc_roles, settings.oidc_creates
            account = accounts.find_or_link(runtime, identity, roles=roles, creates=creates, now=now)
            user = or_raise(account, NotAllowed("oidc_no_account"))
            if current_user.is_authenticated and current_user.id != user.id:
                raise NotAllowed("oidc_other_user")
        except LoaError as error:
            return _refuse(error)
        if current_user.is_authenticated:  # it was to confirm who it is: the session is a new one
            accounts.sign_out_of(runtime, current_user.session_id, user_id=user.id, now=datetime.now(UTC))
            logout_user()
        reset_session()
        session[BY_PROVIDER] = True
        return go_on(user, target, asks_code=runtime.settings.oidc_second_factor == "own")

    @pages.get("/login/provider/end")
    def leave_provider() -> ResponseReturnValue:
        """Sign out at the provider as well."""
        if provider is None:
            abort(404)
        try:
            return provider.end()
        except LoaError as error:
            return _refuse(error)

    @pages.get("/login/code")
    def ask_code() -> ResponseReturnValue:
        """Ask for the second factor."""
        if _pending_user(runtime) is None:
            return redirect(url_for("login.show", next=request.args.get("next")))
        return render_template("sign_in/code.html", error="")

    @pages.post("/login/code")
    def check() -> ResponseReturnValue:
        """Check the second factor: a code from the phone, or a recovery code."""
        user = _pending_user(runtime)
        if user is None:
            flash(_("Đã quá 5 phút kể từ khi gõ mật khẩu. Hãy đăng nhập lại từ đầu."), "warning")
            return redirect(url_for("login.show", next=request.args.get("next")), code=303)
        verdict = second_factor.check_code(
            runtime,
            user.id,
            request.form.get("code", "")[:40],
            secret_key=runtime.settings.keys_of(Purpose.SECOND_FACTORS),
            now=datetime.now(UTC),
        )
        g.refused_user = user.id
        if verdict is second_factor.CodeCheck.WAIT:
            error = _("Đã gõ sai mã quá nhiều lần. Vì an toàn, hãy đợi 15 phút rồi thử lại.")
            return render_template("sign_in/code.html", error=error), 429
        if verdict is second_factor.CodeCheck.WRONG:
            error = _("Mã không đúng hoặc đã dùng rồi. Hãy đợi mã tiếp theo hiện trên điện thoại và gõ lại.")
            return render_template("sign_in/code.html", error=error), 401
        reset_session(BY_PROVIDER)
        if verdict is second_factor.CodeCheck.RECOVERED:
            with runtime.db.read() as db:
                left = second_factor.count_recovery_codes(db, user.id)
            flash(
                _(
                    "Đã dùng một mã khôi phục, còn %(left)s mã. Có thể tạo mã mới ở trang tài khoản.",
                    left=left,
                ),
                "warning",
            )
        return start_session(runtime, user)

    @pages.get("/login/confirm")
    @login_required
    def ask_password() -> ResponseReturnValue:
        """Ask for the password again before an export or a change of the second factor."""
        return render_template("sign_in/confirm.html", error="")

    @pages.post("/login/confirm")
    @login_required
    def confirm() -> ResponseReturnValue:
        """Check the password again."""
        if not may_try_own_password(runtime.redis, current_user.id):
            error = _(
                "Đã thử sai quá nhiều lần. Vì an toàn, hãy đợi %(minutes)s phút rồi thử lại.", minutes=15
            )
            return render_template("sign_in/confirm.html", error=error), 429
        with runtime.db.read() as db:
            user = db.get(User, current_user.id)
        if not accounts.check_password(user, request.form.get("password", "")):
            log.warning("login.confirm_refused user=%s", current_user.id)
            error = _("Mật khẩu không đúng. Hãy thử lại.")
            return render_template("sign_in/confirm.html", error=error), 401
        accounts.confirm_session(runtime, current_user.session_id, now=datetime.now(UTC))
        return redirect(safe_target(request.args.get("next")), code=303)

    @pages.get("/login/forgotten")
    def forgotten() -> ResponseReturnValue:
        """Ask for the address that a reset link is mailed to."""
        return render_template(
            "sign_in/forgotten.html", has_mail=bool(runtime.settings.smtp_url), asked=False, error=""
        )

    @pages.post("/login/forgotten")
    def ask_for_link() -> ResponseReturnValue:
        """Mail a reset link.

        The answer and its duration are the same whether the address has an account or not.
        """
        email, has_mail = request.form.get("email", ""), bool(runtime.settings.smtp_url)
        allowed = count_request(runtime.redis, email=email, address=request.remote_addr or "")
        if allowed is ResetRequestDecision.WAIT:
            error = _("Đã yêu cầu quá nhiều lần từ nơi này. Hãy đợi một giờ, hoặc nhờ người quản trị.")
            page = render_template("sign_in/forgotten.html", has_mail=has_mail, asked=False, error=error)
            return page, 429
        if has_mail and allowed is ResetRequestDecision.YES:
            with runtime.db.read() as db:
                user = accounts.find_by_email(db, email)
            enqueue_reset_mail(runtime, user.id if user else 0)
        return render_template("sign_in/forgotten.html", has_mail=has_mail, asked=True, error="")

    @pages.post("/logout")
    def sign_out() -> ResponseReturnValue:
        """End the session."""
        if current_user.is_authenticated:
            me = current_user
            accounts.sign_out_of(runtime, me.session_id, user_id=me.id, now=datetime.now(UTC))
        is_by_provider = session.get(BY_PROVIDER)
        logout_user()
        reset_session()
        return redirect(url_for("login.show", left=1 if is_by_provider else None), code=303)

    @pages.post("/language")
    def choose_language() -> ResponseReturnValue:
        """Choose the language of the pages."""
        session["language"] = "en" if request.form.get("language") == "en" else "vi"
        return redirect(safe_target(request.form.get("next")), code=303)

    return pages


def _refuse(error: LoaError) -> ResponseReturnValue:
    """Show the page of signing in with why the provider's way did not open."""
    status = 401 if isinstance(error, NotAllowed) else 503
    return render_template("sign_in/login.html", error=show_error(error), email=""), status


def _pending_user(runtime: Runtime) -> User | None:
    """Return the user who gave the right password and still owes the code, or None."""
    user_id, stamp, at = session.get(_PENDING_LOGIN) or (0, "", 0)
    if datetime.now(UTC) > datetime.fromtimestamp(at, UTC) + CODE_WITHIN:
        return None
    with runtime.db.read() as db:
        return find_user(db, str(user_id), stamp)
