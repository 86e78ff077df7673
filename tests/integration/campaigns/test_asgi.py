"""The office under a server with an event loop: the same answers, and no thread for those who are slow."""

import asyncio
import os
from contextlib import closing
from typing import Any

import pytest
from flask import Flask, Response, request

from campaigns.web.asgi import IN_MEMORY, WsgiBridge
from tests.support.asgi_client import AsgiClient

app = Flask(__name__)


@app.post("/told")
def told() -> dict[str, Any]:
    names = ("X-Forwarded-For", "Cookie", "X-Twice")
    return {
        "body": request.get_data(as_text=True),
        "query": request.args.to_dict(),
        "headers": [request.headers.get(name) for name in names],
    }


@app.post("/làng/<name>")
def named(name: str) -> str:
    return name


@app.post("/large")
def large() -> Response:
    return Response(
        (b"x" * 1000 for _ in range(IN_MEMORY // 250)), headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    )


@app.post("/slow")
def slow() -> dict[str, Any]:
    return {"niceness": os.getpriority(os.PRIO_PROCESS, 0)}


@app.errorhandler(413)
def too_large(_error: Exception) -> tuple[str, int]:
    return "quá lớn", 413


def scope(path, *headers):
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": list(headers),
        "http_version": "1.1",
    }


def answers(body, asked):
    sent = []
    coming = iter(body)

    async def receive():
        return next(coming)

    async def send(message):
        sent.append(message)

    asyncio.run(
        WsgiBridge(app, threads=1, usual_bytes=10_000, most_bytes=lambda _environ: 10_000)(
            asked, receive, send
        )
    )
    return sent


def test_a_request_arrives_whole_and_a_header_cannot_pass_for_the_proxys():
    headers = {"X-Forwarded-For": "192.0.2.1", "Cookie": "a=1; b=2"}
    with closing(
        AsgiClient(WsgiBridge(app, threads=1, usual_bytes=10_000, most_bytes=lambda _environ: 10_000))
    ) as client:
        told = client.post("/told?chữ=có", data="Kon Rơ Bàng", headers=headers).json
        assert client.post("/làng/Kon Rơ").get_data(as_text=True) == "Kon Rơ"
    assert told == {"body": "Kon Rơ Bàng", "query": {"chữ": "có"}, "headers": ["192.0.2.1", "a=1; b=2", None]}
    forged = [(b"x_forwarded_for", b"10.0.0.1"), (b"x-twice", b"1"), (b"x-twice", b"2")]
    *_, body = answers([{"type": "http.request", "body": b""}], scope("/told", *forged))
    assert b'"headers":[null,null,"1,2"]' in body["body"]


def test_a_large_answer_leaves_piece_by_piece_with_all_its_headers():
    start, *pieces = answers([{"type": "http.request", "body": b""}], scope("/large"))
    assert [value for name, value in start["headers"] if name == b"set-cookie"] == [b"a=1", b"b=2"]
    assert len(pieces) > 2
    assert sum(len(piece["body"]) for piece in pieces) == IN_MEMORY // 250 * 1000
    assert [bool(piece.get("more_body")) for piece in pieces] == [True] * (len(pieces) - 1) + [False]


@pytest.mark.parametrize("is_announced", [True, False])
def test_of_a_request_that_is_too_large_nothing_is_kept(is_announced, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 10_000)
    length = [(b"content-length", b"20000")] if is_announced else []
    pieces = [{"type": "http.request", "body": b"x" * 10_000, "more_body": i < 2} for i in range(3)]
    start, body = answers(pieces, scope("/told", *length))
    assert (start["status"], body["body"].decode()) == (413, "quá lớn")


def test_who_hangs_up_in_the_middle_of_a_request_has_asked_for_nothing():
    came = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    assert answers(came, scope("/told")) == []


def test_a_slow_request_leaves_the_processor_to_the_others():
    def is_slow(environ):
        return environ["QUERY_STRING"] == "slow"

    bridge = WsgiBridge(
        app, threads=1, usual_bytes=10_000, most_bytes=lambda _environ: 10_000, is_slow=is_slow
    )
    with closing(AsgiClient(bridge)) as client:
        usual, patient = client.post("/slow").json, client.post("/slow?slow").json
    assert patient["niceness"] == min(usual["niceness"] + 10, 19)
