"""Users who sign in and open pages with what each took them, and requests as fast as the server answers or at a rate."""

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import aiohttp
import uvloop

from benchmarks.ground import PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def token_in(page: str) -> str:
    """Return the token of a page's forms."""
    found = _TOKEN.search(page)
    assert found, "the page has no token"
    return found[1]


def login_form(email: str, page: str) -> dict[str, str]:
    """Return the login page's form, filled in."""
    return {"email": email, "password": PASSWORD, "csrf_token": token_in(page)}


@dataclass
class Seen:
    """Measurements of the browsing users: milliseconds by page, and responses other than 200."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)


async def log_in(session: aiohttp.ClientSession, email: str) -> None:
    async with session.get("/login") as page:
        form = login_form(email, await page.text())
    async with session.post("/login", data=form, allow_redirects=False) as reply:
        assert reply.status == 303, reply.status


async def look(
    session: aiohttp.ClientSession, seen: Seen, kind: str, address: str, headers: dict[str, str] | None = None
) -> str:
    """Return a page, "" where it failed; `seen` keeps how long it took."""
    began, page = time.perf_counter(), ""
    try:
        async with session.get(address, headers=headers, allow_redirects=False) as reply:
            page = await reply.text()
            if reply.status != 200:
                seen.errors[f"{kind}: {reply.status}"] += 1
    except (aiohttp.ClientError, TimeoutError) as error:
        seen.errors[f"{kind}: {type(error).__name__}"] += 1
    seen.ms[kind].append((time.perf_counter() - began) * 1000)
    return page


CONNECTIONS = 32


def post(url: str, form: dict[str, str], **headers: str) -> bytes:
    """Return the bytes of a POST request; underscores in header names become hyphens."""
    parts = urlsplit(url)
    body = urlencode(form).encode()
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(url: str) -> bytes:
    """Return the bytes of a GET request."""
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


def send_all(
    port: int, requests: Sequence[bytes], *, per_second: float = float("inf")
) -> tuple[float, Counter[int]]:
    """Send all requests in order, CONNECTIONS at a time. Returns seconds, and responses by status."""
    return uvloop.run(_send_all(port, requests, per_second))


async def _send_all(port: int, requests: Sequence[bytes], per_second: float) -> tuple[float, Counter[int]]:
    answers: Counter[int] = Counter()
    started = time.monotonic()
    timed = ((started + n / per_second, request) for n, request in enumerate(requests))
    await asyncio.gather(*(_send_some(port, timed, answers) for _ in range(CONNECTIONS)))
    return time.monotonic() - started, answers


async def _send_some(port: int, timed: Iterator[tuple[float, bytes]], answers: Counter[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for due, request in timed:
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, length, rest = head.partition(b"content-length:")
        if length and (size := int(rest.split(b"\r\n", 1)[0])):
            await reader.readexactly(size)
        answers[int(head.split(b" ", 2)[1])] += 1
        if b"connection: close" in head:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
