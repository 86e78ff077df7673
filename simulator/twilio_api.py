"""The three requests of Twilio's API that exist here: create, fetch, list."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import random
import time
from collections.abc import Mapping

from aiohttp import web

from outreach.sms.simulator.api import errors
from outreach.sms.simulator.api.creation import refuse
from outreach.sms.simulator.api.errors import ApiError
from outreach.sms.simulator.api.paging import BadDate, BadPage, list_page
from outreach.sms.simulator.controls.faults import Mishap, befalls_after, befalls_before
from outreach.sms.simulator.controls.panel import Panel
from outreach.sms.simulator.exchange.carrier import Carrier
from outreach.sms.simulator.exchange.messages import API_VERSION, Direction, Sms, Status, mint_sid, to_twilio
from outreach.sms.simulator.exchange.segments import count_segments
from outreach.sms.simulator.exchange.store import Store
from outreach.sms.simulator.exchange.tally import Tally
from outreach.sms.simulator.forms import parse_form

ROOT = f"/{API_VERSION}/"


class TwilioApi:
    """Handlers over the store; every request counts in the tally."""

    def __init__(
        self, store: Store, *, carrier: Carrier, panel: Panel, tally: Tally, account_sid: str, auth_token: str
    ) -> None:
        self._store = store
        self._carrier = carrier
        self._panel = panel
        self._tally = tally
        self._account_sid = account_sid
        pair = base64.b64encode(f"{account_sid}:{auth_token}".encode())
        self._authorization = b"Basic " + pair

    def add_routes(self, app: web.Application) -> None:
        messages = f"{ROOT}Accounts/{{account}}/Messages.json"
        app.router.add_post(messages, self.create)
        app.router.add_get(messages, self.list_messages, allow_head=False)
        app.router.add_get(f"{ROOT}Accounts/{{account}}/Messages/{{sid}}.json", self.fetch, allow_head=False)
        app.router.add_route("*", ROOT + "{rest:.*}", self.nothing_here)

    async def create(self, request: web.Request) -> web.Response:
        tally, faults = self._tally, self._panel.faults
        tally.in_flight += 1
        tally.max_in_flight = max(tally.max_in_flight, tally.in_flight)
        try:
            raw = await request.read()
            denied = self._deny(request)
            if denied:
                return self._reject(denied)
            form = parse_form(raw)
            await self._dawdle()
            number = form.get("To", "")
            mishap = befalls_before(faults, self._panel.chance("before", number))
            if mishap:
                return self._fail(request, mishap, form)
            refusal = refuse(form, opted_out=self._store.opted_out)
            if refusal:
                return self._reject(refusal)
            sms = self._accept(form)
            mishap = befalls_after(faults, self._panel.chance("after", number))
            if mishap is Mishap.SILENCE:
                await asyncio.sleep(faults.timeout_s)
            if mishap:
                return self._fail(request, mishap, form)
            return web.Response(
                body=json.dumps(to_twilio(sms)).encode(), status=201, content_type="application/json"
            )
        finally:
            tally.in_flight -= 1

    async def fetch(self, request: web.Request) -> web.Response:
        denied = self._deny(request)
        if denied:
            return self._reject(denied)
        self._tally.fetches += 1
        await self._dawdle()
        mishap = self._mishap_of_read(request)
        if mishap:
            return self._fail(request, mishap, {})
        sms = self._store.by_sid.get(request.match_info["sid"])
        if sms is None:
            return self._reject(errors.not_found(request.path))
        return web.json_response(to_twilio(sms))

    async def list_messages(self, request: web.Request) -> web.Response:
        denied = self._deny(request)
        if denied:
            return self._reject(denied)
        self._tally.lists += 1
        await self._dawdle()
        mishap = self._mishap_of_read(request)
        if mishap:
            return self._fail(request, mishap, {})
        try:
            shown_until = time.time() - self._panel.faults.list_delay_s
            page = list_page(self._store, request.query, path=request.path, shown_until=shown_until)
        except BadDate:
            return self._reject(errors.BAD_DATE)
        except BadPage:
            return self._reject(errors.BAD_PAGE)
        return web.json_response(page)

    async def nothing_here(self, request: web.Request) -> web.Response:
        denied = self._deny(request)
        return self._reject(denied or errors.not_found(request.path))

    def _deny(self, request: web.Request) -> ApiError | None:
        self._tally.requests += 1
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._authorization):
            return errors.NOT_AUTHENTICATED
        if request.match_info.get("account", self._account_sid) != self._account_sid:
            return errors.not_found(request.path)
        return None

    def _reject(self, error: ApiError) -> web.Response:
        self._tally.rejected[error.code] += 1
        headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else None
        return error.answer(headers=headers)

    async def _dawdle(self) -> None:
        faults = self._panel.faults
        wait_ms = faults.latency_ms + (random.uniform(0, faults.jitter_ms) if faults.jitter_ms else 0.0)  # noqa: S311
        if wait_ms:
            await asyncio.sleep(wait_ms / 1000)

    def _mishap_of_read(self, request: web.Request) -> Mishap | None:
        if not self._panel.faults.reads_too:
            return None
        return befalls_before(self._panel.faults, self._panel.chance("read", request.query.get("To", "")))

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
            # Twilio counts once a sender is known, and a service picks it later.
            num_segments=0 if service else count_segments(body),
            created=now,
            updated=now,
            service_sid=service,
            status_callback=form.get("StatusCallback") or None,
        )
        self._tally.accepted += 1
        self._carrier.carry(sms)
        return sms

    def _fail(self, request: web.Request, mishap: Mishap, form: Mapping[str, str]) -> web.Response:
        tally, faults = self._tally, self._panel.faults
        retry = None if faults.retry_after_s is None else {"Retry-After": f"{faults.retry_after_s:g}"}
        match mishap:
            case Mishap.THROTTLED:
                tally.throttled += 1
                return errors.TOO_MANY_REQUESTS.answer(headers=retry)
            case Mishap.PROBLEM:
                # The error that the request has earned, or else "too many": nothing was taken either way.
                earned = refuse(form, opted_out=self._store.opted_out) if form else None
                tally.throttled += earned is None
                if earned:
                    tally.rejected[earned.code] += 1
                    return earned.answer_as_problem()
                return errors.TOO_MANY_REQUESTS.answer_as_problem(headers=retry)
            case Mishap.SERVER_ERROR | Mishap.SERVER_ERROR_AFTER:
                tally.server_errors += 1
                return errors.SERVER_ERROR.answer()
            case Mishap.SILENCE:
                tally.timeouts += 1
            case _:
                tally.cuts += 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)  # goes nowhere: the connection is gone
