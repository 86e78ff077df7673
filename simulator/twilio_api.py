"""Twilio's REST API, as far as it exists here: create, fetch and list messages.

The list is sorted newest first, with pages linked by tokens. A token names the message at the edge of the page before:
`PA` and its sid for older messages, `PB` for newer ones. Times are inclusive on both sides, as Twilio's `DateSent<` and
`DateSent>` are.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from simulator.messages import API_VERSION, Direction, Sms, Status, Store, mint_sid, rfc2822, to_twilio
from simulator.network import Network, Parts, count_segments
from simulator.settings import RequestFault, fault_after_accept, fault_before_accept, roll

# Vietnam (domain.md 2): mobile numbers begin with 3, 5, 7, 8 or 9 and have nine digits after +84;
# the landlines' 2 is followed by eight or nine. Older eleven-digit mobile numbers no longer exist.
MOBILE = re.compile(r"\+84[35789][0-9]{8}")
_LANDLINE = re.compile(r"\+842[0-9]{8,9}")
_FOREIGN = re.compile(r"\+(?!84)[1-9][0-9]{6,14}")
# A number, a short code, or an alphanumeric sender ID of at most 11 characters with a letter.
SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
MAX_BODY = 1600
MAX_VALIDITY_S = 36_000


def refuse(form: Mapping[str, str], *, opted_out: Container[str]) -> ApiError | None:
    """Return the error with which Twilio would refuse the message in `form`, or None."""
    to = form.get("To", "")
    if not to:
        return NO_TO
    sender = form.get("From", "")
    if not sender and not form.get("MessagingServiceSid"):
        return NO_FROM
    if not MOBILE.fullmatch(to) and not _FOREIGN.fullmatch(to):
        if _LANDLINE.fullmatch(to):
            return ApiError(400, 21614, f"'To' number: {to}, is not a mobile number")
        return ApiError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    if sender and not SENDER.fullmatch(sender):
        return ApiError(
            400, 21212, f"The 'From' number {sender} is not a valid phone number or alphanumeric sender ID."
        )
    body = form.get("Body", "")
    if not body.strip():
        return NO_BODY
    if len(body) > MAX_BODY:
        return BODY_TOO_LONG
    if to in opted_out:
        return OPTED_OUT
    return _refuse_options(form)


def _refuse_options(form: Mapping[str, str]) -> ApiError | None:
    callback = form.get("StatusCallback")
    if callback:
        try:
            parts = urlsplit(callback)
        except ValueError:
            return BAD_CALLBACK
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return BAD_CALLBACK
    validity = form.get("ValidityPeriod")
    if validity and not (validity.isascii() and validity.isdigit() and 1 <= int(validity) <= MAX_VALIDITY_S):
        return BAD_VALIDITY
    return None


@dataclass(frozen=True, slots=True)
class ApiError:
    """Error of Twilio's API: HTTP status, code and message."""

    status: int
    code: int
    message: str

    def answer(self, *, headers: Mapping[str, str] | None = None) -> web.Response:
        body = {"code": self.code, "message": self.message, "more_info": self._page, "status": self.status}
        return web.json_response(body, status=self.status, headers=headers)

    def answer_as_problem(self, *, headers: Mapping[str, str] | None = None) -> web.Response:
        body = {
            "type": self._page,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
        }
        problem = "application/problem+json"
        return web.json_response(body, status=self.status, headers=headers, content_type=problem)

    @property
    def _page(self) -> str:
        return f"https://www.twilio.com/docs/errors/{self.code}"


NOT_AUTHENTICATED = ApiError(401, 20003, "Authenticate")
TOO_MANY_REQUESTS = ApiError(429, 20429, "Too Many Requests")
SERVER_ERROR = ApiError(500, 20500, "Internal Server Error")
NO_TO = ApiError(400, 21604, "A 'To' phone number is required.")
NO_FROM = ApiError(400, 21603, "A 'From' phone number is required.")
NO_BODY = ApiError(400, 21602, "Message body is required.")
BODY_TOO_LONG = ApiError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
BAD_CALLBACK = ApiError(400, 21609, "The StatusCallback URL is not a valid URL.")
BAD_VALIDITY = ApiError(400, 20001, "ValidityPeriod must be between 1 and 36000 seconds.")
BAD_DATE = ApiError(400, 20001, "DateSent must be YYYY-MM-DD or an ISO 8601 time.")
BAD_PAGE = ApiError(400, 20006, "Page needs the PageToken of the page before it.")
OPTED_OUT = ApiError(400, 21610, "Attempt to send to unsubscribed recipient")


def not_found(path: str) -> ApiError:
    return ApiError(404, 20404, f"The requested resource {path} was not found")


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of an urlencoded body; of a repeated field the last."""
    return parse_form(await request.read())


def parse_form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


ROOT = f"/{API_VERSION}/"


class TwilioApi:
    """Handlers of Twilio's REST API; every request is counted."""

    def __init__(self, parts: Parts, network: Network) -> None:
        self._parts, self._network = parts, network
        self._account_sid = parts.options.account_sid
        pair = base64.b64encode(f"{self._account_sid}:{parts.options.auth_token}".encode())
        self._authorization = b"Basic " + pair

    def add_routes(self, app: web.Application) -> None:
        messages = f"{ROOT}Accounts/{{account}}/Messages.json"
        app.router.add_post(messages, self.create)
        app.router.add_get(messages, self.list_messages, allow_head=False)
        app.router.add_get(f"{ROOT}Accounts/{{account}}/Messages/{{sid}}.json", self.fetch, allow_head=False)
        app.router.add_route("*", ROOT + "{rest:.*}", self.nothing_here)

    async def create(self, request: web.Request) -> web.Response:
        """Accept a message, unless a check or a fault prevents it."""
        faults = self._parts.panel.faults
        with self._parts.working() as is_too_many:
            raw = await request.read()
            if error := self._check_access(request):
                return self._reject(error)
            form = parse_form(raw)
            if is_too_many:
                return self._fail(request, RequestFault.THROTTLED, form)
            await self._parts.delay()
            number = form.get("To", "")
            if fault := fault_before_accept(faults, self._parts.panel.chance("before", number)):
                return self._fail(request, fault, form)
            if refusal := refuse(form, opted_out=self._parts.store.opted_out):
                return self._reject(refusal)
            sms = self._accept(form)
            fault = fault_after_accept(faults, self._parts.panel.chance("after", number))
            if fault is RequestFault.SILENCE:
                await asyncio.sleep(faults.timeout_s)
            if fault:
                return self._fail(request, fault, form)
            return web.Response(
                body=json.dumps(to_twilio(sms)).encode(), status=201, content_type="application/json"
            )

    async def fetch(self, request: web.Request) -> web.Response:
        """Return one message."""
        if failed := await self._fail_to_read(request, "fetches"):
            return failed
        sms = self._parts.store.by_sid.get(request.match_info["sid"])
        if sms is None:
            return self._reject(not_found(request.path))
        return web.json_response(to_twilio(sms))

    async def list_messages(self, request: web.Request) -> web.Response:
        """Return a page of the list of messages."""
        if failed := await self._fail_to_read(request, "lists"):
            return failed
        faults = self._parts.panel.faults
        try:
            shown_until = time.time() - faults.list_delay_s
            page = list_page(self._parts.store, request.query, path=request.path, shown_until=shown_until)
        except BadQuery as error:
            return self._reject(error.answer)
        page["messages"] = [self._show(sms) for sms in page["messages"]]
        now = formatdate(time.time() + faults.clock_s, usegmt=True)
        return web.json_response(page, headers={"Date": now})

    def _show(self, sms: Sms) -> dict[str, Any]:
        """Return a message as the list shows it, with the faults of the gateway's clock and text."""
        faults, shown = self._parts.panel.faults, to_twilio(sms)
        if faults.clock_s:
            shown["date_created"] = rfc2822(sms.created + faults.clock_s)
        if faults.list_alters:
            shown["body"] = f"Sent from a trial account - {sms.body}"
        return shown

    async def nothing_here(self, request: web.Request) -> web.Response:
        """Return 404 for any other path of the API."""
        error = self._check_access(request)
        return self._reject(error or not_found(request.path))

    def _check_access(self, request: web.Request) -> ApiError | None:
        self._parts.counters.requests += 1
        authorization = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(authorization, self._authorization):
            return NOT_AUTHENTICATED
        if request.match_info.get("account", self._account_sid) != self._account_sid:
            return not_found(request.path)
        return None

    def _reject(self, error: ApiError) -> web.Response:
        self._parts.counters.rejected[error.code] += 1
        headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else None
        return error.answer(headers=headers)

    async def _fail_to_read(self, request: web.Request, counter: str) -> web.Response | None:
        """Count a request that reads. Returns the answer where it is refused or meets a fault, else None."""
        if error := self._check_access(request):
            return self._reject(error)
        counters = self._parts.counters
        setattr(counters, counter, getattr(counters, counter) + 1)
        await self._parts.delay()
        faults, fault = self._parts.panel.faults, None
        if faults.reads_too and roll(None) < faults.rate_nonsense:
            fault = RequestFault.NONSENSE
        elif faults.reads_too:
            chance = self._parts.panel.chance("read", request.query.get("To", ""))
            fault = fault_before_accept(faults, chance)
        return self._fail(request, fault, {}) if fault else None

    def _accept(self, form: Mapping[str, str]) -> Sms:
        now = time.time()
        sender, service = form.get("From") or None, form.get("MessagingServiceSid") or None
        body = form["Body"]
        sms = Sms(
            sid=mint_sid(),
            account_sid=self._account_sid,
            direction=Direction.OUTBOUND,
            to=form["To"],
            from_=sender,
            body=body,
            status=Status.ACCEPTED if service else Status.QUEUED,
            # Twilio counts segments once the sender is known, and a service chooses it later.
            num_segments=0 if service else count_segments(body) * self._parts.panel.faults.segments_factor,
            created=now,
            updated=now,
            service_sid=service,
            status_callback=form.get("StatusCallback") or None,
        )
        self._parts.counters.accepted += 1
        self._network.carry(sms)
        return sms

    def _fail(self, request: web.Request, fault: RequestFault, form: Mapping[str, str]) -> web.Response:
        counters, faults = self._parts.counters, self._parts.panel.faults
        retry = None if faults.retry_after_s is None else {"Retry-After": f"{faults.retry_after_s:g}"}
        match fault:
            case RequestFault.THROTTLED:
                counters.throttled += 1
                return TOO_MANY_REQUESTS.answer(headers=retry)
            case RequestFault.PROBLEM:
                # The error of the request itself, or else "too many": in both cases the message is not accepted.
                error = refuse(form, opted_out=self._parts.store.opted_out) if form else None
                counters.throttled += error is None
                if error:
                    counters.rejected[error.code] += 1
                    return error.answer_as_problem()
                return TOO_MANY_REQUESTS.answer_as_problem(headers=retry)
            case RequestFault.SERVER_ERROR | RequestFault.SERVER_ERROR_AFTER:
                counters.server_errors += 1
                return SERVER_ERROR.answer()
            case RequestFault.PROXY:
                counters.server_errors += 1
                page = "<html><body>Request refused by the proxy</body></html>"
                return web.Response(text=page, status=faults.proxy_status or 407, content_type="text/html")
            case RequestFault.REFUSED:
                counters.rejected[faults.refused_code] += 1
                return ApiError(400, faults.refused_code, "Refused").answer()
            case RequestFault.NONSENSE:
                counters.nonsense += 1
                body = NONSENSE[counters.nonsense % len(NONSENSE)]
                return web.Response(body=body, status=201, content_type="application/json")
            case RequestFault.SILENCE:
                counters.timeouts += 1
            case _:
                counters.cuts += 1
        return cut(request)


def cut(request: web.Request) -> web.Response:
    """Close a request's connection; the answer is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


_SMS = {
    "sid": "SM1",
    "status": "queued",
    "num_segments": "1",
    "body": "",
    "to": "",
    "direction": "outbound-api",
}
_ODD: tuple[dict[str, Any], ...] = (
    {"sid": None},
    {"sid": {}},
    {"sid": "SM" + "9" * 500},
    {"sid": "SM\x00"},
    {"sid": 7, "status": ["queued"]},
    {"sid": "", "num_segments": "9" * 30},
)
# Bodies that are no answer of Twilio's, for a request and for the list alike.
NONSENSE: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b'"ok"',
    b"<html><body>It works!</body></html>",
    b'{"sid": "SM12',
    b"\xff\xfe\x00",
    b"{}",
    b'{"messages": null}',
    b'{"messages": [null, 1]}',
    *(json.dumps({**_SMS, **odd, "messages": [{**_SMS, **odd}]}).encode() for odd in _ODD),
)
DEFAULT_SIZE, LARGEST_SIZE = 50, 1000


class BadQuery(ValueError):
    """Query of the list that cannot be read; `answer` is Twilio's error."""

    def __init__(self, answer: ApiError) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters of the list. `sent_from` and `sent_until` are epoch seconds, inclusive; None for no filter."""

    to: str | None
    from_: str | None
    sent_from: float | None
    sent_until: float | None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Filters:
        """Read the filters of a query. Raises BadQuery."""
        starts, ends = [], []
        for name in ("DateSent", "DateSent<", "DateSent>"):
            if query.get(name):
                first, last = _span(query[name])
                starts += [first] if name != "DateSent<" else []
                ends += [last] if name != "DateSent>" else []
        return cls(
            to=query.get("To") or None,
            from_=query.get("From") or None,
            sent_from=max(starts, default=None),
            sent_until=min(ends, default=None),
        )

    def matches(self, sms: Sms) -> bool:
        """Check whether a message passes the filters."""
        if self.to not in (None, sms.to) or self.from_ not in (None, sms.from_):
            return False
        if self.sent_from is None and self.sent_until is None:
            return True
        if sms.sent is None:
            return False
        second = int(sms.sent)
        return (self.sent_from or second) <= second <= (self.sent_until or second)


def list_page(store: Store, query: Mapping[str, str], *, path: str, shown_until: float) -> dict[str, Any]:
    """Return a page of messages created before `shown_until`, as stored. Raises BadQuery."""
    filters = Filters.parse(query)
    size = max(1, min(_whole(query.get("PageSize"), DEFAULT_SIZE), LARGEST_SIZE))
    number = _whole(query.get("Page"), 0)
    token = query.get("PageToken", "")
    edge = store.by_sid.get(token[2:])
    if (number and not token) or (token and (edge is None or token[:2] not in ("PA", "PB"))):
        raise BadQuery(BAD_PAGE)

    def matching(messages: Iterable[Sms]) -> Iterable[Sms]:
        return (sms for sms in messages if sms.created <= shown_until and filters.matches(sms))

    if edge is not None and token.startswith("PB"):
        newer = store.oldest_first(to=filters.to, from_=filters.from_, after_seq=edge.seq)
        rows = list(islice(matching(newer), size))[::-1]
        has_older = True
    else:
        older = store.newest_first(
            to=filters.to, from_=filters.from_, before_seq=None if edge is None else edge.seq
        )
        rows = list(islice(matching(older), size + 1))
        has_older, rows = len(rows) > size, rows[:size]

    def uri(page: int, page_token: str | None) -> str:
        parameters = {
            name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")
        }
        parameters |= {"PageSize": str(size), "Page": str(page)}
        return f"{path}?{urlencode(parameters | ({'PageToken': page_token} if page_token else {}))}"

    return {
        "first_page_uri": uri(0, None),
        "previous_page_uri": uri(number - 1, "PB" + rows[0].sid) if number and rows else None,
        "next_page_uri": uri(number + 1, "PA" + rows[-1].sid) if has_older and rows else None,
        "uri": uri(number, token or None),
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(0, len(rows) - 1),
        "messages": rows,
    }


def _whole(raw: str | None, default: int) -> int:
    return int(raw) if raw and raw.isascii() and raw.isdigit() else default


def _span(text: str) -> tuple[float, float]:
    """Return the first and last second of `text`: a whole day of UTC, or one second."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(BAD_DATE) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    start = int(moment.timestamp())
    return (start, start + 86_399) if len(text) == len("2020-08-14") else (start, start)
