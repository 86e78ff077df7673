"""Gunicorn worker of the web: uvicorn's, which still serves new connections when it shuts down."""

from __future__ import annotations

import asyncio
import socket
import sys

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

# A request follows its connection after milliseconds; uvicorn would close the connection before reading it.
LINGER_S = 0.5


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

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = _DrainingServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
