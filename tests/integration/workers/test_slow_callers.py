"""Callers who never come to the end of a request keep neither a connection nor memory."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn

from deploy import web_worker
from deploy.web_worker import BoundedProtocol
from tests.support.tables import cases


async def read_all(scope, receive, send):
    """An application that reads a body to its end."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def address(monkeypatch):
    for name, value in (("HEAD_WITHIN_S", 0.5), ("BODY_WITHIN_S", 0.5), ("LOOKS_EACH_S", 0.1)):
        monkeypatch.setattr(web_worker, name, value)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(read_all, http=BoundedProtocol, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join(10)


def ends(address, first, *drops):
    """Whether the connection is closed within seconds, a drop coming each tenth of one."""
    with socket.create_connection(address, timeout=5) as caller:
        caller.sendall(first)
        began = time.monotonic()
        caller.settimeout(0.1)
        for drop in [*drops] * 40:
            try:
                if caller.recv(100) == b"":
                    return True
            except TimeoutError:
                pass
            except OSError:
                return True
            if time.monotonic() - began > 3:
                return False
            try:
                caller.sendall(drop)
            except OSError:
                return True
    return False


HEAD = b"POST / HTTP/1.1\r\nHost: loa\r\n"


@cases(
    (b"", b""),  # nothing is asked
    (HEAD, b"X-A: b\r\n"),  # a head that never ends
    (HEAD + b"X-A: " + b"b" * 100_000, b"b"),  # one that is too large, within the time
    (HEAD + b"Content-Length: 100\r\n\r\n", b"b"),  # a body that comes letter by letter
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n"),
)
def test_a_request_that_does_not_come_to_its_end_is_let_go(address, first, drop):
    assert ends(address, first, drop)


def test_an_ordinary_request_is_answered_on_a_connection_that_is_kept(address):
    with socket.create_connection(address, timeout=5) as caller:
        for _ in range(3):
            caller.sendall(HEAD + b"Content-Length: 200000\r\n\r\n" + b"b" * 200_000)
            assert caller.recv(1000).startswith(b"HTTP/1.1 204")
            time.sleep(0.3)
