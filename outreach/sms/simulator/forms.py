"""Reading a form that anyone may have sent: bytes that are no UTF-8 become replacement characters."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of an urlencoded body; of a repeated field the last."""
    return parse_form(await request.read())


def parse_form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
