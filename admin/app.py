"""The Flask application with its pages, API and command line, and the ASGI application in front of it."""

import sys
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from flask import Flask, Request, Response, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.middleware.proxy_fix import ProxyFix

from admin.api.document import create_api
from admin.api.routing import find_bearer
from admin.cli import register_commands
from admin.health import create_health
from admin.refusals import note_refusals
from admin.site import install_admin, long_form_limit
from admin.views.imports import upload_limit
from admin.views.rescue import create_team_page
from admin.visits_app.routes import create_visits_app
from campaigns.web.answer_page import AnswerPageApp, AnswerPageService, create_answer_page
from campaigns.web.asgi import Application, WsgiBridge
from campaigns.web.exchange import create_exchange
from campaigns.web.gateway_callbacks import (
    StatusCallbackApp,
    create_aggregator_callbacks,
    create_gateway_callbacks,
    create_reply_channels,
)
from campaigns.web.link_pages import create_agency_page, create_report_page, create_urge_page
from campaigns.web.public_page import create_public_page, create_safety_page
from campaigns.web.responses import register_error_pages
from outreach.accounts import audit
from outreach.core.logs import REQUEST_HEADER, begin_request, request_id, set_up_logs
from outreach.core.settings import Settings
from outreach.imports.uploads import LARGEST
from outreach.rules.keys import Purpose
from outreach.rules.texts import clean_text
from outreach.runtime import Runtime, open_runtime

# A webhook or an answer is a few hundred bytes; uploads of lists have their own limit.
MAX_FORM_BYTES = 64 * 1024
THREADS = 16  # per web process


def _clean(name: str, value: str) -> str:
    return value.replace("\0", "") if "password" in name else clean_text(value)


class _CleanFields(ImmutableMultiDict[str, Any]):
    """Form fields of clean text; a password is as it was typed, but for NUL."""

    def __init__(self, fields: Any = None) -> None:
        pairs = fields.items(multi=True) if isinstance(fields, ImmutableMultiDict) else fields or ()
        super().__init__(
            [
                (name, _clean(name, value) if isinstance(value, str) else value)  # files are fields, too
                for name, value in pairs
            ]
        )


class _Request(Request):
    @property
    def parameter_storage_class(self) -> type[ImmutableMultiDict[str, Any]]:  # type: ignore[override]
        # A webhook's signature covers the fields as received; its handler cleans them after checking it.
        return ImmutableMultiDict if self.path.startswith("/webhooks/") else _CleanFields


def create_app(settings: Settings, *, runtime: Runtime | None = None) -> Flask:
    """Return the Flask application with its command line. Opens no connection."""
    runtime = runtime or open_runtime(settings)
    app = Flask("admin", static_folder=None)
    app.extensions["runtime"] = runtime
    app.request_class = _Request
    app.config.update(SECRET_KEY=settings.keys_of(Purpose.SESSIONS), MAX_CONTENT_LENGTH=MAX_FORM_BYTES)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    # In production there is one proxy in front; URLs in texts and signatures use PUBLIC_BASE_URL.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    set_up_logs(settings)
    app.before_request(lambda: audit.set_origin(request.remote_addr or ""))

    @app.before_request
    def refresh() -> None:
        if request.blueprint != "health":
            runtime.refresh(at_once=request.blueprint == "office")

    install_request_ids(app)
    note_refusals(app, runtime)
    register_error_pages(app, runtime.redis)
    answer_page = app.extensions["desk"] = AnswerPageService(runtime)
    # Callers of these authenticate by a signature or a token, so they need no CSRF token.
    without_csrf = [
        create_health(runtime),
        *([create_gateway_callbacks(runtime)] if settings.speaks_twilio else []),
        create_aggregator_callbacks(runtime),
        create_reply_channels(runtime),
        create_exchange(runtime),
        create_answer_page(runtime, answer_page),
        create_public_page(runtime),
        create_safety_page(runtime),
        create_agency_page(runtime),
        create_api(runtime),
        create_report_page(runtime),
        create_visits_app(runtime),
        create_urge_page(runtime),
        create_team_page(runtime),
    ]
    for blueprint in without_csrf:
        app.register_blueprint(blueprint)
    install_admin(app, runtime, without_csrf=without_csrf)
    register_commands(app, runtime, load_front=lambda: create_front(app))
    return app


def install_request_ids(app: Flask) -> None:
    """Give each request an id, the proxy's where it has sent one, and name it in the response."""

    @app.before_request
    def begin() -> None:
        begin_request(request.headers.get(REQUEST_HEADER))

    @app.after_request
    def name(response: Response) -> Response:
        response.headers[REQUEST_HEADER] = request_id()
        return response


def _most_bytes(app: Flask, runtime: Runtime, environ: dict[str, Any]) -> int:
    """Return how large a request may be, before its body is read: large ones are for who may upload, on those paths."""
    with app.request_context({**environ, "wsgi.input": BytesIO()}):
        if request.endpoint == "api.import_contacts":
            return LARGEST if find_bearer(runtime, now=datetime.now(UTC)) else MAX_FORM_BYTES
        return max(MAX_FORM_BYTES, upload_limit(), long_form_limit())


def create_front(app: Flask) -> Application:
    """Return the ASGI application: `app` in threads, the busiest addresses in the event loop.

    Those are status callbacks and residents' pages.
    """
    runtime: Runtime = app.extensions["runtime"]
    # In place of 5 ms: a page that comes back from the database 40 times waits less for another thread each time (p95 of pages
    # under a send 361 ms instead of 493).
    sys.setswitchinterval(0.0005)
    admin_site = WsgiBridge(
        app,
        threads=THREADS,
        usual_bytes=MAX_FORM_BYTES,
        most_bytes=lambda environ: _most_bytes(app, runtime, environ),
        is_slow=lambda environ: (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/login"),
    )
    is_https = runtime.settings.public_base_url.startswith("https:")
    answer_pages = AnswerPageApp(runtime.db, app.extensions["desk"], others=admin_site, is_https=is_https)
    if not runtime.settings.speaks_twilio:
        return answer_pages
    return StatusCallbackApp(runtime, others=answer_pages, most_bytes=MAX_FORM_BYTES)
