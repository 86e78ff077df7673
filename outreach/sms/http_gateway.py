"""Base of the gateways by HTTP: one request for a message, and what is known when it failed; its client.

The client is aiohttp with one connection pool, a real timeout, no retries. It replaces the client of Twilio's library, which
ignores its timeout and repeats POSTs on 5xx: a repeated POST would be a second message.
"""

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote_plus, urlencode

import aiohttp
from yarl import URL

from outreach.core.logs import REQUEST_HEADER, request_id
from outreach.core.settings import Settings
from outreach.rules import gateway
from outreach.sms.send_window import SendWindow

# All but the characters that a form's value may contain unquoted. `urlencode` checks each letter by itself, which cost
# more than the rest of building a request.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]")


class _Quoted(dict[str, str]):
    """Cache of quoted characters, and of the names of a form's fields."""

    def __missing__(self, text: str) -> str:
        self[text] = quoted = quote_plus(text)
        return quoted


_QUOTED = _Quoted()


def encode_form(form: Mapping[str, Any]) -> bytes:
    """Encode a form like `urlencode` with `doseq`: quoted, with spaces as plus signs."""
    return "&".join(
        f"{_QUOTED[key]}={_UNSAFE.sub(lambda match: _QUOTED[match[0]], str(item))}"
        for key, value in form.items()
        for item in (value if isinstance(value, list) else (value,))
    ).encode("ascii")


class RequestNotSent(Exception):
    """Request that was never sent, as there was no connection. The gateway cannot have the message.

    `str()` is "certificate" if the other side could not prove who it is, else "connection".
    """


# Octets of an answer: of a day's list with a thousand messages, and of all others.
MOST_LISTED, MOST_ANSWERED = 16 * 1024**2, 256 * 1024


class TooLate(Exception):
    """Request that was not made, as `is_over` returned True when its connection was in hand."""


# Of the request that the present task makes. Twilio's library passes nothing on from its caller to its HTTP client.
is_over: ContextVar[Callable[[], bool] | None] = ContextVar("is_over", default=None)


class _GuardedConnector(aiohttp.TCPConnector):
    """Connector that asks `is_over` after a connection was made or has become free: from there on nothing waits."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's own
        connection = await super().connect(req, traces, timeout)
        ask = is_over.get()
        if ask and ask():
            connection.release()
            raise TooLate
        return connection


class HttpClient:
    """HTTP client with one connection pool. Create it inside the event loop that will use it.

    `clock_offset` is the most that has to be added to the other side's time to get ours, by the `Date` of its last
    answer to a GET: that is cut to whole seconds and was taken before the answer came (RFC 9110, section 6.6.1).
    """

    def __init__(self, *, timeout_s: float, in_flight: int) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2),
            connector=_GuardedConnector(limit=in_flight, keepalive_timeout=30, ttl_dns_cache=300),
            # The form is encoded by us and the reply is read as text, so aiohttp has nothing to guess.
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._addresses: dict[str, URL] = {}
        self.clock_offset = timedelta(0)

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
        """Send a request. Returns status, text and headers.

        Raises RequestNotSent, or errors of aiohttp and asyncio if bytes may have been sent.
        """
        if params:
            target = URL(f"{url}?{urlencode(params)}", encoded=True)
        else:  # every message is posted to the same URL
            target = self._addresses.get(url) or self._addresses.setdefault(url, URL(url, encoded=True))
        try:
            async with self._session.request(
                method,
                target,
                data=encode_form(form) if form else body,
                headers={
                    **headers,
                    **({"Authorization": authorization} if authorization else {}),
                    **({REQUEST_HEADER: current} if (current := request_id()) else {}),
                },
                allow_redirects=False,
            ) as response:
                body = await _read(response, MOST_LISTED if method == "GET" else MOST_ANSWERED)
                text = body.decode("utf-8", "replace")
                if method == "GET":
                    self._note_date(response.headers.get("Date"))
                return response.status, text, response.headers
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            is_unproved = isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError)
            raise RequestNotSent("certificate" if is_unproved else "connection") from error

    def _note_date(self, date: str | None) -> None:
        try:
            moment = parsedate_to_datetime(date or "")
        except (ValueError, OverflowError):
            return  # none, or unreadable
        if moment.tzinfo:
            self.clock_offset = datetime.now(UTC) - moment

    async def close(self) -> None:
        await self._session.close()


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return a body of so many octets at most. Raises ClientPayloadError for a longer one, which would fill the memory."""
    body = bytearray()
    while piece := await response.content.readany():
        body += piece
        if len(body) > most:
            raise aiohttp.ClientPayloadError
    return bytes(body)


FAILED = (TimeoutError, aiohttp.ClientError, OSError)
# Raised by a library for a body that is cut, is not the gateway's JSON, or nests too deep; for moments and prices beyond all.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError)
# A longer Retry-After is a mistake, and trying again after an hour does no harm.
_MAX_WAIT_S = 3600.0


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds that a gateway asks to wait, an hour at most; None for a date, or nothing."""
    try:
        seconds = float(value) if value else math.nan
    except ValueError:
        return None
    return min(max(0.0, seconds), _MAX_WAIT_S) if math.isfinite(seconds) else None


class HttpGateway(gateway.Gateway):
    """Gateway over one pool of connections. Create it inside the event loop that will use it."""

    _unknown: ClassVar[tuple[type[Exception], ...]] = (*FAILED, *UNREADABLE)  # the message may have arrived

    def __init__(self, settings: Settings) -> None:
        self._transport = HttpClient(timeout_s=settings.send_timeout_s, in_flight=settings.send_in_flight)
        self._is_live = settings.is_live
        self._window = SendWindow(settings.send_in_flight)

    async def send(self, message: gateway.OutboundMessage) -> gateway.Outcome:
        """Send a message by one request, never repeated here."""
        if self._is_live and gateway.is_sample_number(message.to):
            return gateway.Refused(gateway.Cause.SAMPLE_NUMBER, "sample")
        prepared = self._prepare(message)
        async with self._window:
            return await self._window.ask(self._request_once(message, prepared))

    async def _request_once(self, message: gateway.OutboundMessage, prepared: Any) -> gateway.Outcome:
        is_over.set(message.is_over)
        try:
            return await self._post(prepared)
        except TooLate:
            return gateway.RequestExpired()
        except RequestNotSent as error:
            return gateway.Throttled(fault=str(error))
        except self._unknown as error:
            return gateway.OutcomeUnknown(type(error).__name__)

    @abstractmethod
    def _prepare(self, message: gateway.OutboundMessage) -> Any:
        """Return what `_post` takes, without a request."""

    @abstractmethod
    async def _post(self, prepared: Any) -> gateway.Outcome:
        """Make the request and read its answer."""

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise GatewayUnavailable where a question that changes nothing fails in any way."""
        failed: tuple[type[Exception], ...] = (RequestNotSent, *self._unknown)
        try:
            yield
        except failed as error:
            raise gateway.GatewayUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        await self._transport.close()
