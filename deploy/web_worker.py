"""Gunicorn worker of the web: uvicorn's, which still serves new connections when it shuts down and waits for no slow caller."""

import asyncio
import socket
import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

# A request follows its connection after milliseconds; uvicorn would close the connection before reading it.
LINGER_S = 0.5


# Without a proxy in front, these alone end a request that does not come to its end.
HEAD_WITHIN_S, MOST_HEAD = 20.0, 64 * 1024  # seconds, bytes
BODY_WITHIN_S, SLOWEST_BODY = 60.0, 1024  # seconds, and bytes a second beyond them
LOOKS_EACH_S = 5.0


class BoundedProtocol(HttpToolsProtocol):
    """HTTP whose requests have a limit of time, and their heads one of size: beyond it the connection is closed."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._begin(is_head=True)
        self._look_again()

    def _begin(self, *, is_head: bool) -> None:
        self._is_head, self._is_whole, self._came, self._began = is_head, False, 0, self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self._is_whole:
            self._begin(is_head=True)
        self._came += len(data)
        super().data_received(data)
        if self._is_head and not self._is_whole and self._came > MOST_HEAD:
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._begin(is_head=False)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_whole = True
        super().on_message_complete()

    def _look_again(self) -> None:
        self._look = self.loop.call_later(LOOKS_EACH_S, self._close_if_late)

    def _close_if_late(self) -> None:
        took = self.loop.time() - self._began
        late = took > (HEAD_WITHIN_S if self._is_head else BODY_WITHIN_S + self._came / SLOWEST_BODY)
        # While we read on for nobody the caller cannot go on.
        if late and not self._is_whole and not self.flow.read_paused:
            self.transport.close()
        else:
            self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        self._look.cancel()
        super().connection_lost(exc)


class _DrainingServer(Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(LINGER_S)
        await super().shutdown(sockets)


class DrainingWorker(UvicornWorker):
    """Worker that loses no request at a restart.

    Use it by `gunicorn --worker-class deploy.web_worker.DrainingWorker`.
    """

    CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, "http": BoundedProtocol}  # noqa: RUF012 - as uvicorn has it

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = _DrainingServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
