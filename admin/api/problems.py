"""Errors of the API as RFC 9457 `application/problem+json`, with a code, and a `detail` in Vietnamese or English."""

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from redis import RedisError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

from admin.wording.errors import show_error
from outreach.rules.errors import BadInput, LoaError, NotAllowed, NotFound, WrongState

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
BEGINS = "/api/"
# By status: the problem's title, whose code has its name, and its detail unless there is a more exact one.
_KINDS: dict[int, tuple[LoaError, LoaError]] = {
    400: (LoaError("title_bad_request"), LoaError("api_bad_request")),
    401: (LoaError("title_unauthorized"), LoaError("api_unauthorized")),
    403: (LoaError("title_forbidden"), LoaError("api_forbidden")),
    404: (LoaError("title_not_found"), LoaError("api_not_found")),
    405: (LoaError("title_method_not_allowed"), LoaError("api_method_not_allowed")),
    409: (LoaError("title_conflict"), LoaError("api_conflict")),
    413: (LoaError("title_too_large"), LoaError("api_too_large")),
    415: (LoaError("title_unsupported_media_type"), LoaError("api_unsupported_media_type")),
    422: (LoaError("title_unprocessable"), LoaError("api_unprocessable")),
    429: (LoaError("title_too_many_requests"), LoaError("api_too_many_requests")),
    500: (LoaError("title_fault"), LoaError("api_fault")),
    503: (LoaError("title_unavailable"), LoaError("api_unavailable")),
}
RETRY_AFTER_S = 30
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`urn:loa:` and the problem's name"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "what is wrong, the same in every language"},
        "detail": {
            "type": "string",
            "description": "what is wrong and what to do, in Vietnamese or as `Accept-Language` asks in English",
        },
        "pointer": {"type": "string", "description": "RFC 6901: which part of the body is meant"},
        "parameter": {"type": "string", "description": "which parameter or header is meant"},
    },
}


def problem(
    status: int, error: LoaError | None = None, *, parameter: str | None = None, **headers: str
) -> Response:
    """Return an error response; header names have `_` for `-`."""
    title, default = _KINDS.get(status, (LoaError("title_failed"), LoaError("api_failed")))
    name = title.code.removeprefix("title_").replace("_", "-") if status in _KINDS else f"status-{status}"
    error = error or default
    body: dict[str, Any] = {
        "type": f"urn:loa:{name}",
        "title": show_error(title),
        "status": status,
        "code": error.code,
        "detail": show_error(error),
    }
    if error.pointer is not None:
        body["pointer"] = error.pointer
    if parameter is not None:
        body["parameter"] = parameter
    if status == 401:
        headers.setdefault("WWW_Authenticate", 'Bearer realm="loa"')
    if status in (429, 503):
        headers.setdefault("Retry_After", str(RETRY_AFTER_S))
    return Response(
        json.dumps(body, ensure_ascii=False),
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        content_type=MEDIA_TYPE,
    )


class Malformed(BadInput):
    """A body that does not match the document; `pointer` is the wrong part, as in RFC 6901."""

    def __init__(self, code: str, /, *, pointer: str = "", **parameters: Any) -> None:
        super().__init__(code, **parameters)
        self.pointer = pointer


class Unreadable(BadInput):
    """A request that cannot be read; `parameter` is the parameter or header that is wrong, None: its body."""

    def __init__(self, code: str, /, *, parameter: str | None = None, **parameters: Any) -> None:
        super().__init__(code, **parameters)
        self.parameter = parameter
        self.pointer = None if parameter else ""


@contextmanager
def pointing(**parts: str) -> Iterator[None]:
    """Let errors name the part of the body that is wrong, each by the beginning of its code."""
    try:
        yield
    except LoaError as error:
        if error.pointer is None:
            key = error.parameters.get("key")
            named = (part for begin, part in parts.items() if error.code.startswith(begin))
            error.pointer = f"/{key}" if key else next(named, None)
        raise


def is_api() -> bool:
    """Return whether the current request is for the API, even if no route matches."""
    return request.path.startswith(BEGINS)


def problem_from_http(error: HTTPException) -> Response:
    """Return an HTTP error of Flask as a problem."""
    allowed = dict(error.get_headers()).get("Allow")
    answer = problem(error.code or 500)
    if allowed:
        answer.headers["Allow"] = allowed
    return answer


def install_problems(blueprint: Blueprint) -> None:
    """Add the error handlers to the blueprint; for unknown routes the application uses `is_api`."""

    @blueprint.errorhandler(404)
    @blueprint.errorhandler(403)
    @blueprint.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        return problem_from_http(error)

    @blueprint.errorhandler(Unreadable)
    def unreadable(error: Unreadable) -> ResponseReturnValue:
        return problem(400, error, parameter=error.parameter)

    @blueprint.errorhandler(LoaError)
    def refused(error: LoaError) -> ResponseReturnValue:
        kinds = ((BadInput, 422), (NotFound, 404), (NotAllowed, 403), (WrongState, 409))
        status = next((status for kind, status in kinds if isinstance(error, kind)), 409)
        is_key = error.code == "idempotency_key_reused"
        return problem(status, error, parameter="Idempotency-Key" if is_key else None)

    @blueprint.errorhandler(OverflowError)
    @blueprint.errorhandler(DataError)
    def unusable(_error: Exception) -> ResponseReturnValue:
        """Answer a value that the database cannot store: a row with such an id does not exist."""
        return problem(404 if request.method == "GET" else 422)

    @blueprint.errorhandler(OperationalError)
    @blueprint.errorhandler(InterfaceError)
    @blueprint.errorhandler(NoConnectionFree)
    @blueprint.errorhandler(RedisError)
    def away(error: Exception) -> ResponseReturnValue:
        log.warning("api.server_away at=%s error=%s", request.url_rule, type(error).__name__)
        return problem(503)

    @blueprint.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        # Log the place only: the error's message may quote numbers and names.
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("api.fault at=%s error=%s\n%s", request.url_rule, type(error).__name__, places)
        return problem(500)
