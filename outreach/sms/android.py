"""Gateway for an Android phone with a SIM, by the app SMS Gateway for Android.

The only module that uses the app's library, which builds and parses requests; our own HTTP client sends them. A message
has an id of ours, so that one with unknown outcome can be looked up: the app's list has no texts. Status 409 means that
the phone already has that id.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from android_sms_gateway import domain
from android_sms_gateway.client import AsyncAPIClient
from android_sms_gateway.enums import ProcessState

from outreach.core.settings import Settings
from outreach.rules import gateway
from outreach.rules.sms_inbound import as_number, keyed_id, parse_timestamp
from outreach.rules.texts import clean_text
from outreach.sms.http_gateway import HttpClient, HttpGateway, read_retry_after

# Its log lines contain URLs and responses.
logging.getLogger("android_sms_gateway").setLevel(logging.WARNING)
_STATES = {
    ProcessState.Pending: gateway.DeliveryStatus.ACCEPTED,
    ProcessState.Processed: gateway.DeliveryStatus.ACCEPTED,
    ProcessState.Sent: gateway.DeliveryStatus.SENT,
    ProcessState.Delivered: gateway.DeliveryStatus.DELIVERED,
    ProcessState.Failed: gateway.DeliveryStatus.FAILED,
    ProcessState.Cancelling: gateway.DeliveryStatus.FAILED,
    ProcessState.Cancelled: gateway.DeliveryStatus.FAILED,
}
_EVENTS = {
    "sms:sent": gateway.DeliveryStatus.SENT,
    "sms:delivered": gateway.DeliveryStatus.DELIVERED,
    "sms:failed": gateway.DeliveryStatus.FAILED,
    "sms:cancelled": gateway.DeliveryStatus.FAILED,
}


class _ErrorResponse(Exception):
    """Response with a status other than 2xx."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.retry_after_s = read_retry_after(retry_after)


class _HttpClient:
    """Adapter of our HTTP client to the library, whose own client has no timeout."""

    def __init__(self, transport: HttpClient) -> None:
        self._transport = transport

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        return await self._request("GET", url, None, headers)

    async def post(self, url: str, payload: Any, *, headers: Mapping[str, str] | None = None) -> Any:
        return await self._request("POST", url, json.dumps(payload, ensure_ascii=False).encode(), headers)

    async def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> Any:
        sent_headers = dict(headers or {})
        status, text, reply_headers = await self._transport.request(
            method,
            url,
            params=None,
            form=None,
            body=body,
            headers=sent_headers,
            authorization=sent_headers.pop("Authorization", ""),
        )
        if status // 100 != 2:
            raise _ErrorResponse(status, reply_headers.get("Retry-After"))
        return json.loads(text)


class AndroidGateway(HttpGateway):
    """Gateway by the app's API. The sender is always the SIM's own number; a phone has no prices."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._client = AsyncAPIClient(
            settings.phone_login,
            settings.phone_password,
            base_url=settings.phone_api_base_url,
            http_client=_HttpClient(self._transport),
        )
        self._ids = MessageIds(settings.secret_key)

    def _prepare(self, message: gateway.OutboundMessage) -> domain.Message:
        return domain.Message(
            phone_numbers=[message.to],
            text_message=domain.TextMessage(message.body),
            id=self._ids.name(message.attempt_id),
            ttl=message.validity_s,
        )

    async def _post(self, prepared: domain.Message) -> gateway.Outcome:
        try:
            created = await self._client.send(prepared)
        except _ErrorResponse as error:
            return _read_error(error)
        return gateway.Accepted(created.id, _STATES[created.state])

    async def list_to(self, number: str, *, attempt_id: int) -> list[gateway.ListedMessage]:
        """Return the attempt's own message, if the phone has it. Raises GatewayUnavailable."""
        try:
            with self._reading():
                state = await self._client.get_state(self._ids.name(attempt_id))
                status = _STATES[state.state]
        except _ErrorResponse as error:
            if error.status == 404:
                return []
            raise gateway.GatewayUnavailable(str(error.status)) from error
        reason = next((recipient.error for recipient in state.recipients if recipient.error), None)
        return [
            gateway.ListedMessage(
                gateway_id=self._ids.name(attempt_id),
                body="",
                created_at=state.created_at,
                status=status,
                cause=gateway.Cause.OTHER if status is gateway.DeliveryStatus.FAILED else None,
                code=code_of(reason),
                attempt_id=attempt_id,
            )
        ]


def _read_error(error: _ErrorResponse) -> gateway.Refused | gateway.Throttled | gateway.OutcomeUnknown:
    if error.status == 429:
        return gateway.Throttled(error.retry_after_s)
    if error.status in (401, 403, 404):
        return gateway.Refused(gateway.Cause.ACCOUNT, str(error.status))
    # 409: the phone has this id, so an earlier request of ours did arrive.
    if error.status in (408, 409) or error.status >= 500 or error.status < 400:
        return gateway.OutcomeUnknown(str(error.status))
    return gateway.Refused(
        gateway.Cause.BAD_NUMBER if error.status == 422 else gateway.Cause.OTHER, str(error.status)
    )


def code_of(reason: str | None) -> str | None:
    """Return the app's error as a short code, as in RESULT_ERROR_NO_SERVICE."""
    return clean_text(reason.strip()).split(" ")[0].rstrip(":,.")[:24] if reason and reason.strip() else None


class MessageIds:
    """Message ids on the phone for attempts; the prefix tells installations apart."""

    def __init__(self, secret_key: str) -> None:
        self._prefix = f"loa-{hashlib.sha256(f'phone/{secret_key}'.encode()).hexdigest()[:8]}-"

    def name(self, attempt_id: int) -> str:
        """Return the message id of an attempt."""
        return f"{self._prefix}{attempt_id}"

    def attempt_id(self, name: str) -> int | None:
        """Return the attempt of a message id, or None if the message is not ours."""
        number = name.removeprefix(self._prefix)
        return int(number) if number != name and number.isdecimal() and len(number) <= 18 else None


def read_event(
    event: Mapping[str, Any], *, secret_key: str
) -> tuple[str, gateway.StatusReport] | gateway.InboundMessage | None:
    """Parse a webhook of the app: a message id with its status report, a reply, or None for others."""
    payload = event.get("payload")
    if not isinstance(payload, Mapping):
        return None
    fields = {name: str(value) for name, value in payload.items() if value is not None}
    name = str(event.get("event"))
    if status := _EVENTS.get(name):
        is_failure = status is gateway.DeliveryStatus.FAILED
        message_id = fields.get("messageId", "")
        code = code_of(fields.get("reason")) if is_failure else None
        return message_id, gateway.StatusReport(
            message_id, status, gateway.Cause.OTHER if is_failure else None, code
        )
    # `sender` since recent versions of the app; earlier ones had only `phoneNumber`.
    sender = fields.get("sender") or fields.get("phoneNumber") or ""
    if name not in ("sms:received", "sms:data-received", "mms:downloaded"):
        return None
    # Many phones send a long reply as an MMS. One of a picture alone goes to an officer as well.
    said = fields.get("message") or " ".join(filter(None, (fields.get("subject"), fields.get("body"))))
    raw = fields["data"].encode() if "data" in fields else None  # octets that are no text, in base64
    # The app's message id depends on the content alone and is the same for the same text, so the time is added.
    reply_id = keyed_id(
        sender, fields.get("receivedAt", ""), said or fields.get("data", ""), secret_key=secret_key
    )
    return gateway.InboundMessage(
        gateway_id=f"phone:{reply_id}",
        sender=as_number(sender),
        recipient=fields.get("recipient", ""),
        body=said,
        is_opt_out=False,
        received_at=parse_timestamp(fields.get("receivedAt", "")),
        raw=raw,
    )
