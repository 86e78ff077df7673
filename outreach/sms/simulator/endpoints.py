"""The simulator's own addresses for scripts: faults, residents, ledger, counts, a resident's SMS."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from aiohttp import web

from outreach.sms.simulator.api.creation import MOBILE, SENDER
from outreach.sms.simulator.controls.faults import Faults
from outreach.sms.simulator.controls.habits import Habits, as_json, change_habits
from outreach.sms.simulator.controls.knobs import BadKnob, turn
from outreach.sms.simulator.exchange.messages import to_ledger
from outreach.sms.simulator.exchange.routes import is_this_machine
from outreach.sms.simulator.world import World

LINES_AT_ONCE = 1000


def add_routes(app: web.Application, world: World) -> None:
    endpoints = _Endpoints(world)
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


class _Endpoints:
    def __init__(self, world: World) -> None:
        self._world = world
        self._panel = world.panel

    async def show_faults(self, request: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self._panel.faults))

    async def change_faults(self, request: web.Request) -> web.Response:
        changes = await _read_json(request)
        base = Faults() if changes.pop("reset", False) else self._panel.faults
        try:
            self._panel.set_faults(turn(base, changes))
        except BadKnob as error:
            return _refuse(str(error))
        return await self.show_faults(request)

    async def reset_faults(self, request: web.Request) -> web.Response:
        self._panel.set_faults(Faults())
        return await self.show_faults(request)

    async def show_habits(self, request: web.Request) -> web.Response:
        return web.json_response(as_json(self._panel.habits))

    async def change_habits(self, request: web.Request) -> web.Response:
        changes = await _read_json(request)
        base = Habits() if changes.pop("reset", False) else self._panel.habits
        try:
            self._panel.habits = change_habits(base, changes)
        except BadKnob as error:
            return _refuse(str(error))
        return await self.show_habits(request)

    async def reset_habits(self, request: web.Request) -> web.Response:
        self._panel.habits = Habits()
        return await self.show_habits(request)

    async def show_settings(self, request: web.Request) -> web.Response:
        return web.json_response({"inbound_url": self._panel.inbound_url})

    async def change_settings(self, request: web.Request) -> web.Response:
        changes = await _read_json(request)
        url = changes.pop("inbound_url", self._panel.inbound_url)
        if changes:
            return _refuse(f"{next(iter(changes))}: unknown; known is inbound_url")
        if not isinstance(url, str) or (url and not is_this_machine(url)):
            return _refuse("inbound_url: must lie on this machine (127.0.0.1, localhost), or be empty")
        self._world.set_inbound_url(url)
        return await self.show_settings(request)

    async def write_as_resident(self, request: web.Request) -> web.Response:
        message = await _read_json(request)
        number, body, to = message.get("from"), message.get("body"), message.get("to")
        if not isinstance(number, str) or not MOBILE.fullmatch(number):
            return _refuse("from: must be a mobile number, +84 and nine digits")
        if not isinstance(body, str) or not (to is None or (isinstance(to, str) and SENDER.fullmatch(to))):
            return _refuse("body: must be a text; to: a number or a sender name")
        # JSON can smuggle in half of a surrogate pair, which no page could write.
        sms = self._world.carrier.receive(number, body.encode("utf-8", "replace").decode(), to=to)
        return web.json_response({"sid": sms.sid, "to": sms.to}, status=201)

    async def write_ledger(self, request: web.Request) -> web.StreamResponse:
        try:
            since = max(0, int(request.query.get("since", "0")))
        except ValueError:
            return _refuse("since: must be a whole number")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        await response.prepare(request)
        store = self._world.store
        rows = store.ledger[max(0, since - store.forgotten_ledger) :]
        for start in range(0, len(rows), LINES_AT_ONCE):
            lines = (
                json.dumps(to_ledger(sms), ensure_ascii=False) for sms in rows[start : start + LINES_AT_ONCE]
            )
            await response.write(("\n".join(lines) + "\n").encode())
        await response.write_eof()
        return response

    async def show_stats(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.count())

    async def reset(self, request: web.Request) -> web.Response:
        self._world.reset()
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
