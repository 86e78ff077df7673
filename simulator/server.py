"""The web application: Twilio's API, the scripts' addresses and the pages, behind one guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from outreach.sms.simulator import endpoints
from outreach.sms.simulator.api.handlers import ROOT, TwilioApi
from outreach.sms.simulator.pages import views
from outreach.sms.simulator.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(world: World) -> web.Application:
    """The application over `world`, which it starts and stops with itself."""
    app = web.Application(middlewares=[_guard])
    api = TwilioApi(
        world.store,
        carrier=world.carrier,
        panel=world.panel,
        tally=world.tally,
        account_sid=world.options.account_sid,
        auth_token=world.options.auth_token,
    )
    api.add_routes(app)
    endpoints.add_routes(app, world)
    views.add_routes(app, world)
    app.on_startup.append(lambda app: world.start())
    app.on_cleanup.append(lambda app: world.stop())
    return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pages of other sites may not press buttons here: there is no login that would stop them."""
    if request.method != "GET" and not request.path.startswith(ROOT):
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="cross-site request refused")
    return await handler(request)
