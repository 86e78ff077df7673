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
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from simulator import request_checks
from simulator.messages import API_VERSION, Direction, Sms, Status, Store, mint_sid, rfc2822, to_twilio
from simulator.network import Network, count_segments
from simulator.parts import Parts
from simulator.request_checks import ApiError, parse_form, refuse
from simulator.settings import RequestFault, fault_after_accept, fault_before_accept, roll

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
            return self._reject(request_checks.not_found(request.path))
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
        return self._reject(error or request_checks.not_found(request.path))

    def _check_access(self, request: web.Request) -> ApiError | None:
        self._parts.counters.requests += 1
        authorization = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(authorization, self._authorization):
            return request_checks.NOT_AUTHENTICATED
        if request.match_info.get("account", self._account_sid) != self._account_sid:
            return request_checks.not_found(request.path)
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
                return request_checks.TOO_MANY_REQUESTS.answer(headers=retry)
            case RequestFault.PROBLEM:
                # The error of the request itself, or else "too many": in both cases the message is not accepted.
                error = refuse(form, opted_out=self._parts.store.opted_out) if form else None
                counters.throttled += error is None
                if error:
                    counters.rejected[error.code] += 1
                    return error.answer_as_problem()
                return request_checks.TOO_MANY_REQUESTS.answer_as_problem(headers=retry)
            case RequestFault.SERVER_ERROR | RequestFault.SERVER_ERROR_AFTER:
                counters.server_errors += 1
                return request_checks.SERVER_ERROR.answer()
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
        raise BadQuery(request_checks.BAD_PAGE)

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
        raise BadQuery(request_checks.BAD_DATE) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    start = int(moment.timestamp())
    return (start, start + 86_399) if len(text) == len("2020-08-14") else (start, start)
