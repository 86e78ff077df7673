"""The gateway's status callbacks where the server has an event loop: as many as come wait for one commit, without a thread each.

What is no status callback in the usual form goes on to the other application, and so to `webhooks`, which takes
them as well where there is no event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.formparser import parse_form_data

from campaigns.delivery.callbacks import APPLY_LIMIT, Callback, CallbackStore
from campaigns.rings import ring_apply
from campaigns.web.threaded import Application, Receive, Scope, Send
from campaigns.web.waiting import answer_all
from campaigns.web.webhooks import read_status_call
from outreach.db import Database
from outreach.runtime import Runtime

log = logging.getLogger(__name__)

PATH = "/webhooks/twilio/status/"
FORM = b"application/x-www-form-urlencoded"

# Those that come within it share a statement and its wait for the disk; nobody waits for a callback.
GATHER_S = 0.002
RING_EVERY_S = 0.1  # for those that follow one another
HOLD_S = 1.0  # a connection is kept for so long for the next


class StatusCalls:
    """An ASGI application before another one: 403 on a bad signature with nothing stored, 2xx only once stored."""

    def __init__(self, runtime: Runtime, *, others: Application, most_bytes: int) -> None:
        """`most_bytes`: of a callback's form; a larger one is refused."""
        self._webhooks, self._others, self._most_bytes = runtime.webhooks, others, most_bytes
        self._writer = StatusWriter(runtime.db, stored=lambda: ring_apply(runtime.doorbell))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PATH):
            return await self._others(scope, receive, send)
        headers = dict(scope["headers"])
        attempt = scope["path"][len(PATH) :]
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if not attempt or "/" in attempt or kind != FORM:
            return await self._others(scope, receive, send)
        try:
            status = await self._take(scope, attempt, headers, receive)
        except (OperationalError, InterfaceError, NoConnectionFree) as error:
            log.warning("web.database_away at=%s error=%s", PATH, type(error).__name__)
            status = 503
        except Exception as error:
            # The error's own words stay out of the log: SQLAlchemy quotes a statement's values in them.
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("web.fault at=%s error=%s\n%s", PATH, type(error).__name__, places)
            status = 500
        length = [] if status == 204 else [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": length})
        await send({"type": "http.response.body", "body": b""})

    async def _take(
        self, scope: Scope, attempt: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> int:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400  # nobody hears it
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most_bytes:
                return 413
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        _, form, _ = parse_form_data(
            {
                "wsgi.input": BytesIO(body),
                "CONTENT_TYPE": FORM.decode(),
                "CONTENT_LENGTH": str(len(body)),
            }
        )
        signature = headers.get(b"x-twilio-signature", b"").decode("latin-1")
        url = f"{path}?{query}" if query else path
        if not self._webhooks.is_genuine(url=url, form=form, signature=signature):
            log.warning("webhook.bad_signature hook=status bytes=%s", len(body))
            return 403
        callback = read_status_call(self._webhooks, attempt, form)
        if callback is None:
            return 404
        await self._writer.store(callback)
        return 204


class StatusWriter:
    """Stores the callbacks that come at the same time in one transaction. For one event loop."""

    def __init__(self, db: Database, *, stored: Callable[[], object]) -> None:
        """`stored` is called after a commit, in a thread; once for those that follow one another closely."""
        self._store, self._stored = CallbackStore(db), stored
        self._waiting: list[tuple[Callback, asyncio.Future[None]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="status-writer")
        self._writing: asyncio.Task[None] | None = None
        self._letting_go: asyncio.TimerHandle | None = None
        self._ringing: asyncio.Task[None] | None = None
        self._told_at = 0.0

    async def store(self, callback: Callback) -> None:
        """Return once it is durable; raises what the transaction raised, and then it is not stored."""
        is_durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((callback, is_durable))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await is_durable

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        if self._letting_go:
            self._letting_go.cancel()
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_S)
                batch, self._waiting = self._waiting[:APPLY_LIMIT], self._waiting[APPLY_LIMIT:]
                await self._write(batch)
                self._ringing = self._ringing or loop.create_task(self._ring())
        finally:
            self._writing = None
            self._letting_go = loop.call_later(HOLD_S, self._thread.submit, self._store.let_go)

    async def _write(self, batch: list[tuple[Callback, asyncio.Future[None]]]) -> None:
        callbacks, now = [callback for callback, _ in batch], datetime.now(UTC)
        failed: Exception | None = None
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: self._store.store(callbacks, now=now)
            )
        except Exception as error:
            failed = error
        answer_all(((is_durable, None) for _, is_durable in batch), failed=failed)

    async def _ring(self) -> None:
        await asyncio.sleep(max(0.0, self._told_at + RING_EVERY_S - time.monotonic()))
        self._ringing, self._told_at = None, time.monotonic()  # what is stored from here on rings again
        try:
            await asyncio.to_thread(self._stored)
        except Exception:
            log.exception("callbacks.bell_failed")  # the sweep finds what was stored
