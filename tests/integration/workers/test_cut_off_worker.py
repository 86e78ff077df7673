"""A worker that alone is cut off from the database, while the others and the gateway go on."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import make_url

from outreach.use_cases import enqueue_send
from tests.support.processes import QuickProcesses
from tests.support.wait_until import wait_until
from tests.support.world import number

PEOPLE = 400


class Wire:
    """A port that leads to PostgreSQL's socket, until it is cut: then what is open is closed, or hangs."""

    def __init__(self, socket):
        self._socket = socket
        self._open = asyncio.Event()
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._loop.call_soon(self._open.set)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connect, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _connect(self, reader, writer):
        await self._open.wait()
        there, back = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, back}
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    def _do(self, work):
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def cut(self, *, hangs):
        async def work():
            self._open.clear()
            for writer in self._writers if not hangs else ():
                writer.transport.abort()

        self._do(work())

    def mend(self):
        async def work():
            self._open.set()

        self._do(work())

    def close(self):
        self.mend()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def settings(settings):
    return replace(settings, send_in_flight=10, send_timeout_s=4, lease_s=6)


@pytest.fixture
def wire(settings):
    made = Wire(f"{make_url(settings.database_url).query['host']}/.s.PGSQL.5432")
    yield made
    made.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "hangs", [pytest.param(False, id="closed", marks=pytest.mark.rest), pytest.param(True, id="hangs")]
)
def test_a_worker_cut_off_from_the_database_sends_nothing_twice_and_nothing_is_lost(
    world, simulator, settings, wire, hangs
):
    world.add_people(PEOPLE)
    simulator.faults(latency_ms=100)
    campaign = world.launch()
    database = make_url(settings.database_url)
    through = database.set(host="127.0.0.1", port=wire.port, query={}).render_as_string(hide_password=False)
    cut_off = QuickProcesses(replace(settings, database_url=through))
    others = QuickProcesses(settings)
    try:
        lone = cut_off.start("worker", "--queues", "send")
        enqueue_send(world.runtime)
        wait_until(lambda: simulator.stats()["accepted"] > 40)
        wire.cut(hangs=hangs)
        others.start("worker", "--queues", "send")
        cut_at = time.monotonic()
        ends = cut_at + 120
        while world.status(campaign)["state"] != "completed" and time.monotonic() < ends:
            # Longer than a lease: what it held was looked up meanwhile, and is sent by another.
            if time.monotonic() > cut_at + settings.lease_s + 2:
                wire.mend()
            world.sweep()
            world.reconcile()
            enqueue_send(world.runtime)
            time.sleep(0.1)
        assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))
        assert lone.poll() is None
    finally:
        wire.mend()
        cut_off.stop()
        others.stop()
