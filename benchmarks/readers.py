"""Users who sign in and turn pages, and what each page took them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, RemoteDisconnected
from urllib.parse import urlencode

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


class Reader:
    """User with an own session and connection."""

    def __init__(self, port: int, email: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookie = ""
        form = urlencode(login_form(email, self.get("/login")))
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self.cookie}
        self.connection.request("POST", "/login", form, headers)
        self._read(303)

    def get(self, path: str) -> str:
        try:
            self.connection.request("GET", path, headers={"Cookie": self.cookie})
            return self._read(200)
        except RemoteDisconnected:  # the server closes connections after a few idle seconds
            self.connection.close()
            self.connection.request("GET", path, headers={"Cookie": self.cookie})
            return self._read(200)

    def _read(self, status: int) -> str:
        answer = self.connection.getresponse()
        body = answer.read().decode()
        assert answer.status == status, (answer.status, body[:200])
        if set_cookie := answer.getheader("Set-Cookie"):
            self.cookie = set_cookie.split(";", 1)[0]
        return body


def over_after(seconds: float) -> Callable[[int], bool]:
    """Return what says to a reader that so many seconds are over."""
    ends = time.monotonic() + seconds
    return lambda _opened: time.monotonic() > ends


def read_pages(
    readers: list[Reader], pages: Mapping[str, str], is_over: Callable[[int], bool], *, pause_s: float
) -> dict[str, list[float]]:
    """Return milliseconds by page, opened by all readers at once until `is_over` for the pages that one has opened."""
    took: dict[str, list[float]] = {name: [] for name in pages}

    def read(n: int) -> None:
        time.sleep(pause_s * n / len(readers))  # not all at once
        opened = 0
        while not is_over(opened):
            name, path = list(pages.items())[(n + opened) % len(pages)]
            began = time.perf_counter()
            page = readers[n].get(path)
            took[name].append((time.perf_counter() - began) * 1000)
            assert "<h1" in page
            opened += 1
            time.sleep(pause_s)

    with ThreadPoolExecutor(len(readers)) as pool:
        list(pool.map(read, range(len(readers))))
    return took
