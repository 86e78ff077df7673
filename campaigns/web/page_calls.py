"""Residents' pages where the server has an event loop: those that ask together share one look-up, without a thread each.

Only what is plain is answered here: a link that opens, asked for by an address that nobody watches, and a page that was
written before. All else goes on to the other application, which says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Row

from campaigns.links import LENGTH
from campaigns.web.desk import Desk, sight_of
from campaigns.web.pages import HEADERS
from campaigns.web.standings import Standings
from campaigns.web.threaded import Application, Receive, Scope, Send
from campaigns.web.waiting import answer_all
from outreach.db import Database

MOST_AT_ONCE = 500


class PageCalls:
    """An ASGI application before another one."""

    def __init__(self, db: Database, desk: Desk, *, others: Application, is_https: bool) -> None:
        self._desk, self._others = desk, others
        self._finder = _Finder(
            Standings(db)
        )  # of its own: the other application's look-ups are made in threads
        headers = {**HEADERS, "Content-Type": "text/html; charset=utf-8"}
        if is_https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = await self._find(scope) if _is_plain(scope) else None
        if page is None:
            return await self._others(scope, receive, send)
        headers = [*self._headers, (b"content-length", b"%d" % len(page))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})

    async def _find(self, scope: Scope) -> bytes | None:
        recipient_id = self._desk.cipher.recipient_id(scope["path"][1:])
        if not recipient_id or self._desk.failed_tokens.is_watched(_caller(scope)):
            return None
        try:
            found = await self._finder.find(recipient_id)
        except Exception:
            return None  # the other application meets it as well, and has words for it
        page = self._desk.pages.kept(sight_of(found, is_about=False)) if found else None
        if found and page:
            self._desk.note_opening(found)
        return page


class _Finder:
    """Look-ups one after the other in a thread, each for all who ask meanwhile. For one event loop."""

    def __init__(self, standings: Standings) -> None:
        self._standings = standings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._waiting: list[tuple[int, asyncio.Future[Row[Any] | None]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def find(self, recipient_id: int) -> Row[Any] | None:
        answer: asyncio.Future[Row[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((recipient_id, answer))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await answer

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                found: Mapping[int, Row[Any]] = {}
                failed: Exception | None = None
                try:
                    found = await loop.run_in_executor(
                        self._thread, self._standings.find_all, [recipient_id for recipient_id, _ in asked]
                    )
                except Exception as error:
                    failed = error
                answer_all(
                    ((answer, found.get(recipient_id)) for recipient_id, answer in asked), failed=failed
                )
        finally:
            self._looking = None


def _is_plain(scope: Scope) -> bool:
    """Whether somebody asks for a link's page and nothing else: officers, who carry a cookie, are the office's."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and len(scope["path"]) == 1 + LENGTH
        and not scope["query_string"]
        and not any(name == b"cookie" for name, _ in scope["headers"])
    )


def _caller(scope: Scope) -> str:
    """The address that the proxy in front names, as ProxyFix reads it for the other application."""
    named = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    last = b",".join(named).decode("latin-1").rpartition(",")[2].strip()
    return last or (scope.get("client") or ("",))[0]
