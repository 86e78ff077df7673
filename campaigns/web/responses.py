"""How the residents' pages leave the house: their headers, and a page in their language for whatever goes wrong."""

from __future__ import annotations

import logging
import traceback

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)
# Nothing is loaded from anywhere, nothing runs, nobody frames it, and the token goes to no other site.
# A form may end elsewhere over https: "install" redirects to the store, which may redirect in turn, and
# Chromium holds every stop of such a journey against form-action.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https:; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
RETRY_AFTER_S = 60


def public_page(template: str, status: int = 200, **values: object) -> Response:
    """A page of ours with the headers of all of them."""
    return add_security_headers(make_response(render_template(template, **values), status))


def add_security_headers(response: object) -> Response:
    """Any response of the residents' site."""
    made = make_response(response)
    made.headers.update(HEADERS)
    return made


def register_error_pages(app: Flask) -> None:
    """A page for each failure, and a log entry without a token, a number, a name or a text.

    The database away is 503 and one line; a fault of ours is 500 and the places it came through. The
    error's own words stay out of the log: SQLAlchemy quotes the values of the statement in them.
    """

    @app.errorhandler(404)
    def no_such_page(_error: HTTPException) -> ResponseReturnValue:
        return public_page("no_such_link.html", 404)

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(NoConnectionFree)
    def database_away(error: Exception) -> ResponseReturnValue:
        log.warning("web.database_away at=%s error=%s", request.url_rule, type(error).__name__)
        response = public_page("try_later.html", 503)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @app.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        if isinstance(error, HTTPException):
            return error
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("web.fault at=%s error=%s\n%s", request.url_rule, type(error).__name__, places)
        return public_page("try_later.html", 500)
