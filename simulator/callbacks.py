"""Signed form POSTs to the system under test: a few at a time, repeated until they arrive.

A receiver that cannot be reached or answers 5xx gets the same POST again, for about two and a half
minutes, so that a restart of it loses nothing. Any other refusal is final.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from outreach.sms.simulator.exchange.routes import NotThisMachine, find_way
from outreach.sms.simulator.exchange.signature import sign
from outreach.sms.simulator.exchange.tally import Errand, Tally

log = logging.getLogger(__name__)

WORKERS = 48
TIMEOUT_S = 15.0  # Twilio's own limit for a webhook
# Waits before each repetition, in seconds; the sum outlasts a restart of the receiver several times.
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, *(10.0,) * 14)


@dataclass(slots=True, eq=False)
class Post:
    """One POST. `finished(True)` once it was taken, `finished(False)` when given up."""

    errand: Errand
    url: str
    params: Mapping[str, str]
    finished: Callable[[bool], None]
    tries: int = 0
    era: int = 0

    @property
    def is_signed(self) -> bool:
        return self.errand is not Errand.LINK

    def was_taken(self, status: int) -> bool:
        # The answer page redirects after it stored an answer; a webhook that redirects stored nothing.
        return status < (400 if self.errand is Errand.LINK else 300)


class Poster:
    """Create and start it inside the event loop."""

    def __init__(self, tally: Tally, *, auth_token: str, public_url: str) -> None:
        self._tally = tally
        self._auth_token = auth_token
        self._public_url = public_url
        self._queue: asyncio.Queue[Post] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._era = 0
        self._session: aiohttp.ClientSession | None = None
        self.local_url = ""  # where the public address is carried to; set with the inbound address

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=WORKERS, keepalive_timeout=20),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self._tasks = [asyncio.create_task(self._work(self._session)) for _ in range(WORKERS)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def forget(self) -> None:
        """Drop everything that waits; what is under way is finished unheard."""
        self._era += 1
        while not self._queue.empty():
            self._queue.get_nowait()

    def post(self, post: Post, *, after_s: float = 0.0) -> None:
        post.era = self._era
        self._tally.posts[post.errand].pending += 1
        self._put(post, after_s)

    def _put(self, post: Post, after_s: float) -> None:
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self._put, post, 0.0)
        elif post.era == self._era:
            self._queue.put_nowait(post)

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            post = await self._queue.get()
            try:
                await self._deliver(session, post)
            except Exception:
                log.exception("a %s POST broke", post.errand)

    async def _deliver(self, session: aiohttp.ClientSession, post: Post) -> None:
        status = await self._send(session, post)
        if post.era != self._era:
            return
        counts = self._tally.posts[post.errand]
        if status is not None and (status == 0 or status >= 500) and post.tries < len(BACKOFF_S):
            counts.retried += 1
            post.tries += 1
            self._put(post, BACKOFF_S[post.tries - 1])
            return
        counts.pending -= 1
        taken = status is not None and status > 0 and post.was_taken(status)
        if status is None:
            counts.refused += 1
        elif taken:
            counts.sent += 1
        else:
            counts.failed += 1
            log.warning("gave up a %s POST after %d tries: HTTP %d", post.errand, post.tries + 1, status)
        post.finished(taken)

    async def _send(self, session: aiohttp.ClientSession, post: Post) -> int | None:
        """The HTTP status; 0 when nobody answered; None when the address is not on this machine."""
        try:
            way = find_way(post.url, public_url=self._public_url, local_url=self.local_url)
        except NotThisMachine as error:
            log.warning("refused a %s POST to %s: only this machine is ever called", post.errand, error)
            return None
        headers = {"Content-Type": "application/x-www-form-urlencoded", **way.headers}
        if post.is_signed:
            headers["X-Twilio-Signature"] = sign(post.url, post.params, auth_token=self._auth_token)
            headers["User-Agent"] = "TwilioProxy/1.1"
        try:
            async with session.post(
                URL(way.url, encoded=True),
                data=urlencode(post.params).encode("ascii"),
                headers=headers,
                allow_redirects=False,
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
        except ValueError:
            log.warning("refused a %s POST: its address is none", post.errand)
            return None
