"""A line to a server of another process, for tests of what happens when it is cut."""

import asyncio
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit


class Line:
    """Address that leads to a server until it is cut, and again once it is restored."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls` encrypts the way to the line; its address is then that of localhost."""
        self._target, self._tls = urlsplit(url), tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._writers: list[asyncio.StreamWriter] = []
        self._port = 0
        self.restore()
        login = self._target.netloc.rpartition("@")[0]
        scheme, host = (f"{self._target.scheme}s", "localhost") if tls else (self._target.scheme, "127.0.0.1")
        self.url = f"{scheme}://{login}@{host}:{self._port}"

    def restore(self) -> None:
        self._server = self._run(asyncio.start_server(self._forward, "127.0.0.1", self._port, ssl=self._tls))
        self._port = self._server.sockets[0].getsockname()[1]

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers += [writer, back]

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    target.write(data)
            target.close()

        await asyncio.gather(copy(reader, back), copy(there, writer))
        # Both have ended: Python 3.11.2 raises AttributeError where such a one is cut.
        self._writers = [each for each in self._writers if each not in (writer, back)]

    def cut(self) -> None:
        async def end() -> None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()

        self._run(end())

    def close(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
