"""Routes with their OpenAPI, authentication, paging.

A route and what the OpenAPI document says of it, told in one place.

Who may come in: a token that opens, with the right that the route asks for, and not too often.

Pages of a list: so many rows at most, and where the next page is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, request
from redis import RedisError
from werkzeug.exceptions import BadRequest

from admin.api.problems import MEDIA_TYPE, install_problems, problem
from outreach.accounts.api_tokens import Bearer, authenticate_token, record_use
from outreach.core.rate_limits import hit
from outreach.models.accounts import Right
from outreach.runtime import Runtime

PREFIX = "/api/v1"
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
# What the database numbers its rows with.
ID: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_PROBLEMS = {
    400: "Not readable",
    401: "No token, or one that opens nothing",
    403: "The token lacks the right",
    404: "Not there, or outside the token's scope",
    409: "Something else happened meanwhile",
    413: "Too large",
    415: "Not JSON",
    422: "Readable and not usable",
    429: "Too often; see Retry-After",
    503: "A server behind is away; see Retry-After",
}


def ref(name: str) -> dict[str, Any]:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


class Api:
    """The blueprint with its document. A route without a right is open to everybody."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
        self.paths: dict[str, dict[str, Any]] = {}
        self._rights: dict[str, Right] = {}
        self._asked: dict[str, set[str]] = {}  # what a query may name
        install_problems(self.blueprint)
        self.blueprint.before_request(self._let_in)
        self.blueprint.after_request(_tag)

    def route(
        self,
        method: str,
        path: str,
        *,
        right: Right | None,
        summary: str,
        answers: Mapping[int, tuple[str, Mapping[str, Any]]],
        refusals: Sequence[int] = (),
        parameters: Sequence[Mapping[str, Any]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """`answers`: by status what it means and its schema. `refusals`: beside those that every route has."""

        def add(view: Callable[..., Response]) -> Callable[..., Response]:
            name = view.__name__
            endpoint = f"{self.blueprint.name}.{name}"
            if right:
                self._rights[endpoint] = right
            self._asked[endpoint] = {each["name"] for each in parameters if each["in"] == "query"}
            self.blueprint.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
            usual = {400, 401, 403, 429, 503} if right else {400, 503}
            named = [
                {"name": argument, "in": "path", "required": True, "schema": ID}
                for argument in _ARGUMENT.findall(path)
            ]
            if named:
                usual.add(404)
            operation: dict[str, Any] = {
                "operationId": name,
                "summary": summary,
                "parameters": [*named, *parameters],
                "responses": {
                    **{str(status): _answer(*told) for status, told in answers.items()},
                    **{
                        str(status): _answer(_PROBLEMS[status], ref("Problem"), MEDIA_TYPE)
                        for status in sorted(usual | set(refusals))
                    },
                },
            }
            if method == "GET":
                operation["responses"]["304"] = {"description": "As `If-None-Match` has it"}
            if right:
                operation["security"] = [{"token": []}]
                operation["description"] = f"Needs `{right.value}`."
            if body:
                operation["requestBody"] = {
                    "required": True,
                    "content": {"application/json": {"schema": body}},
                }
            self.paths.setdefault(PREFIX + _ARGUMENT.sub(r"{\1}", path), {})[method.lower()] = operation
            return view

        return add

    def _let_in(self) -> Response | None:
        right = self._rights.get(request.endpoint or "")
        refused = authenticate(self.runtime, right) if right else None
        if refused is None and (
            unknown := set(request.args) - self._asked.get(request.endpoint or "", set())
        ):
            # Mistyped, it would be left out of account without a word.
            return problem(400, f"Địa chỉ này không có tham số {', '.join(sorted(unknown))[:200]}.")
        return refused


def _tag(response: Response) -> Response:
    """Who has read it before and asks again gets no body."""
    if request.method in ("GET", "HEAD") and response.status_code == 200:
        response.headers["Cache-Control"] = "private, no-cache"
        response.add_etag()
        response.make_conditional(request)
    return response


def _answer(says: str, schema: Mapping[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"description": says, "content": {media_type: {"schema": schema}}}


log = logging.getLogger(__name__)
WINDOW_S = 60


def authenticate(runtime: Runtime, right: Right) -> Response | None:
    """The refusal, or None: then `bearer()` says who it is."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    now = datetime.now(UTC)
    found = None
    if scheme.lower() == "bearer":
        with runtime.db.read() as session:
            found = authenticate_token(session, text.strip(), now=now)
    if found is None:
        return problem(401)
    if wait := _count(runtime, found.token_id):
        return problem(429, Retry_After=str(wait))
    if found.is_to_be_noted:
        with runtime.db.write() as session:
            record_use(session, found.token_id, now=now)
    if not found.may(right):
        return problem(403, f"Mã truy cập này không có quyền {right.value}.")
    g.bearer = found
    return None


def bearer() -> Bearer:
    """Who asks, once let in."""
    found: Bearer = g.bearer
    return found


def _count(runtime: Runtime, token_id: int) -> int:
    """Seconds to wait; 0 where it may go on. Redis away lets pass: the database bears what one system asks."""
    try:
        times, left = hit(runtime.redis, f"loa:api:{token_id}", window_s=WINDOW_S)
    except RedisError as error:
        log.warning("api.limits_away error=%s", type(error).__name__)
        return 0
    return left if times > runtime.settings.api_requests_per_minute else 0


USUAL, MOST = 50, 200
PARAMETERS: tuple[dict[str, Any], ...] = (
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    },
    {
        "name": "after",
        "in": "query",
        "description": "What the page before gives as `next` carries it",
        "schema": ID,
    },
)
NEXT: dict[str, Any] = {"type": ["string", "null"], "description": "Address of the next page"}


def read_page() -> tuple[int, int | None]:
    """`limit` and `after` as asked. Raises BadRequest."""
    return read_number("limit", most=MOST) or USUAL, read_number("after", most=ID["maximum"])


def read_number(name: str, *, most: int) -> int | None:
    """A whole number from 1 in the query, None where it is not asked. Raises BadRequest."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise BadRequest
    return int(text)
