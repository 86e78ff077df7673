"""Web application of the simulator: Twilio's API, an aggregator's, the pages, and endpoints for scripts.

The aggregator's interface is that of eSMS, with the faults of the simulator; notices go alone or in one request with their text. Source: its
public documentation ("Gửi tin Chăm sóc khách hàng dạng POST", "Hàm gửi tin ZNS", "Hàm gửi tin MultiChanel", "Callback Url", "Bảng mã lỗi").

The endpoints for scripts change faults and residents, send a resident's SMS, and return the ledger and counts.
"""

import asyncio
import dataclasses
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from simulator import pages
from simulator.callbacks import PostPurpose, is_this_machine
from simulator.messages import Direction, Sms, Status, mint_sid, to_ledger
from simulator.network import AGGREGATOR, Network, Parts, aggregator_fields, count_segments
from simulator.settings import InvalidSetting, RequestFault, as_json, fault_after_accept, fault_before_accept
from simulator.simulation import Simulation
from simulator.twilio_api import MOBILE, ROOT, SENDER, TwilioApi, cut

PREFIX = "/aggregator"
ACCEPTED, WRONG_KEY, NO_SENDER, NOT_FOUND, REPEATED = "100", "101", "104", "105", "124"
BAD_NUMBER, BAD_PARAMETER, NO_TEMPLATE = "108", "790", "791"
LONGEST_PARAMETER = 100
VIETNAM_S = 7 * 3600  # ahead of UTC


class AggregatorApi:
    """Routes of the interface. The key is the account's SID, the secret its token."""

    def __init__(self, parts: Parts, network: Network) -> None:
        self._parts, self._network = parts, network
        self._login = parts.options.account_sid, parts.options.auth_token

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"{PREFIX}/SendMultipleMessage_V4_post_json/", self.send)
        app.router.add_post(f"{PREFIX}/SendZaloMessage_V4_post_json/", self.send)
        app.router.add_post(f"{PREFIX}/MultiChannelMessage/", self.send)
        app.router.add_get(f"{PREFIX}/GetSendStatus", self.status)

    async def send(self, request: web.Request) -> web.Response:
        """Accept a message, unless a check or a fault prevents it. A request's id is accepted once in a day of Vietnam."""
        self._parts.counters.requests += 1
        with self._parts.working() as is_too_many:
            if is_too_many:
                return self._fail(request, RequestFault.THROTTLED)
            return await self._take(request)

    async def _take(self, request: web.Request) -> web.Response:
        form = json.loads(await request.read())
        notice, text = form.get("Data") or (form, {})
        form = {
            **text,
            **notice,
            **{name: form[name] for name in ("ApiKey", "SecretKey", "Phone") if name in form},
        }
        faults, digits = self._parts.panel.faults, str(form.get("Phone", ""))
        number = "+84" + digits.removeprefix("84").removeprefix("0")
        await self._parts.delay()
        if fault := fault_before_accept(faults, self._parts.panel.chance("before", number)):
            return self._fail(request, fault)
        day = int(time.time() + faults.clock_s + VIETNAM_S) // 86_400
        request_id = form.get("RequestId") and f"{day}/{form['RequestId']}"
        if refusal := self._refusal(form, request_id, number):
            return _answer(refusal)
        is_notice = "TempID" in form
        now, body = time.time(), str(form.get("Content", ""))
        shown = f"[{form['TempID']}] " + " · ".join(map(str, form.get("Params", ()))) if is_notice else body
        sms = Sms(
            mint_sid(), AGGREGATOR, Direction.OUTBOUND, number, form.get("Brandname") or str(form.get("OAID")), shown,
            Status.QUEUED, count_segments(shown), now, now, status_callback=form.get("CallbackUrl"),
            notice=str(form["TempID"]) if is_notice else None, text=body or None,
        )  # fmt: skip
        if request_id:
            self._parts.store.request_ids.add(request_id)
        self._parts.counters.accepted += 1
        self._network.carry(sms)
        fault = fault_after_accept(faults, self._parts.panel.chance("after", number))
        if fault is RequestFault.SILENCE:
            await asyncio.sleep(faults.timeout_s)
        return self._fail(request, fault) if fault else _answer(ACCEPTED, SMSID=sms.sid, CountRegenerate=0)

    async def status(self, request: web.Request) -> web.Response:
        """Return what became of a message."""
        self._parts.counters.fetches += 1
        if not self._may(request.query):
            return web.json_response({"CodeResponse": WRONG_KEY})
        sms = self._parts.store.by_sid.get(request.query.get("RefId", ""))
        if sms is None:
            return web.json_response({"CodeResponse": NOT_FOUND})
        return web.json_response({"CodeResponse": ACCEPTED, **aggregator_fields(sms)})

    def _refusal(self, form: Mapping[str, Any], request_id: str | None, number: str) -> str | None:
        """Return the code that refuses a message, None if it is taken."""
        if not self._may(form):
            return WRONG_KEY
        if request_id in self._parts.store.request_ids:
            return REPEATED
        if "TempID" in form:
            sender, missing = form["TempID"] and form.get("OAID"), NO_TEMPLATE
        else:
            sender, missing = form.get("Brandname"), NO_SENDER
        if not sender:
            return missing
        if any(len(each) > LONGEST_PARAMETER for each in form.get("Params", ())):
            return BAD_PARAMETER
        return None if MOBILE.fullmatch(number) else BAD_NUMBER

    def _may(self, form: Any) -> bool:
        given = str(form.get("ApiKey")), str(form.get("SecretKey"))
        return all(
            hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, self._login, strict=True)
        )

    def _fail(self, request: web.Request, fault: RequestFault) -> web.Response:
        if fault is RequestFault.THROTTLED:
            self._parts.counters.throttled += 1
            return web.Response(status=429)
        if fault not in (RequestFault.CUT, RequestFault.CUT_BEFORE, RequestFault.SILENCE):
            self._parts.counters.server_errors += 1
            return web.Response(status=500)
        self._parts.counters.cuts += 1
        return cut(request)


def _answer(code: str, **fields: Any) -> web.Response:
    return web.json_response({"CodeResult": code, **fields})


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(simulation: Simulation) -> web.Application:
    """Return the application of a simulation, which it starts and stops with itself."""
    app = web.Application(middlewares=[_guard])
    for api in (TwilioApi, AggregatorApi):
        api(simulation, simulation.network).add_routes(app)
    add_routes(app, simulation)
    pages.add_routes(app, simulation)
    app.on_startup.append(lambda app: simulation.start())
    app.on_cleanup.append(lambda app: simulation.stop())
    return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests from pages of other sites, as there is no login that would stop them, and settings that are none."""
    if request.method != "GET" and not request.path.startswith((ROOT, PREFIX)):
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="cross-site request refused")
    try:
        return await handler(request)
    except InvalidSetting as error:
        return _refuse(str(error))


LEDGER_CHUNK = 1000


def add_routes(app: web.Application, simulation: Simulation) -> None:
    """Add the endpoints for scripts."""
    endpoints = _Endpoints(simulation)
    for method in ("GET", "POST", "DELETE"):
        app.router.add_route(method, "/{group:_faults|_residents}", endpoints.settings)
    app.router.add_get("/_settings", endpoints.show_settings)
    app.router.add_post("/_settings", endpoints.change_settings)
    app.router.add_post("/_inbound", endpoints.write_as_resident)
    app.router.add_get("/_ledger", endpoints.write_ledger)
    app.router.add_get("/_stats", endpoints.show_stats)
    app.router.add_post("/_reset", endpoints.reset)
    app.router.add_post("/_smpp/cut", endpoints.cut_smpp)
    app.router.add_post("/_smpp/deliver", endpoints.deliver_pdus)


class _Endpoints:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._panel = simulation.panel

    async def settings(self, request: web.Request) -> web.Response:
        """Show the faults, or the residents' habits, changed before by a POST, reset by a DELETE."""
        group = "faults" if request.path == "/_faults" else "habits"
        if request.method != "GET":
            changes = {"reset": True} if request.method == "DELETE" else await _read_json(request)
            self._panel.change(group, changes, is_reset=bool(changes.pop("reset", False)))
        habits = as_json(self._panel.habits)
        return web.json_response(dataclasses.asdict(self._panel.faults) if group == "faults" else habits)

    async def show_settings(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "inbound_url": self._panel.inbound_url,
                "smpp_port": self._simulation.smpp.port,
                "smpp_receivers": len(self._simulation.smpp.receivers),
            }
        )

    async def change_settings(self, request: web.Request) -> web.Response:
        changes = await _read_json(request)
        url = changes.pop("inbound_url", self._panel.inbound_url)
        if changes:
            return _refuse(f"{next(iter(changes))}: unknown; known is inbound_url")
        if not isinstance(url, str) or (url and not is_this_machine(url)):
            return _refuse("inbound_url: must lie on this machine (127.0.0.1, localhost), or be empty")
        self._simulation.set_inbound_url(url)
        return await self.show_settings(request)

    async def write_as_resident(self, request: web.Request) -> web.Response:
        message = await _read_json(request)
        number, body, to = message.get("from"), message.get("body"), message.get("to")
        if not isinstance(number, str) or not MOBILE.fullmatch(number):
            return _refuse("from: must be a mobile number, +84 and nine digits")
        if not isinstance(body, str) or not (to is None or (isinstance(to, str) and SENDER.fullmatch(to))):
            return _refuse("body: must be a text; to: a number or a sender name")
        # JSON may contain half of a surrogate pair, which no page could send.
        sms = self._simulation.network.receive(number, body.encode("utf-8", "replace").decode(), to=to)
        return web.json_response({"sid": sms.sid, "to": sms.to}, status=201)

    async def write_ledger(self, request: web.Request) -> web.StreamResponse:
        try:
            since = max(0, int(request.query.get("since", "0")))
        except ValueError:
            return _refuse("since: must be a whole number")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        await response.prepare(request)
        store = self._simulation.store
        rows = store.ledger[max(0, since - store.forgotten_ledger) :]
        for start in range(0, len(rows), LEDGER_CHUNK):
            lines = (
                json.dumps(to_ledger(sms), ensure_ascii=False) for sms in rows[start : start + LEDGER_CHUNK]
            )
            await response.write(("\n".join(lines) + "\n").encode())
        await response.write_eof()
        return response

    async def show_stats(self, request: web.Request) -> web.Response:
        return web.json_response(self._simulation.count())

    async def cut_smpp(self, request: web.Request) -> web.Response:
        restarts = bool((await _read_json(request)).get("restart"))
        return web.json_response({"cut": self._simulation.smpp.cut(restarts=restarts)})

    async def deliver_pdus(self, request: web.Request) -> web.Response:
        """Deliver PDUs in hexadecimal as they stand, in their order, to the client that is bound."""
        pdus = [bytes.fromhex(text) for text in (await _read_json(request)).get("pdus", ())]
        for pdu in pdus:
            self._simulation.counters.posts[PostPurpose.INBOUND].pending += 1
            self._simulation.smpp.queue_pdu(pdu)
        return web.json_response({"queued": len(pdus)})

    async def reset(self, request: web.Request) -> web.Response:
        self._simulation.reset()
        return web.json_response({"reset": True})


async def _read_json(request: web.Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.read() or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise web.HTTPBadRequest(
            text='{"error": "the body must be a JSON object"}', content_type="application/json"
        )
    return value


def _refuse(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=400)
