"""The office put together: Flask-Admin with our own layout, languages, login and protection against forged forms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import Babel, get_locale
from flask_login import current_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from admin import texts
from admin.api.problems import is_api, of_http
from admin.guides import section_of
from admin.headers import csp_nonce, install_headers
from admin.login import install_login
from admin.login_pages import create_login_pages
from admin.permissions import may_open
from admin.views.account import AccountView, create_invitations
from admin.views.agencies import AgenciesView
from admin.views.audit import AuditView
from admin.views.campaigns import CampaignsView
from admin.views.goals import GoalsView
from admin.views.guides import GuidesView
from admin.views.home import HomeView
from admin.views.hooks import HooksView
from admin.views.imports import ImportsView, allow_large_uploads
from admin.views.inbox import InboxView
from admin.views.installs import InstallsView
from admin.views.lists import ListsView
from admin.views.long_forms import allow_long_forms
from admin.views.organisations import OrganisationsView
from admin.views.people import PeopleView
from admin.views.progress import ProgressView
from admin.views.publicity import PublicityView
from admin.views.reach import ReachView
from admin.views.register import RegisterView
from admin.views.reply_log import ReplyLogView
from admin.views.report import ReportView
from admin.views.rights import RightsView
from admin.views.rounds import RoundsView
from admin.views.running import RunningView
from admin.views.second_factor import SecondFactorView
from admin.views.senders import SendersView
from admin.views.tokens import TokensView
from admin.views.users import UsersView
from campaigns.stopping import is_stopped
from campaigns.web.pages import show_page
from campaigns.windows import VIETNAM
from outreach.errors import LoaError
from outreach.runtime import Runtime

LANGUAGES = ("vi", "en")
THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


class RowNumber(IntegerConverter):
    """`<int:…>` in an address. What is larger than the database numbers its rows with leads to no page."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


def install_office(app: Flask, runtime: Runtime, *, without_csrf: list[Any]) -> None:
    """Hang the office on the application. `without_csrf`: blueprints whose callers prove themselves otherwise."""
    is_https = runtime.settings.public_base_url.startswith("https:")
    app.url_map.converters["int"] = RowNumber
    app.config.update(
        BABEL_DEFAULT_LOCALE="vi",
        BABEL_DEFAULT_TIMEZONE="Asia/Ho_Chi_Minh",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a page left open over lunch must still save
        WTF_CSRF_SSL_STRICT=is_https,
    )
    Babel(app, locale_selector=_language)
    install_headers(app, is_https=is_https)
    allow_large_uploads(app)
    allow_long_forms(app)
    csrf = CSRFProtect(app)
    for blueprint in without_csrf:
        csrf.exempt(blueprint)
    install_login(app, runtime)
    app.register_blueprint(create_login_pages(runtime))
    app.register_blueprint(create_invitations(runtime))
    app.register_blueprint(
        Blueprint("office_static", __name__, static_folder="static", static_url_path="/static")
    )
    admin = Admin(
        app,
        name="Loa",
        index_view=HomeView(runtime),
        theme=Bootstrap4Theme(base_template="office/base.html", fluid=True),
        csp_nonce_generator=csp_nonce,
    )
    for view in create_views(runtime):
        admin.add_view(view)
    texts.install_filters(app)
    _install_pages(app, runtime)


def create_views(runtime: Runtime) -> list[Any]:
    """Every page beside the home page, in the menu's order."""
    return [
        CampaignsView(runtime),
        InboxView(runtime),
        ProgressView(runtime),
        AgenciesView(runtime),
        ReportView(runtime),
        PublicityView(runtime),
        RoundsView(runtime),
        GoalsView(runtime),
        PeopleView(runtime),
        RightsView(runtime),
        ListsView(runtime),
        ImportsView(runtime),
        OrganisationsView(runtime),
        UsersView(runtime),
        AuditView(runtime),
        TokensView(runtime),
        HooksView(runtime),
        AccountView(runtime),
        SecondFactorView(runtime),
        SendersView(runtime),
        RegisterView(runtime),
        RunningView(runtime),
        InstallsView(runtime),
        ReachView(runtime),
        ReplyLogView(runtime),
        GuidesView(runtime),
    ]


def _language() -> str:
    chosen = session.get("language")
    return chosen if chosen in LANGUAGES else "vi"


def _install_pages(app: Flask, runtime: Runtime) -> None:
    @app.context_processor
    def common() -> dict[str, Any]:
        return {
            "is_live": runtime.settings.is_live,
            "language": str(get_locale() or "vi"),
            "now": datetime.now(VIETNAM),
            "me": current_user,
            "may": may,
            "sending_stopped": sending_stopped,
            "training_phones": training_phones,
            "guide_here": guide_here,
        }

    def may(endpoint: str) -> bool:
        return bool(current_user.is_authenticated and may_open(current_user.role, endpoint))

    def guide_here() -> str:
        """The section of the guides that tells about the page asked for."""
        guide, anchor = section_of(request.endpoint)
        return url_for("guides.show", guide=guide, _anchor=anchor or None)

    def sending_stopped() -> bool:
        with runtime.db.read() as db:
            return is_stopped(db)

    def training_phones() -> str:
        """Where the training phones are seen; empty where they are not, or only a browser elsewhere asks."""
        settings = runtime.settings
        asked, spoken = (urlsplit(url).hostname for url in (request.host_url, settings.api_base_url))
        return settings.api_base_url if {asked, spoken} <= THIS_MACHINE and not settings.is_live else ""

    def page(status: int, title: str, what_to_do: str) -> ResponseReturnValue:
        if request.accept_mimetypes.best == "application/json":
            return {"error": title}, status
        return render_template("office/error.html", title=title, what_to_do=what_to_do), status

    @app.errorhandler(403)
    def forbidden(error: HTTPException) -> ResponseReturnValue:
        return page(403, *texts.forbidden()) if _is_ours() else error

    @app.errorhandler(404)
    def not_found(error: HTTPException) -> ResponseReturnValue:
        if is_api():
            return of_http(error)
        return page(404, *texts.not_found()) if _is_ours() else show_page("no_such_link.html", 404)

    @app.errorhandler(405)
    def wrong_method(error: HTTPException) -> ResponseReturnValue:
        return of_http(error) if is_api() else error

    @app.errorhandler(CSRFError)
    def forged(_error: Exception) -> ResponseReturnValue:
        return page(400, *texts.form_expired())

    @app.errorhandler(OverflowError)
    @app.errorhandler(DataError)
    def unusable(_error: Exception) -> ResponseReturnValue:
        """A number or a letter that no database takes; no page offers one."""
        return page(400, *texts.unusable()) if _is_ours() else show_page("try_later.html", 500)

    @app.errorhandler(LoaError)
    def refused(error: LoaError) -> ResponseReturnValue:
        return page(409, texts.refused_title(), str(error))


def _is_ours() -> bool:
    return request.path.startswith(("/admin", "/login", "/logout", "/language", "/static"))
