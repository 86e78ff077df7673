"""Responses of the residents' site: security headers, and error pages in their language."""

import logging
import traceback
from contextlib import suppress
from typing import Any

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from redis import Redis, RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)
# Nothing is loaded, no script runs, no site frames the page, and the token goes to no other site.
# A form may end elsewhere over https: "install" redirects to the store, which may redirect in turn, and
# Chromium checks every redirect on the way against form-action.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https:; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
RETRY_AFTER_S = 60
# How many requests failed since Redis was last emptied.
ERRORS_KEY = "loa:http-errors"


def public_page(template: str, status: int = 200, **values: object) -> Response:
    """Render a page of the residents' site, with its security headers."""
    return add_security_headers(make_response(render_template(template, **values), status))


def add_security_headers(response: object) -> Response:
    """Add the security headers of the residents' site to any response."""
    with_headers = make_response(response)
    with_headers.headers.update(HEADERS)
    return with_headers


def note_error(redis: Redis) -> None:
    """Count a request that failed through a fault of ours, for the metrics. Without Redis nothing is counted."""
    with suppress(RedisError):
        redis.incr(ERRORS_KEY)


def count_errors(redis: Redis) -> int:
    """Return how many requests failed since Redis was last emptied. Raises RedisError."""
    count: Any = redis.get(ERRORS_KEY)
    return int(count or 0)


def register_error_pages(app: Flask, redis: Redis) -> None:
    """Register a page for each failure, and a log entry without a token, a number, a name or a text; failures are counted.

    The database away is 503 and one line; a fault of ours is 500 and the stack. The error's message stays out of the log:
    SQLAlchemy quotes the values of the statement in it.
    """

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(NoConnectionFree)
    def database_away(error: Exception) -> ResponseReturnValue:
        log.warning("web.database_away at=%s error=%s", request.url_rule, type(error).__name__)
        response = public_page("try_later.html", 503)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @app.after_request
    def count(response: Response) -> Response:
        # The probes answer 503 for what they have found.
        if response.status_code >= 500 and request.blueprint != "health":
            note_error(redis)
        return response

    @app.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        if isinstance(error, HTTPException):
            return error
        stack = "".join(traceback.format_tb(error.__traceback__))
        log.error("web.fault at=%s error=%s\n%s", request.url_rule, type(error).__name__, stack)
        return public_page("try_later.html", 500)
