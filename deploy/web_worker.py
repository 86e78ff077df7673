"""The web's worker process for gunicorn: uvicorn's, which lets those in that have just been let in before it ends."""

from __future__ import annotations

import asyncio
import socket
import sys

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

# Between a connection and its request lie milliseconds; uvicorn would close it unheard.
LINGER_S = 0.5


class _DrainingServer(Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(LINGER_S)
        await super().shutdown(sockets)


class DrainingWorker(UvicornWorker):
    """`gunicorn --worker-class deploy.web_worker.DrainingWorker`: a restart loses no request."""

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = _DrainingServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
