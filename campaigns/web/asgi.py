"""ASGI bridge: a WSGI application (Flask) under a server with an event loop.

Each request runs in a thread, but only while the application works on it. A form is read to its end before a thread
takes it, and an answer is sent without one, so that slow callers delay no other.

`SharedWork`: callers that wait together for one piece of work in a thread.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
IN_MEMORY = 256 * 1024  # bytes of a request or an answer; a larger one goes to the disk, or is sent in pieces
SENT_WITHIN_S = 300.0  # time limit for a piece, to a caller that reads slowly


class ClientDisconnected(Exception):
    """The caller disconnected before all of the request had come."""


class WsgiBridge:
    """ASGI application that answers as the WSGI application `app` does."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        threads: int,
        usual_bytes: int,
        most_bytes: Callable[[dict[str, Any]], int],
        is_slow: Callable[[dict[str, Any]], bool] = lambda _environ: False,
    ) -> None:
        """Create the bridge.

        `usual_bytes`: the largest request; for a larger one `most_bytes` is asked in a thread, by its environment without
        the body, how large it may be. Of one beyond that `app` sees only its declared length. Requests that are slow
        on purpose have one thread of their own, so that many of them at once leave the others to the pages.
        """
        self._app, self._usual_bytes, self._most_bytes, self._is_slow = app, usual_bytes, most_bytes, is_slow
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        # At its own niceness: while 50 people signed in at once, the slowest page's p95 was 9.7 s in place of 1.4.
        self._slow_thread = ThreadPoolExecutor(1, "web-slow", os.nice, (10,))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _run_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await self._handle(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        environ = _environ(scope)
        body: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the thread closes it, even if the caller hangs up
        try:
            environ["CONTENT_LENGTH"] = str(await self._read(environ, body, receive))
        except ClientDisconnected:
            body.close()
            return
        environ["wsgi.input"] = body
        loop = asyncio.get_running_loop()

        def send_now(message: Message) -> None:
            asyncio.run_coroutine_threadsafe(_send(send, message), loop).result(SENT_WITHIN_S)

        threads = self._slow_thread if self._is_slow(environ) else self._threads
        for message in await loop.run_in_executor(threads, self._run_app, environ, send_now):
            await send(message)

    async def _read(self, environ: dict[str, Any], into: IO[bytes], receive: Receive) -> int:
        """Read the request's body. Returns its length, or the declared length if that is too much."""
        declared = environ.get("CONTENT_LENGTH", "")
        most = self._usual_bytes
        if "HTTP_TRANSFER_ENCODING" in environ or (declared.isdigit() and int(declared) > most):
            with suppress(Exception):  # the application meets what went wrong as well
                loop = asyncio.get_running_loop()
                most = await loop.run_in_executor(self._threads, self._most_bytes, environ)
        if declared.isdigit() and int(declared) > most:
            return int(declared)
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            piece = message.get("body", b"")
            length += len(piece)
            if length <= most:
                into.write(piece)
            more = message.get("more_body", False)
        into.seek(0)
        return length

    def _run_app(self, environ: dict[str, Any], send_now: Callable[[Message], None]) -> list[Message]:
        """Run the application, in a thread. Returns the messages that are still to be sent."""
        unsent: list[Message] = []
        pieces: list[bytes] = []

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], None]:
            raw_headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]
            unsent[:] = [
                {
                    "type": "http.response.start",
                    "status": int(status.split(" ", 1)[0]),
                    "headers": raw_headers,
                }
            ]
            return pieces.append

        with environ["wsgi.input"]:
            parts = self._app(environ, start)
            try:
                size = 0
                for part in parts:
                    pieces.append(part)
                    size += len(part)
                    if size > IN_MEMORY:
                        content = {"type": "http.response.body", "body": b"".join(pieces), "more_body": True}
                        for message in (*unsent, content):
                            send_now(message)
                        unsent.clear()
                        pieces.clear()
                        size = 0
            finally:
                if close := getattr(parts, "close", None):
                    close()
        return [*unsent, {"type": "http.response.body", "body": b"".join(pieces)}]


async def _send(send: Send, message: Message) -> None:
    await send(message)


async def _run_lifespan(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


def _environ(scope: Scope) -> dict[str, Any]:
    path = scope.get("raw_path")
    decoded = unquote_to_bytes(path) if path is not None else scope["path"].encode()
    host, port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": decoded.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    if scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = scope["client"][0], str(scope["client"][1])
    for name, value in scope["headers"]:
        if b"_" in name:
            continue  # WSGI would not tell it from the one with a dash, which only the proxy may set
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ


def client_address(scope: Scope) -> str:
    """Return the address that the proxy in front names, as ProxyFix reads it for the other application."""
    named = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    last = b",".join(named).decode("latin-1").rpartition(",")[2].strip()
    return last or (scope.get("client") or ("",))[0]


Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class SharedWork(Generic[Asked, Answer]):
    """Work that callers share: what is asked for while `work` runs for others is done at once after it.

    For one event loop; `work` runs in a thread of its own, one call at a time.
    """

    def __init__(
        self, work: Callable[[list[Asked]], list[Answer]], *, most: int, gather_s: float = 0.0
    ) -> None:
        """Create it. `work` returns the answers in order, of at most so many at once, after a wait that gathers more of them."""
        self._work, self._most, self._gather_s = work, most, gather_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shared-work")
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """Return the answer, or raise what the work raised."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._task = self._task or asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(self._gather_s)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._run_batch(batch)
        finally:
            self._task = None

    async def _run_batch(self, batch: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            asked = [each for each, _ in batch]
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, asked)
        except Exception as error:
            for _, future in batch:
                if not future.done():  # else its caller hung up
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
