"""Bodies of the API's requests, read as JSON and checked against the schema that the document shows, each fault with its place; and errors as
RFC 9457 `application/problem+json`, with a code, and a `detail` in Vietnamese or English.
"""

import hashlib
import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from redis import RedisError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException, UnsupportedMediaType

from admin.wording.errors import show_error
from outreach.rules.errors import BadInput, LoaError, NotAllowed, NotFound, WrongState
from outreach.rules.texts import clean_texts

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


LONGEST_KEY = 100
KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Chosen anew for each handing in; a repeat with the same key and body changes nothing",
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{LONGEST_KEY}}}$"},
}
# The database stores neither half a surrogate pair nor a zero byte.
_NOT_STORED = re.compile("[\ud800-\udfff\0]")
_BOUNDS = [(f"min{kind}", f"max{kind}") for kind in ("Length", "Items", "imum")]
_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}


def read_key() -> str:
    """Return the request's idempotency key. Raises Unreadable."""
    key = request.headers.get("Idempotency-Key", "")
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key):
        raise Unreadable("idempotency_key_wrong", parameter="Idempotency-Key", most=LONGEST_KEY)
    return key


def digest_request() -> str:
    """Return the SHA-256 of the request's address and body, by which a repeat is known."""
    return hashlib.sha256(request.path.encode() + b"\n" + request.get_data()).hexdigest()


def read_json() -> Any:
    """Return the request's body. Raises Unreadable, UnsupportedMediaType."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    body = request.get_data()
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_read_number)
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
    except UnicodeDecodeError as error:
        before = body[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2]) + 1
    except (RecursionError, ValueError):  # too deep; a number of thousands of digits, or one that is none
        line, column = 1, 1
    raise Unreadable("body_not_json", line=line, column=column)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _read_number(text: str) -> float:
    """Return a number; one that is whole is an integer to JSON Schema, however it is written."""
    value = float(text)
    return int(value) if value.is_integer() else value


def read_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's body, which is as the schema of an object says. Raises Malformed, which names the wrong part."""
    body = read_json()
    check_part(body, schema, "")
    return dict(clean_texts(body))


def _is_of(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and isinstance(value, bool) == (
        kind == "boolean"
    )  # a number to Python


def check_part(value: Any, schema: Mapping[str, Any], pointer: str) -> None:
    """Check a part of a body against its schema, by the words of JSON Schema that our bodies use. Raises Malformed."""
    name = pointer.rpartition("/")[2] or "JSON"
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else types
    if types and not any(_is_of(each, value) for each in types):
        raise Malformed("body_part_type_wrong", pointer=pointer, name=name, type="/".join(types))
    if "enum" in schema and value not in schema["enum"]:
        values = list(map(str, schema["enum"]))
        raise Malformed("body_part_not_among", pointer=pointer, name=name, values=values)
    if isinstance(value, str):
        if _NOT_STORED.search(value):
            raise Malformed("text_half_surrogate", pointer=pointer)
        if "pattern" in schema and not re.search(schema["pattern"], value):
            raise Malformed("body_part_form_wrong", pointer=pointer, name=name)
    _check_size(value, schema, pointer, name)
    if isinstance(value, list):
        for place, each in enumerate(value):
            check_part(each, schema.get("items", {}), f"{pointer}/{place}")
    if isinstance(value, dict):
        _check_members(value, schema, pointer)


def _check_size(value: Any, schema: Mapping[str, Any], pointer: str, name: str) -> None:
    size = len(value) if isinstance(value, str | list) else value if isinstance(value, int | float) else None
    for smallest, largest in _BOUNDS:
        least, most = schema.get(smallest), schema.get(largest)
        if size is not None and not (size if least is None else least) <= size <= (
            size if most is None else most
        ):
            raise Malformed(
                "body_part_size_wrong", pointer=pointer, name=name, least=least or 0, most=most or "…"
            )


def _check_members(value: dict[str, Any], schema: Mapping[str, Any], pointer: str) -> None:
    parts, others = schema.get("properties", {}), schema.get("additionalProperties")
    if others is False and (unknown := sorted(value.keys() - parts.keys())):
        part, known = unknown[0], list(parts)
        raise Malformed("body_part_unknown", pointer=_part_of(pointer, part), name=part[:40], parts=known)
    if missing := [each for each in schema.get("required", ()) if each not in value]:
        raise Malformed("body_part_missing", pointer=_part_of(pointer, missing[0]), name=missing[0])
    for part, each in value.items():
        if part not in parts:  # a name that the document does not have may hold anything
            check_part(part, {}, pointer)
        check_part(each, parts.get(part, others or {}), _part_of(pointer, part))


def _part_of(pointer: str, part: str) -> str:
    return f"{pointer}/" + part.replace("~", "~0").replace("/", "~1")
