"""The HTTP client of webhooks: it goes to no address inside, whatever name leads there, follows no redirect and waits for nobody.

Names are looked up here and connected to as looked up, so that a name cannot lead elsewhere a moment later.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from campaigns.hooks.rules import may_connect

ANSWERS_WITHIN_S = 10.0


class GuardedResolver(AbstractResolver):
    """Of the numbers that a name has, those that a webhook may go to."""

    def __init__(self, *, is_production: bool) -> None:
        self._inner, self._is_production = ThreadedResolver(), is_production

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError where none is left."""
        found = await self._inner.resolve(host, port, family)
        allowed = [
            each
            for each in found
            if may_connect(ip_address(each["host"].partition("%")[0]), is_production=self._is_production)
        ]
        if not allowed:
            raise OSError("no public address")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def open_client(*, is_production: bool) -> aiohttp.ClientSession:
    """To be closed by the caller."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=GuardedResolver(is_production=is_production), limit=40),
        timeout=aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S),
        headers={"User-Agent": "Loa-Webhooks/1"},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
