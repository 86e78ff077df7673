"""Calls the web as its server with an event loop does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from campaigns.web.asgi import Application

Answer = TypeVar("Answer")


class AsgiClient:
    """`get` and `post` as Flask's own client has them. End it with `close`."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._runner = asyncio.Runner()

    def get(self, path: str, **request: Any) -> Response:
        return self.run(self.ask("GET", path, **request))

    def post(self, path: str, **request: Any) -> Response:
        return self.run(self.ask("POST", path, **request))

    def run(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        """Whatever is to be asked at once, in the client's own event loop."""
        return self._runner.run(asked)

    async def ask(self, method: str, path: str, **request: Any) -> Response:
        return await self._ask(EnvironBuilder(path, method=method, **request))

    async def _ask(self, request: EnvironBuilder) -> Response:
        environ = request.get_environ()
        body = environ["wsgi.input"].read()
        said = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
        headers = [(name[5:].replace("_", "-").lower(), value) for name, value in said.items()]
        headers += [("content-length", str(len(body)))]
        headers += [("content-type", request.content_type)] if request.content_type else []
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"].encode("latin-1").decode(),
            "query_string": environ["QUERY_STRING"].encode("latin-1"),
            "headers": [(name.encode(), value.encode("latin-1", "ignore")) for name, value in headers],
            "http_version": "1.1",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        await self._app(scope, receive, send)
        start = sent[0]
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return Response(content, start["status"], [(n.decode(), v.decode()) for n, v in start["headers"]])

    def close(self) -> None:
        self._runner.close()
