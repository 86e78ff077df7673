"""Where the web is put together."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.middleware.proxy_fix import ProxyFix

from admin.api.document import create_api
from admin.cli import register_commands
from admin.health import create_health
from admin.office import install_office
from campaigns.web.agency_page import create_agency_page
from campaigns.web.answer_page import create_answer_page
from campaigns.web.desk import Desk
from campaigns.web.page_calls import PageCalls
from campaigns.web.pages import register_error_pages
from campaigns.web.report_page import create_report_page
from campaigns.web.roads import create_roads
from campaigns.web.status_calls import StatusCalls
from campaigns.web.threaded import Application, Threaded
from campaigns.web.webhooks import create_webhooks
from outreach.access import audit
from outreach.logs import set_up_logs
from outreach.people.importing.uploads.receiving import LARGEST
from outreach.runtime import Runtime, open_runtime
from outreach.settings import Settings

# A webhook or an answer is a few hundred bytes; lists come by another road.
MAX_FORM_BYTES = 64 * 1024

THREADS = 16  # of one of the web's processes


class _Typed(ImmutableMultiDict[str, Any]):
    """Fields without NUL: nobody types it, and PostgreSQL has no place for it in a text."""

    def __init__(self, fields: Any = None) -> None:
        pairs = fields.items(multi=True) if isinstance(fields, ImmutableMultiDict) else fields or ()
        super().__init__(
            [(name, value.replace("\0", "") if isinstance(value, str) else value) for name, value in pairs]
        )


class _Request(Request):
    @property
    def parameter_storage_class(self) -> type[ImmutableMultiDict[str, Any]]:  # type: ignore[override]
        # A signature is over the fields as they came; the webhooks clean them once it is checked.
        return ImmutableMultiDict if self.path.startswith("/webhooks/") else _Typed


def create_app(settings: Settings, *, runtime: Runtime | None = None) -> Flask:
    """The Flask application, with the command line. Connects to nothing yet."""
    runtime = runtime or open_runtime(settings)
    app = Flask("admin", static_folder=None)
    app.extensions["runtime"] = runtime
    app.request_class = _Request
    app.config.update(SECRET_KEY=settings.secret_key, MAX_CONTENT_LENGTH=MAX_FORM_BYTES)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    # One proxy stands in front in production; addresses in texts and signatures come from PUBLIC_BASE_URL.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    set_up_logs(settings)
    app.before_request(lambda: audit.come_from(request.remote_addr or ""))
    register_error_pages(app)
    desk = app.extensions["desk"] = Desk(runtime)
    # Their callers prove themselves by a signature or by a token.
    for_outsiders = [
        create_health(runtime),
        create_webhooks(runtime),
        create_roads(runtime),
        create_answer_page(runtime, desk),
        create_agency_page(runtime),
        create_api(runtime),
        create_report_page(runtime),
    ]
    for blueprint in for_outsiders:
        app.register_blueprint(blueprint)
    install_office(app, runtime, without_csrf=for_outsiders)
    register_commands(app, runtime)
    return app


def create_front(app: Flask) -> Application:
    """`app` for a server with an event loop: its requests in threads, status callbacks and residents' pages without."""
    runtime: Runtime = app.extensions["runtime"]
    office = Threaded(app, threads=THREADS, most_bytes=LARGEST + MAX_FORM_BYTES)
    is_https = runtime.settings.public_base_url.startswith("https:")
    pages = PageCalls(runtime.db, app.extensions["desk"], others=office, is_https=is_https)
    return StatusCalls(runtime, others=pages, most_bytes=MAX_FORM_BYTES)
