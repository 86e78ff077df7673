"""HTTP for the gateway's client: aiohttp with one pool, a real timeout, no retries.

Kept apart from the library's own client, which ignores its timeout and repeats POSTs on 5xx: a
repeated POST would be a second message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL


class NotSent(Exception):
    """The request never left: no connection came about. The gateway cannot have the message."""


class Transport:
    """Must be created inside the running event loop that will use it."""

    def __init__(self, *, timeout_s: float, in_flight: int) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2),
            connector=aiohttp.TCPConnector(limit=in_flight, keepalive_timeout=30, ttl_dns_cache=300),
            # The form is encoded by us and the reply read as text: nothing is left for it to guess.
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        form: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        authorization: str,
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers. Raises NotSent, or aiohttp's and asyncio's errors once bytes may have left."""
        if params:
            url = f"{url}?{urlencode(params)}"
        body = None
        if form:
            pairs = [
                (key, item)
                for key, value in form.items()
                for item in (value if isinstance(value, list) else [value])
            ]
            body = urlencode(pairs).encode("ascii")
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers={**headers, "Authorization": authorization},
                allow_redirects=False,
            ) as response:
                return response.status, (await response.read()).decode("utf-8", "replace"), response.headers
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(type(error).__name__) from error

    async def close(self) -> None:
        await self._session.close()
