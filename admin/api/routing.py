"""Routes of the API: their OpenAPI descriptions, authentication by token, request limit and paging.

A route and its part of the OpenAPI document are declared together, so that they cannot differ.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, jsonify, request, url_for
from limits import RateLimitItemPerMinute
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable

from admin.api.problems import MEDIA_TYPE, Unreadable, digest_request, install_problems, problem, read_key
from admin.api.schemas import ID, Schema, asked, body_of, number, ref
from outreach.accounts.api_tokens import Bearer, authenticate_token, do_once, open_sandbox, record_use
from outreach.core.db import Database
from outreach.core.rate_limits import hit, nothing_limited_without_redis
from outreach.core.spreadsheets import csv_text
from outreach.models.accounts import Right
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

PREFIX = "/api/v1"
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
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

_HEADERS = {
    "ETag": "changes with what is answered; give it back as `If-None-Match`",
    "Loa-Sandbox": "`true` where a sandbox token asked: nothing was kept",
    "Retry-After": "seconds to wait",
}


class Api:
    """The API's blueprint and its OpenAPI paths. A route without a right is open to everybody."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self.settings = runtime, runtime.settings
        self.blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
        self.paths: dict[str, dict[str, Any]] = {}
        self._rights: dict[str, Right] = {}
        self._query_names: dict[str, set[str]] = {}  # query parameters by endpoint
        install_problems(self.blueprint)
        self.blueprint.before_request(self._authorise)
        self.blueprint.after_request(_add_etag)

    @property
    def runtime(self) -> Runtime:
        """The process's runtime, or in a sandbox token's request one that forgets what is written."""
        return g.get("sandbox") or self._runtime

    def once(self, make: Callable[[Session], int], *, now: datetime) -> tuple[int, bool]:
        """Make a row once for the request's idempotency key. Returns its id, and whether it is new."""
        return do_once(self.runtime, make, bearer=bearer(), key=read_key(), sha256=digest_request(), now=now)

    def route(
        self,
        address: str,
        right: Right | None,
        schema: str | Schema,
        says: str | Mapping[int, str] = "",
        *,
        body: str = "",
        refusals: Sequence[int] = (),
        parameters: Sequence[Schema] = (),
        is_table: bool = False,
    ) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """Declare a route by its method and path, as `GET /campaigns`; the view's docstring is its summary.

        `schema` and `body` name schemas; `says`: what 200 is, or what each status is. `refusals`: error statuses besides the
        usual ones. `is_table`: the answer is also to be had as CSV. One whose schema is a page has the parameters of paging.
        """
        method, path = address.split()
        answered = ref(schema) if isinstance(schema, str) else schema
        is_page = isinstance(schema, str) and schema.endswith("Page")
        says = says or ("A page of them" if is_page else "As it stands")
        answers = {200: says} if isinstance(says, str) else says
        parameters = [*PARAMETERS * is_page, *parameters, *[FORMAT] * is_table]

        def add(view: Callable[..., Response]) -> Callable[..., Response]:
            name = view.__name__
            endpoint = f"{self.blueprint.name}.{name}"
            if right:
                self._rights[endpoint] = right
            self._query_names[endpoint] = {each["name"] for each in parameters if each["in"] == "query"}
            if method == "GET":
                run, headers = view, ["ETag"]
                unchanged = {"304": {"description": "As `If-None-Match` has it"}}
            else:
                run, headers, unchanged = self._forgetting(view), ["Loa-Sandbox"], {}
            self.blueprint.add_url_rule(path, name, run, methods=[method], provide_automatic_options=False)
            path_parameters = [
                {"name": argument, "in": "path", "required": True, "schema": ID}
                for argument in _ARGUMENT.findall(path)
            ]
            operation: dict[str, Any] = {
                "operationId": name,
                "summary": (view.__doc__ or "").rstrip("."),
                "tags": [path.split("/")[1].partition(".")[0]],
                "parameters": [*path_parameters, *parameters],
                "responses": {
                    **{
                        str(status): _answer(what, answered, headers=headers)
                        for status, what in answers.items()
                    },
                    **unchanged,
                    **{
                        str(status): _answer(
                            _PROBLEMS[status],
                            ref("Problem"),
                            MEDIA_TYPE,
                            ["Retry-After"] if status in (429, 503) else (),
                        )
                        for status in sorted(_usual_refusals(method, path, right, body) | set(refusals))
                    },
                },
            }
            if is_table:
                operation["responses"]["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
            operation["security"] = [{"token": []}] if right else []
            operation["description"] = f"Needs `{right.value}`." if right else "Open to everybody."
            if body:
                operation["requestBody"] = body_of(ref(body))
            self.paths.setdefault(PREFIX + _ARGUMENT.sub(r"{\1}", path), {})[method.lower()] = operation
            return view

        return add

    def _forgetting(self, view: Callable[..., Response]) -> Callable[..., Response]:
        """Let a view run in a sandbox for a sandbox token."""

        @wraps(view)
        def run(**arguments: Any) -> Response:
            if not bearer().is_sandbox:
                return view(**arguments)
            with open_sandbox(self._runtime) as g.sandbox:
                answer = view(**arguments)
            answer.headers["Loa-Sandbox"] = "true"
            return answer

        return run

    def _authorise(self) -> Response | None:
        right = self._rights.get(request.endpoint or "")
        refused = authenticate(self.runtime, right) if right else None
        if refused is None and any(number > ID["maximum"] for number in (request.view_args or {}).values()):
            return problem(404)
        if refused is None and (
            unknown := set(request.args) - self._query_names.get(request.endpoint or "", set())
        ):
            # A mistyped parameter would otherwise be ignored silently.
            error = LoaError("api_parameters_unknown", names=", ".join(sorted(unknown))[:200])
            return problem(400, error, parameter=min(unknown)[:80])
        return refused


def _add_etag(response: Response) -> Response:
    """Add an ETag: a repeated read of unchanged data gets 304 without a body."""
    if request.method in ("GET", "HEAD") and response.status_code == 200:
        response.headers["Cache-Control"] = "private, no-cache"
        response.add_etag()
        response.make_conditional(request)
    return response


def _usual_refusals(method: str, path: str, right: Right | None, body: str) -> set[int]:
    found = {400, 503}
    if right:
        found |= {401, 403, 429}
    if _ARGUMENT.search(path):
        found.add(404)
    if method != "GET":
        found.add(409)
    return found | {413, 415, 422} if body else found


def _answer(
    description: str,
    schema: Mapping[str, Any],
    media_type: str = "application/json",
    headers: Iterable[str] = (),
) -> dict[str, Any]:
    told = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in headers}
    return {
        "description": description,
        "content": {media_type: {"schema": schema}},
        **({"headers": told} if told else {}),
    }


def authenticate(runtime: Runtime, right: Right) -> Response | None:
    """Check the request's token. Returns the refusal, or None; `bearer()` then returns the token's owner."""
    now = datetime.now(UTC)
    token_bearer = find_bearer(runtime, now=now)
    if token_bearer is None:
        return problem(401)
    if wait := _count_request(runtime, token_bearer.token_id):
        return problem(429, Retry_After=str(wait))
    if token_bearer.needs_use_recorded:
        record_use(runtime, token_bearer.token_id, now=now)
    if not token_bearer.may(right):
        return problem(403, LoaError("api_right_missing", right=right.value))
    g.bearer = token_bearer
    return None


def find_bearer(runtime: Runtime, *, now: datetime) -> Bearer | None:
    """Return the owner of the request's token, None without a valid one; nothing is counted."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    with runtime.db.read() as session:
        return authenticate_token(session, text.strip(), now=now)


def bearer() -> Bearer:
    """Return the authenticated bearer of this request."""
    return g.bearer


def _count_request(runtime: Runtime, token_id: int) -> int:
    """Count a request. Returns the seconds to wait, 0 if it may go on.

    If Redis is unavailable the request passes: the database can bear the requests of one system.
    """
    limit = RateLimitItemPerMinute(runtime.settings.api_requests_per_minute, namespace="api")
    with nothing_limited_without_redis("api.limits_away"):
        return hit(runtime.redis, limit, str(token_id))
    return 0


USUAL, MOST = 50, 200
PARAMETERS = (
    asked("limit", {**number(1, MOST), "default": USUAL}),
    asked("after", ID, "What the page before gives as `next` carries it"),
)


def read_page() -> tuple[int, int | None]:
    """Return `limit` and `after` of the query. Raises Unreadable."""
    return read_number("limit", most=MOST) or USUAL, read_number("after", most=ID["maximum"])


def read_number(name: str, *, most: int) -> int | None:
    """Return a whole number from 1 to `most` in the query, None if it is missing. Raises Unreadable."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise Unreadable("api_parameter_not_number", parameter=name, name=name, most=most)
    return int(text)


def read_choice(name: str, values: Collection[str]) -> str | None:
    """Return one of these values in the query, None if it is missing. Raises Unreadable."""
    value = request.args.get(name)
    if value is not None and value not in values:
        raise Unreadable("api_parameter_not_among", parameter=name, name=name, values=list(values))
    return value


FORMAT = asked(
    "format", {"type": "string", "enum": ["json", "csv"]}, "`csv` gives a table, as `Accept: text/csv` does"
)


def wants_table() -> bool:
    """Return whether the request asks for CSV. Raises Unreadable."""
    chosen = read_choice("format", FORMAT["schema"]["enum"])
    accepted = request.accept_mimetypes.best_match(["application/json", "text/csv"])
    return (chosen or ("csv" if accepted == "text/csv" else "json")) == "csv"


def answer_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """Return rows as CSV, in UTF-8 and with a header, also where there is no row; null is an empty cell."""
    cells = ([row[name] for name in columns] for row in rows)
    written = ([str(each).lower() if isinstance(each, bool) else each for each in row] for row in cells)
    return Response(csv_text([columns, *written]), content_type="text/csv; charset=utf-8")


SETTLES_WITHIN_S = 3.0
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE mode = 'RowExclusiveLock' AND relation = CAST(:name AS regclass)"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def newest_settled(db: Database, key: Any) -> int:
    """Return the newest id of a table whose rows below it are all there: who goes on from the last id seen misses none.

    A row has its id before its transaction ends, so that those are waited for that write to the table now. Raises
    ServiceUnavailable if one of them lasts.
    """
    ends_at = time.monotonic() + SETTLES_WITHIN_S
    with db.read() as session:
        newest: int = session.scalar(select(func.max(key))) or 0
        asked = {"name": key.class_.__tablename__}
        writers = set(session.scalars(_WRITERS, asked)) if db.is_postgresql else set()
        while writers := writers and writers.intersection(session.scalars(_WRITERS, asked)):
            if time.monotonic() > ends_at:
                raise ServiceUnavailable
            time.sleep(0.02)
    return newest


def page_of(
    session: Session,
    query: Select[*tuple[Any, ...]],
    key: Any,
    page: tuple[int, int | None] | None = None,
    endpoint: str = "",
    *,
    newest_first: bool = False,
    **values: Any,
) -> tuple[Sequence[Any], str | None]:
    """Return a page of a query's rows in the order of `key`, the id of the first entity in a row, and the address of the next one.

    By default it is the page that the request asks for, of the same route.
    """
    limit, after = page or read_page()
    if not endpoint:
        endpoint, others = request.endpoint or "", request.args.to_dict().items()
        values = {**(request.view_args or {}), **{k: v for k, v in others if k not in ("limit", "after")}}
    if after is not None:
        query = query.where(key < after if newest_first else key > after)
    rows = session.execute(query.order_by(key.desc() if newest_first else key).limit(limit + 1)).all()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1][0]
    return rows[:limit], url_for(endpoint, after=getattr(last, "id", last), limit=limit, **values)


def fields_of(row: Any, schema: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """Return a row as a schema has it: each property from `others`, or else the row's attribute of that name."""
    return {
        name: others[name] if name in others else as_json(getattr(row, name)) for name in schema["properties"]
    }


def as_json(value: Any) -> Any:
    """Return a moment or a day as in RFC 3339; anything else stays."""
    return value.isoformat() if isinstance(value, date) else value


def answer_with(data: Mapping[str, Any], status: int = 200, *, location: str = "") -> Response:
    """Return an object, which is found again at its address."""
    answer = jsonify(data)
    answer.status_code = status
    answer.headers["Location"] = location or data["address"]
    return answer
