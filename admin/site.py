"""The admin site: Flask-Admin with views, layout, languages, sign-in, CSRF protection and error pages.

Also its security headers (a Content-Security-Policy with a nonce: nothing inline, nothing from other hosts) and
the higher size limit for the campaign form, which holds all texts for residents in up to seven languages.
"""

import secrets
from base64 import b64encode
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    has_app_context,
    has_request_context,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import Babel, Domain, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from admin.api.problems import is_api, problem_from_http
from admin.first_setup import create_first_setup
from admin.permissions import may_open
from admin.sign_in import create_login_pages, install_login
from admin.views.account import AccountView, SecondFactorView, create_invitations, filters_here
from admin.views.activities import ActivitiesView
from admin.views.agencies import AgenciesView
from admin.views.audit import AuditView, ChecksView, DataProtectionView, PrivacyRequestsView, SecurityView
from admin.views.base import asks_password
from admin.views.campaigns import CalendarView, CampaignsView, SendingView
from admin.views.contacts import ContactsView
from admin.views.gateways import GatewaysView, SettingsView, TemplatesView
from admin.views.home import GuidesView, HomeView, NoticesView, SearchView, count_notices, section_of
from admin.views.imports import ImportsView, allow_large_uploads
from admin.views.inbox import AlikeView, InboxView, ReplyLogView
from admin.views.kinds import KindsView
from admin.views.lists import ListsView
from admin.views.progress import InstallsView, ProgressView, ReachView
from admin.views.registers import DoNotCallView, IncidentsView, SavedTextsView, SendersView
from admin.views.reports import DrivesView, GoalsView, ReportView, UrgingsView
from admin.views.rescue import RescueView
from admin.views.users import OrganisationsView, TokensView, UsersView, WebhooksView
from admin.views.visits import HandOverView, VisitOfficersView, VisitsView
from admin.wording import filters
from admin.wording.errors import command_language, show_error
from campaigns.lifecycle import is_stopped
from campaigns.rules.sending_hours import VIETNAM
from campaigns.web.responses import public_page
from deploy import LANGUAGES
from outreach.core.sentences import DEFAULT_LANGUAGE
from outreach.core.settings import IMAGES
from outreach.models.accounts import Role
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


class RowNumber(IntegerConverter):
    """URL converter `<int:…>` that gives 404 for numbers larger than a database id (64 bits)."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


def install_admin(app: Flask, runtime: Runtime, *, without_csrf: list[Any]) -> None:
    """Add the admin site to the application.

    `without_csrf`: blueprints whose callers authenticate by a signature or a token.
    """
    is_https = runtime.settings.public_base_url.startswith("https:")
    app.url_map.converters["int"] = RowNumber
    app.config.update(
        BABEL_DEFAULT_LOCALE=DEFAULT_LANGUAGE,
        BABEL_DEFAULT_TIMEZONE="Asia/Ho_Chi_Minh",
        WTF_CSRF_TIME_LIMIT=None,  # valid as long as the session: a page left open over lunch must still save
        WTF_CSRF_SSL_STRICT=is_https,
    )
    Babel(app, locale_selector=_language).domain_instance = _Catalogue()
    install_headers(app, is_https=is_https)
    allow_large_uploads(app)
    allow_long_forms(app)
    csrf = CSRFProtect(app)
    for blueprint in without_csrf:
        csrf.exempt(blueprint)
    install_login(app, runtime)
    app.register_blueprint(create_login_pages(runtime))
    app.register_blueprint(create_invitations(runtime))
    app.register_blueprint(create_first_setup(runtime))
    app.register_blueprint(
        Blueprint("static_files", __name__, static_folder="static", static_url_path="/static")
    )
    views = [view(runtime) for _group, some in _VIEWS for view in some]
    admin = Admin(
        app,
        name="Loa",
        index_view=HomeView(runtime, views[0].audiences),
        theme=Bootstrap4Theme(base_template="layout/base.html", fluid=True),
        csp_nonce_generator=csp_nonce,
    )
    for view in views:
        admin.add_view(view)
    filters.install_filters(app)
    _install_pages(app, runtime)


# All views except the home page in the order of the menu, by the group of an administrator's menu that they stand in.
_VIEWS: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    ("", (CampaignsView, CalendarView, InboxView, RescueView, ProgressView, AgenciesView, ReportView)),
    ("", (ActivitiesView, VisitsView, VisitOfficersView, DrivesView, UrgingsView, KindsView, GoalsView)),
    ("", (ContactsView, PrivacyRequestsView, DataProtectionView, ListsView, ImportsView)),
    (_l("Mọi người"), (OrganisationsView, UsersView)),
    (_l("Gửi tin"), (SendersView, GatewaysView, TemplatesView, DoNotCallView)),
    (_l("Hệ thống"), (SettingsView, AuditView, SecurityView, ChecksView, TokensView, WebhooksView)),
    (
        "",
        (AccountView, SecondFactorView, SendingView, IncidentsView, SavedTextsView, InstallsView, ReachView),
    ),
    ("", (ReplyLogView, AlikeView, HandOverView, GuidesView, SearchView, NoticesView)),
)
_MENU_GROUPS = {view.endpoint: group for group, views in _VIEWS for view in views}


class _Catalogue(Domain):
    """Looks up a request's language once: a page asks for 320 texts, each of which looked for it anew."""

    def get_translations(self) -> Any:
        kept = vars(g._get_current_object()).get("_flask_babel") if has_app_context() else None
        found = kept and vars(kept).get("babel_translations")  # `force_locale` takes it away and puts it back
        if found is None:
            found = super().get_translations()
            if kept:
                kept.babel_translations = found
        return found


def _language() -> str:
    """Return the language that the user of the pages chose, that the API's caller or the command asks for."""
    if not has_request_context():
        return command_language()
    if is_api():
        return request.accept_languages.best_match(LANGUAGES) or DEFAULT_LANGUAGE
    chosen = session.get("language")
    return chosen if chosen in LANGUAGES else DEFAULT_LANGUAGE


@cache
def _read_logo(logo: str) -> str:
    """Return the office's emblem as an address that holds the image itself; "" without one. Nothing in an SVG runs there."""
    if not logo or logo.startswith("data:"):
        return logo
    file = Path(logo)
    return f"data:{IMAGES[file.suffix.lower()]};base64,{b64encode(file.read_bytes()).decode()}"


def _install_pages(app: Flask, runtime: Runtime) -> None:
    @app.context_processor
    def common() -> dict[str, Any]:
        return {
            "is_live": runtime.settings.is_live,
            "language": str(get_locale() or "vi"),
            "now": datetime.now(VIETNAM),
            "me": current_user,
            "may": may,
            "menu_group": menu_group,
            "sending_stopped": sending_stopped,
            "training_phones": training_phones,
            "guide_here": guide_here,
            "filters_here": lambda: filters_here(runtime),
            "notice_count": lambda: count_notices(runtime),
            "emblem": lambda: (
                _read_logo(runtime.settings.office_logo) or url_for("static_files.static", filename="loa.svg")
            ),
        }

    def menu_group(endpoint: str) -> str:
        """Return the group of the administrator's menu that a page stands in, "" for none; others have few pages."""
        return str(_MENU_GROUPS.get(endpoint, "")) if current_user.role is Role.ADMINISTRATOR else ""

    def may(endpoint: str) -> bool:
        return bool(current_user.is_authenticated and may_open(current_user.role, endpoint))

    app.jinja_env.globals["asks_password"] = asks_password

    def guide_here() -> str:
        """Return the URL of the guide section about the current page."""
        guide, anchor = section_of(request.endpoint)
        return url_for("guides.show", guide=guide, _anchor=anchor or None)

    def sending_stopped() -> bool:
        with runtime.db.read() as db:
            return is_stopped(db)

    def training_phones() -> str:
        """Return the URL of the simulator's phones for a link, or "".

        The link is shown only in training, to a browser on the machine where the simulator runs.
        """
        settings = runtime.settings
        page_host, api_host = (urlsplit(url).hostname for url in (request.host_url, settings.api_base_url))
        return settings.api_base_url if {page_host, api_host} <= THIS_MACHINE and not settings.is_live else ""

    def page(status: int, title: str, what_to_do: str) -> ResponseReturnValue:
        if request.accept_mimetypes.best == "application/json":
            return {"error": title}, status
        return render_template("layout/error.html", title=title, what_to_do=what_to_do), status

    @app.errorhandler(403)
    def forbidden(error: HTTPException) -> ResponseReturnValue:
        todo = _("Tài khoản này không được giao việc này. Nếu cần, hãy đề nghị người quản trị.")
        return page(403, _("Tài khoản không có quyền xem trang này"), todo) if _is_admin_path() else error

    @app.errorhandler(404)
    def not_found(error: HTTPException) -> ResponseReturnValue:
        if is_api():
            return problem_from_http(error)
        if not _is_admin_path():
            return public_page("no_such_link.html", 404)
        todo = _("Trang không tồn tại hoặc nằm ngoài phạm vi được giao. Hãy quay về trang chủ.")
        return page(404, _("Không có trang này"), todo)

    @app.errorhandler(405)
    def wrong_method(error: HTTPException) -> ResponseReturnValue:
        return problem_from_http(error) if is_api() else error

    @app.errorhandler(CSRFError)
    def forged(_error: Exception) -> ResponseReturnValue:
        todo = _("Chưa có gì được lưu. Hãy quay lại trang trước, tải lại rồi gửi lần nữa.")
        return page(400, _("Biểu mẫu đã hết hạn"), todo)

    @app.errorhandler(OverflowError)
    @app.errorhandler(DataError)
    def unusable(_error: Exception) -> ResponseReturnValue:
        """Answer a value that the database cannot store; no form of ours produces one."""
        if not _is_admin_path():
            return public_page("try_later.html", 500)
        todo = _(
            "Có số quá lớn hoặc ký tự không hợp lệ. Chưa có gì được lưu. Hãy quay lại trang trước rồi thử lại."
        )
        return page(400, _("Địa chỉ hoặc biểu mẫu có giá trị không dùng được"), todo)

    @app.errorhandler(LoaError)
    def refused(error: LoaError) -> ResponseReturnValue:
        return page(422, _("Chưa thực hiện được"), show_error(error))


def _is_admin_path() -> bool:
    return request.path.startswith(("/admin", "/login", "/logout", "/language", "/setup", "/static"))


_POLICY = (
    "default-src 'self'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def csp_nonce() -> str:
    """Return this request's CSP nonce, which every script and style element must carry."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def install_headers(app: Flask, *, is_https: bool) -> None:
    """Set security headers on every response.

    Responses that already have a Content-Security-Policy (residents' pages) set the other headers themselves.
    """
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SECURE=is_https,
    )
    app.jinja_env.globals["csp_nonce"] = csp_nonce

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        if is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if "Content-Security-Policy" in headers:
            return response
        # Flask's redirect to the URL with a trailing slash repeats the Host header, which the client chooses: keep the path only.
        if headers.get("Location", "").startswith(request.host_url):
            headers["Location"] = headers["Location"].removeprefix(request.host_url.rstrip("/"))
            response.set_data("")
        headers["Content-Security-Policy"] = _POLICY.format(nonce=csp_nonce())
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not headers.get("Cache-Control"):
            headers["Cache-Control"] = "no-store"
        return response


LONGEST = 1024 * 1024  # bytes; a letter with an accent takes nine of them in a form
_LONG_FORMS = frozenset(
    {"campaigns.create", "campaigns.edit", "campaigns.keep", "campaigns.preview", "campaigns.texts"}
)


def allow_long_forms(app: Flask) -> None:
    """Raise the size limit of the campaign forms for users who may send them.

    Call before CSRFProtect reads forms.
    """

    @app.before_request
    def allow() -> None:
        if limit := long_form_limit():
            request.max_content_length = request.max_form_memory_size = limit


def long_form_limit() -> int:
    """Return the size limit of this request if it is a campaign form of a user who may send it, else 0."""
    endpoint = request.endpoint
    is_allowed = (
        endpoint in _LONG_FORMS and current_user.is_authenticated and may_open(current_user.role, endpoint)
    )
    return LONGEST if is_allowed else 0
