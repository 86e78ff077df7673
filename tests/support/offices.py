"""Installations of several provinces that exchange wishes: a database each, and their webs on real ports."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from admin.app import create_app
from outreach.contacts.wishes import read_left_alone
from outreach.core.settings import Settings
from outreach.imports.exchange import exchange_wishes, public_key
from outreach.models.contacts import Phone
from outreach.rules.exchange import Peer
from outreach.runtime import Runtime, open_runtime
from tests.support.simulator import RunningSimulator
from tests.support.world import World

SHARED = "shared-by-all-" + "s" * 32


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def exchanging(
    settings: Settings, simulator: RunningSimulator, databases: dict[str, str]
) -> Iterator[dict[str, World]]:
    """A world for each of these names and migrated databases, all of which exchange their wishes."""
    worlds: dict[str, World] = {}
    apps: dict[Runtime, Flask] = {}

    def answer(name: str, environ: Any, begin: Any) -> Any:
        runtime = worlds[name].runtime  # another one where the world has other settings since
        if runtime not in apps:
            apps[runtime] = create_app(runtime.settings, runtime=runtime)
        return apps[runtime](environ, begin)

    with ExitStack() as stack:
        peers, base = {}, settings.redis_url.rpartition("/")[0]
        for n, name in enumerate(databases):
            own = replace(settings, secret_key=f"{name}-" + "k" * 32, redis_url=f"{base}/{n + 1}")
            web = make_server("127.0.0.1", 0, partial(answer, name), threaded=True, request_handler=_Quiet)
            Thread(target=web.serve_forever, daemon=True).start()
            stack.callback(web.server_close)
            stack.callback(web.shutdown)
            peers[name] = Peer(name, f"http://127.0.0.1:{web.port}", public_key(own)), own
        for name, (_peer, own) in peers.items():
            others = tuple(peer for other, (peer, _) in peers.items() if other != name)
            own = replace(own, exchange_name=name, exchange_keys=(SHARED,), exchange_peers=others)
            runtime = open_runtime(replace(own, database_url=databases[name]))
            stack.callback(runtime.close)
            runtime.redis.flushdb()
            worlds[name] = World(runtime, simulator)
        yield worlds


def exchange(*worlds: World) -> list[dict[str, int]]:
    """Each takes what the others tell, and once more, as who began may have had something to learn of its own."""
    done = [exchange_wishes(world.runtime, now=world.now) for world in (*worlds, *worlds)]
    assert not any(counts["failed"] for counts in done)
    return done


def is_closed(world: World, e164: str) -> bool:
    """Whether nobody may be written to at a number that this office knows."""
    with world.runtime.db.read() as session:
        phone = session.query(Phone.id).where(Phone.e164 == e164).scalar()
        return read_left_alone(session, numbers=[phone]).stops(None, phone)
