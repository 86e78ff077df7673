"""An Android phone with a SIM as a gateway, by the app SMS Gateway for Android; alone knows its library.

The library builds and reads requests; underneath stands our own transport. A message carries an id of ours, so that
one whose outcome nobody saw is looked up by it: the app's list shows no texts. 409 says that the phone has that id
already.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

import aiohttp
from android_sms_gateway import domain
from android_sms_gateway.client import AsyncAPIClient
from android_sms_gateway.enums import ProcessState

from outreach.core.settings import Settings
from outreach.rules.gateway import (
    Accepted,
    BilledMessage,
    Cause,
    DeliveryStatus,
    GatewayUnavailable,
    InboundMessage,
    ListedMessage,
    OutboundMessage,
    Outcome,
    OutcomeUnknown,
    Refused,
    StatusReport,
    Throttled,
    is_sample_number,
)
from outreach.rules.sms_inbound import as_number, keyed_id, parse_timestamp
from outreach.sms.http_client import HttpClient, RequestNotSent

# Its log lines carry addresses and answers.
logging.getLogger("android_sms_gateway").setLevel(logging.WARNING)
_STATES = {
    ProcessState.Pending: DeliveryStatus.ACCEPTED,
    ProcessState.Processed: DeliveryStatus.ACCEPTED,
    ProcessState.Sent: DeliveryStatus.SENT,
    ProcessState.Delivered: DeliveryStatus.DELIVERED,
    ProcessState.Failed: DeliveryStatus.FAILED,
    ProcessState.Cancelling: DeliveryStatus.FAILED,
    ProcessState.Cancelled: DeliveryStatus.FAILED,
}
_EVENTS = {
    "sms:sent": DeliveryStatus.SENT,
    "sms:delivered": DeliveryStatus.DELIVERED,
    "sms:failed": DeliveryStatus.FAILED,
    "sms:cancelled": DeliveryStatus.FAILED,
}
# What the library raises over a body that is cut or is not the app's JSON.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class _ErrorResponse(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.retry_after_s = float(retry_after) if retry_after and retry_after.isdecimal() else None


class _HttpClient:
    """The library's slot for an HTTP client, filled with our transport: its own has no timeout."""

    def __init__(self, transport: HttpClient) -> None:
        self._transport = transport

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        return await self._ask("GET", url, None, headers)

    async def post(self, url: str, payload: Any, *, headers: Mapping[str, str] | None = None) -> Any:
        return await self._ask("POST", url, json.dumps(payload, ensure_ascii=False).encode(), headers)

    async def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None) -> Any:
        said = dict(headers or {})
        status, text, answered = await self._transport.request(
            method,
            url,
            params=None,
            form=None,
            body=body,
            headers=said,
            authorization=said.pop("Authorization", ""),
        )
        if status // 100 != 2:
            raise _ErrorResponse(status, answered.get("Retry-After"))
        return json.loads(text)


class AndroidGateway:
    """The Gateway port over the app's API. Create it inside the event loop that will use it."""

    def __init__(self, settings: Settings) -> None:
        self._transport = HttpClient(timeout_s=settings.send_timeout_s, in_flight=settings.send_in_flight)
        self._client = AsyncAPIClient(
            settings.phone_login,
            settings.phone_password,
            base_url=settings.phone_api_base_url,
            http_client=_HttpClient(self._transport),
        )
        self._names = MessageIds(settings.secret_key)
        self._is_live = settings.is_live

    async def send(self, message: OutboundMessage) -> Outcome:
        """One POST, never repeated here. The sender's name is the SIM's own number."""
        if self._is_live and is_sample_number(message.to):
            return Refused(Cause.SAMPLE_NUMBER, "sample")
        request = domain.Message(
            phone_numbers=[message.to],
            text_message=domain.TextMessage(message.body),
            id=self._names.name(message.attempt_id),
            ttl=message.validity_s,
        )
        try:
            made = await self._client.send(request)
            return Accepted(made.id, _STATES[made.state])
        except _ErrorResponse as error:
            return _read_no(error)
        except RequestNotSent:
            return Throttled(None)
        except (TimeoutError, aiohttp.ClientError, OSError, *_UNREADABLE) as error:
            return OutcomeUnknown(type(error).__name__)

    async def list_to(self, number: str, *, attempt_id: int) -> list[ListedMessage]:
        """The attempt's own message, if the phone has it. Raises GatewayAway."""
        try:
            found = await self._client.get_state(self._names.name(attempt_id))
            status = _STATES[found.state]
        except _ErrorResponse as error:
            if error.status == 404:
                return []
            raise GatewayUnavailable(str(error.status)) from error
        except (RequestNotSent, TimeoutError, aiohttp.ClientError, OSError, *_UNREADABLE) as error:
            raise GatewayUnavailable(type(error).__name__) from error
        reason = next((each.error for each in found.recipients if each.error), None)
        return [
            ListedMessage(
                gateway_id=found.id,
                body="",
                created_at=found.created_at,
                status=status,
                cause=Cause.OTHER if status is DeliveryStatus.FAILED else None,
                code=code_of(reason),
                attempt_id=attempt_id,
            )
        ]

    async def list_billed(self, day: date) -> AsyncIterator[list[BilledMessage]]:
        """None: a phone knows no prices."""
        pages: tuple[list[BilledMessage], ...] = ()
        for page in pages:
            yield page

    async def close(self) -> None:
        await self._transport.close()


def _read_no(error: _ErrorResponse) -> Refused | Throttled | OutcomeUnknown:
    if error.status == 429:
        return Throttled(error.retry_after_s)
    if error.status in (401, 403, 404):
        return Refused(Cause.ACCOUNT, str(error.status))
    # 409: the phone has this id, so an earlier request of ours arrived after all.
    if error.status in (408, 409) or error.status >= 500 or error.status < 400:
        return OutcomeUnknown(str(error.status))
    return Refused(Cause.BAD_NUMBER if error.status == 422 else Cause.OTHER, str(error.status))


def code_of(reason: str | None) -> str | None:
    """The app's reason as a short code: RESULT_ERROR_NO_SERVICE."""
    return reason.strip().split(" ")[0].rstrip(":,.")[:24] if reason and reason.strip() else None


class MessageIds:
    """The id under which the phone has an attempt's message: of this installation, lest another's be taken for it."""

    def __init__(self, secret_key: str) -> None:
        self._prefix = f"loa-{hashlib.sha256(f'phone/{secret_key}'.encode()).hexdigest()[:8]}-"

    def name(self, attempt_id: int) -> str:
        return f"{self._prefix}{attempt_id}"

    def attempt_id(self, name: str) -> int | None:
        """The attempt behind an id; None for a message that is not ours."""
        number = name.removeprefix(self._prefix)
        return int(number) if number != name and number.isdecimal() and len(number) <= 18 else None


def read_event(
    event: Mapping[str, Any], *, secret_key: str
) -> tuple[str, StatusReport] | InboundMessage | None:
    """What a webhook of the app says: a message's id and its report, a reply, or nothing of interest."""
    payload = event.get("payload")
    if not isinstance(payload, Mapping):
        return None
    said = {name: str(value) for name, value in payload.items() if value is not None}
    name = str(event.get("event"))
    if status := _EVENTS.get(name):
        is_failure = status is DeliveryStatus.FAILED
        identity = said.get("messageId", "")
        code = code_of(said.get("reason")) if is_failure else None
        return identity, StatusReport(identity, status, Cause.OTHER if is_failure else None, code)
    # The app's present name for it; earlier ones had `phoneNumber` alone.
    sender = said.get("sender") or said.get("phoneNumber")
    if name != "sms:received" or not sender:
        return None
    # The app's message id is made of the content and comes again with the same words; the moment tells them apart.
    once = keyed_id(sender, said.get("receivedAt", ""), said.get("message", ""), secret_key=secret_key)
    return InboundMessage(
        gateway_id=f"phone:{once}",
        sender=as_number(sender),
        recipient=said.get("recipient", ""),
        body=said.get("message", ""),
        is_opt_out=False,
        received_at=parse_timestamp(said.get("receivedAt", "")),
    )
