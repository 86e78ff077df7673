"""Web application of the simulator: Twilio's API, the pages, and endpoints for scripts.

The endpoints for scripts change faults and residents, send a resident's SMS, and return the ledger and counts.
"""

import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from simulator import pages
from simulator.aggregator import PREFIX, AggregatorApi
from simulator.callbacks import PostPurpose, is_this_machine
from simulator.messages import to_ledger
from simulator.request_checks import MOBILE, SENDER
from simulator.settings import Faults, InvalidSetting, ResidentHabits, apply_changes, as_json, change_habits
from simulator.simulation import Simulation
from simulator.twilio_api import ROOT, TwilioApi

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
    app.router.add_get("/_faults", endpoints.show_faults)
    app.router.add_post("/_faults", endpoints.change_faults)
    app.router.add_delete("/_faults", endpoints.reset_faults)
    app.router.add_get("/_residents", endpoints.show_habits)
    app.router.add_post("/_residents", endpoints.change_habits)
    app.router.add_delete("/_residents", endpoints.reset_habits)
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

    async def show_faults(self, request: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self._panel.faults))

    async def change_faults(self, request: web.Request) -> web.Response:
        changes = await _read_json(request)
        base = Faults() if changes.pop("reset", False) else self._panel.faults
        self._panel.set_faults(apply_changes(base, changes))
        return await self.show_faults(request)

    async def reset_faults(self, request: web.Request) -> web.Response:
        self._panel.set_faults(Faults())
        return await self.show_faults(request)

    async def show_habits(self, request: web.Request) -> web.Response:
        return web.json_response(as_json(self._panel.habits))

    async def change_habits(self, request: web.Request) -> web.Response:
        changes = await _read_json(request)
        base = ResidentHabits() if changes.pop("reset", False) else self._panel.habits
        self._panel.habits = change_habits(base, changes)
        return await self.show_habits(request)

    async def reset_habits(self, request: web.Request) -> web.Response:
        self._panel.habits = ResidentHabits()
        return await self.show_habits(request)

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
