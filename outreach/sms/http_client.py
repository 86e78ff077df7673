"""HTTP for the gateway's client: aiohttp with one pool, a real timeout, no retries.

Kept apart from the library's own client, which ignores its timeout and repeats POSTs on 5xx: a
repeated POST would be a second message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
from yarl import URL

# What a form's value may hold as it is; `urlencode` looks at each letter by itself, which cost more than
# all the rest of a request's text.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]")


class _Quoted(dict[str, str]):
    def __missing__(self, letter: str) -> str:
        self[letter] = quoted = quote_plus(letter)
        return quoted


_QUOTED = _Quoted()


def _quote(match: re.Match[str]) -> str:
    return _QUOTED[match[0]]


def encode_form(form: Mapping[str, Any]) -> bytes:
    """As `urlencode` with `doseq` for lists: names and values quoted, spaces as plus signs."""
    return "&".join(
        f"{_UNSAFE.sub(_quote, key)}={_UNSAFE.sub(_quote, str(item))}"
        for key, value in form.items()
        for item in (value if isinstance(value, list) else (value,))
    ).encode("ascii")


class RequestNotSent(Exception):
    """The request never left: no connection came about. The gateway cannot have the message."""


class HttpClient:
    """Must be created inside the running event loop that will use it."""

    def __init__(self, *, timeout_s: float, in_flight: int) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2),
            connector=aiohttp.TCPConnector(limit=in_flight, keepalive_timeout=30, ttl_dns_cache=300),
            # The form is encoded by us and the reply read as text: nothing is left for it to guess.
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._addresses: dict[str, URL] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        form: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        authorization: str,
        body: bytes | None = None,
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers. Raises NotSent, or aiohttp's and asyncio's errors once bytes may have left."""
        if params:
            target = URL(f"{url}?{urlencode(params)}", encoded=True)
        else:  # every message is posted to the same address
            target = self._addresses.get(url) or self._addresses.setdefault(url, URL(url, encoded=True))
        try:
            async with self._session.request(
                method,
                target,
                data=encode_form(form) if form else body,
                headers={**headers, "Authorization": authorization},
                allow_redirects=False,
            ) as response:
                return response.status, (await response.read()).decode("utf-8", "replace"), response.headers
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise RequestNotSent(type(error).__name__) from error

    async def close(self) -> None:
        await self._session.close()
