"""Base of the gateways by HTTP: one request for a message, and what is known when it failed."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import aiohttp

from outreach.core.settings import Settings
from outreach.rules.gateway import (
    Cause,
    Gateway,
    GatewayUnavailable,
    OutboundMessage,
    Outcome,
    OutcomeUnknown,
    Refused,
    RequestExpired,
    Throttled,
    is_sample_number,
)
from outreach.sms.http_client import HttpClient, RequestNotSent, TooLate, is_over
from outreach.sms.send_window import SendWindow

FAILED = (TimeoutError, aiohttp.ClientError, OSError)
# Raised by a library for a body that is cut or is not the gateway's JSON.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class HttpGateway(Gateway):
    """Gateway over one pool of connections. Create it inside the event loop that will use it."""

    _unknown: ClassVar[tuple[type[Exception], ...]] = FAILED  # after which the message may have arrived

    def __init__(self, settings: Settings) -> None:
        self._transport = HttpClient(timeout_s=settings.send_timeout_s, in_flight=settings.send_in_flight)
        self._is_live = settings.is_live
        self._window = SendWindow(settings.send_in_flight)

    async def send(self, message: OutboundMessage) -> Outcome:
        """Send a message by one request, never repeated here."""
        if self._is_live and is_sample_number(message.to):
            return Refused(Cause.SAMPLE_NUMBER, "sample")
        prepared = self._prepare(message)
        async with self._window:
            return await self._window.ask(self._request_once(message, prepared))

    async def _request_once(self, message: OutboundMessage, prepared: Any) -> Outcome:
        is_over.set(message.is_over)
        try:
            return await self._post(prepared)
        except TooLate:
            return RequestExpired()
        except RequestNotSent as error:
            return Throttled(fault=str(error))
        except self._unknown as error:
            return OutcomeUnknown(type(error).__name__)

    @abstractmethod
    def _prepare(self, message: OutboundMessage) -> Any:
        """Return what `_post` takes, without a request."""

    @abstractmethod
    async def _post(self, prepared: Any) -> Outcome:
        """Make the request and read its answer."""

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise GatewayUnavailable where a question that changes nothing fails in any way."""
        failed: tuple[type[Exception], ...] = (RequestNotSent, *self._unknown)
        try:
            yield
        except failed as error:
            raise GatewayUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        await self._transport.close()
