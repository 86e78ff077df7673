"""Signed form POSTs to the system under test, and the counters of the simulator.

A receiver that cannot be reached or answers 5xx gets the same POST again, for about two and a half
minutes, so that nothing is lost when it restarts. Any other error is final.

POSTs go to this machine only. The system under test may have a public URL (`--public-url`): such a URL is signed as
written and sent to the local port, as a reverse proxy would do.

Source of the signature: Twilio, "Validating requests": the URL, then every parameter name and value in the order of the
names, HMAC-SHA1 under the auth token, base64.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import aiohttp
from yarl import URL

log = logging.getLogger(__name__)
WORKERS = 48
TIMEOUT_S = 15.0  # Twilio's own limit for a webhook
# Seconds before each repetition; the sum is several times as long as a restart of the receiver.
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, *(10.0,) * 14)


class PostPurpose(StrEnum):
    """Purpose of a POST to the system under test."""

    CALLBACK = "callbacks"
    INBOUND = "inbound"
    LINK = "link_answers"


@dataclass(slots=True, eq=False)
class Post:
    """One POST. `finished` is called with True once it was accepted, with False when given up."""

    purpose: PostPurpose
    url: str
    params: Mapping[str, str]
    finished: Callable[[bool], None]
    tries: int = 0
    generation: int = 0
    method: str = "POST"  # GET: an aggregator's, with its fields in the address

    @property
    def is_signed(self) -> bool:
        return self.purpose is not PostPurpose.LINK and self.method == "POST"


class Poster:
    """Sender of POSTs, a few at a time. Create and start it inside the event loop."""

    def __init__(self, counters: Counters, *, auth_token: str, public_url: str) -> None:
        self._counters = counters
        self._auth_token = auth_token
        self._public_url = public_url
        self._queue: asyncio.Queue[Post] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._generation = 0
        self._session: aiohttp.ClientSession | None = None
        self.local_url = ""  # receives what is meant for the public URL; set with the inbound URL

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
        """Drop all waiting POSTs; the results of those being sent are ignored."""
        self._generation += 1
        while not self._queue.empty():
            self._queue.get_nowait()

    def post(self, post: Post, *, after_s: float = 0.0) -> None:
        """Queue a POST, to be sent after `after_s` seconds."""
        post.generation = self._generation
        self._counters.posts[post.purpose].pending += 1
        self._put(post, after_s)

    def _put(self, post: Post, after_s: float) -> None:
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self._put, post, 0.0)
        elif post.generation == self._generation:
            self._queue.put_nowait(post)

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            post = await self._queue.get()
            try:
                await self._deliver(session, post)
            except Exception:
                log.exception("a %s POST broke", post.purpose)

    async def _deliver(self, session: aiohttp.ClientSession, post: Post) -> None:
        status = await self._send(session, post)
        if post.generation != self._generation:
            return
        counts = self._counters.posts[post.purpose]
        if status is not None and (status == 0 or status >= 500) and post.tries < len(BACKOFF_S):
            counts.retried += 1
            post.tries += 1
            self._put(post, BACKOFF_S[post.tries - 1])
            return
        counts.pending -= 1
        # The answer page redirects after it stored an answer; a webhook that redirects stored nothing.
        beyond = 400 if post.purpose is PostPurpose.LINK else 300
        accepted = status is not None and 0 < status < beyond
        if status is None:
            counts.refused += 1
        elif accepted:
            counts.sent += 1
        else:
            counts.failed += 1
            log.warning("gave up a %s POST after %d tries: HTTP %d", post.purpose, post.tries + 1, status)
        post.finished(accepted)

    async def _send(self, session: aiohttp.ClientSession, post: Post) -> int | None:
        """Return the HTTP status; 0 without an answer; None if the URL is not on this machine."""
        try:
            target, added = find_destination(post.url, public_url=self._public_url, local_url=self.local_url)
        except NotThisMachine as error:
            log.warning("refused a %s POST to %s: only this machine is ever called", post.purpose, error)
            return None
        headers = {"Content-Type": "application/x-www-form-urlencoded", **added}
        if post.is_signed:
            headers["X-Twilio-Signature"] = sign(post.url, post.params, auth_token=self._auth_token)
            headers["User-Agent"] = "TwilioProxy/1.1"
        try:
            fields, is_get = urlencode(post.params), post.method == "GET"
            async with session.request(
                post.method,
                URL(f"{target}?{fields}" if is_get else target, encoded=True),
                data=None if is_get else fields.encode("ascii"),
                headers=headers,
                allow_redirects=False,
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
        except ValueError:
            log.warning("refused a %s POST: its address is none", post.purpose)
            return None


class NotThisMachine(Exception):
    """URL of another machine, or invalid; `str()` is its host."""


def is_this_machine(url: str) -> bool:
    """Check for an http(s) URL on the loopback interface; of host names, only localhost counts."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or parts.port == 0:
            return False
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_destination(url: str, *, public_url: str, local_url: str) -> tuple[str, dict[str, str]]:
    """Return the URL on this machine for `url`, with the headers that a proxy adds. Raises NotThisMachine."""
    if is_this_machine(url):
        return url, {}
    try:
        target, public = urlsplit(url), urlsplit(public_url)
    except ValueError as error:
        raise NotThisMachine("?") from error
    if public_url and _origin(target) == _origin(public) and is_this_machine(local_url):
        local = urlsplit(local_url)
        local_target = target._replace(scheme=local.scheme, netloc=local.netloc)
        return local_target.geturl(), {
            "Host": target.netloc,
            "X-Forwarded-Host": target.netloc,
            "X-Forwarded-Proto": target.scheme,
            "X-Forwarded-For": "127.0.0.1",
        }
    raise NotThisMachine(target.hostname or "?")


def show_as_public(url: str, *, public_url: str) -> str:
    """Return the public form of a local URL."""
    if not public_url:
        return url
    public = urlsplit(public_url)
    return urlsplit(url)._replace(scheme=public.scheme, netloc=public.netloc).geturl()


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc.lower()


def sign(url: str, params: Mapping[str, str], *, auth_token: str) -> str:
    """Return the X-Twilio-Signature of a form POST of `params` to `url`."""
    text = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")


@dataclass(slots=True)
class Posts:
    """Counts of POSTs for one purpose."""

    sent: int = 0
    failed: int = 0
    pending: int = 0
    refused: int = 0  # URLs of other machines
    retried: int = 0


@dataclass(slots=True)
class Counters:
    """Counts since the start or the last reset.

    `requests` are all those of Twilio's API; `accepted` messages were stored, whatever response followed.
    """

    requests: int = 0
    accepted: int = 0
    lists: int = 0
    fetches: int = 0
    rejected: Counter[int] = field(default_factory=Counter)
    throttled: int = 0
    server_errors: int = 0
    cuts: int = 0
    timeouts: int = 0
    nonsense: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    posts: dict[PostPurpose, Posts] = field(
        default_factory=lambda: {purpose: Posts() for purpose in PostPurpose}
    )

    def clear(self) -> None:
        """Reset the counts; requests in flight stay counted as such."""
        fresh = Counters(in_flight=self.in_flight, max_in_flight=self.in_flight)
        for item in fields(self):
            setattr(self, item.name, getattr(fresh, item.name))

    def as_json(self) -> dict[str, Any]:
        """Return flat counts: `callbacks_sent`, `inbound_pending` and so on; `rejected` by Twilio's code."""
        counts = asdict(self)
        del counts["posts"]
        counts["rejected"] = {str(code): number for code, number in sorted(self.rejected.items())}
        for purpose, posts in self.posts.items():
            counts |= {f"{purpose}_{name}": number for name, number in asdict(posts).items()}
        return counts
