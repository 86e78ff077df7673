"""A gateway for one test, and a server of one handler that misbehaves as the test wants.

Every request that reaches the server is held against Twilio's document.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from aiohttp import web

from outreach.core.settings import Settings
from outreach.rules.gateway import BilledMessage, ListedMessage, OutboundMessage, Outcome
from outreach.sms.twilio import TwilioGateway
from tests.support.twilio_document import breaches

TO = "+84905000123"
BODY = "Mời ông/bà cài Bluezone"
PATIENCE_S = 10.0  # an answer may take long on a busy machine
TIMEOUT_S = 0.8  # for the tests of what happens when there is none
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def settings_for(url: str, **changes: Any) -> Settings:
    return Settings(twilio_api_base_url=url, **{"send_timeout_s": PATIENCE_S, **changes})


def outgoing(**changes: Any) -> OutboundMessage:
    return OutboundMessage(**{"attempt_id": 7, "to": TO, "sender": "MTTQ", "body": BODY, **changes})


def send_all(settings: Settings, *messages: OutboundMessage) -> list[Outcome]:
    """The messages through one gateway, one after the other."""

    async def job() -> list[Outcome]:
        gateway = TwilioGateway(settings)
        try:
            return [await gateway.send(message) for message in messages]
        finally:
            await gateway.close()

    return asyncio.run(job())


def send(settings: Settings, **changes: Any) -> Outcome:
    return send_all(settings, outgoing(**changes))[0]


def list_to(settings: Settings, number: str = TO) -> list[ListedMessage]:
    async def job() -> list[ListedMessage]:
        gateway = TwilioGateway(settings)
        try:
            return await gateway.list_to(number)
        finally:
            await gateway.close()

    return asyncio.run(job())


class Server:
    """A server of one handler, in the event loop of the gateway, that keeps what it was asked."""

    def __init__(self, handler: Handler, *, timeout_s: float = PATIENCE_S, **settings: Any) -> None:
        self.handler = handler
        self.settings = {"send_timeout_s": timeout_s, **settings}
        self.asked: list[web.Request] = []
        self.breaches: list[str] = []

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.breaches += breaches(request.method, request.path, dict(request.query), form)
        return await self.handler(request)

    def send(self, *messages: OutboundMessage) -> list[Outcome]:
        return self._with_gateway(lambda gateway: self._send(gateway, messages or (outgoing(),)))

    def list_to(self, number: str = TO) -> list[ListedMessage]:
        return self._with_gateway(lambda gateway: gateway.list_to(number))

    def list_billed(self, day: date) -> list[list[BilledMessage]]:
        async def read(gateway: TwilioGateway) -> list[list[BilledMessage]]:
            return [page async for page in gateway.list_billed(day)]

        return self._with_gateway(read)  # type: ignore[no-any-return]

    async def _send(self, gateway: TwilioGateway, messages: tuple[OutboundMessage, ...]) -> list[Outcome]:
        return [await gateway.send(message) for message in messages]

    def _with_gateway(self, work: Callable[[TwilioGateway], Awaitable[Any]]) -> Any:
        async def job() -> Any:
            app = web.Application()
            app.router.add_route("*", "/{rest:.*}", self._handle)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            gateway = TwilioGateway(settings_for(f"http://127.0.0.1:{port}", **self.settings))
            try:
                return await work(gateway)
            finally:
                await gateway.close()
                await runner.cleanup()

        found = asyncio.run(job())
        assert not self.breaches
        return found


def answering(status: int, text: str, *, headers: dict[str, str] | None = None) -> Server:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return Server(handler)


def refusal(status: int, code: int) -> str:
    return json.dumps({"code": code, "message": "no", "more_info": "", "status": status})


def problem(status: int, code: int) -> str:
    return json.dumps({"type": "about:blank", "title": "No", "status": status, "code": code, "detail": "no"})


CREATED = json.dumps({"sid": "SM1", "status": "queued"})
