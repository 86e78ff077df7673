"""Gateway for Twilio; the only module that uses its library.

The library builds and parses requests; our own HTTP client sends them. Responses become the outcomes of the gateway
port; those other than 2xx by `twilio_errors`. After a timeout or a cut connection the request may have been processed:
OutcomeUnknown. If there was no connection, it was not.
"""

import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from outreach.core.settings import Settings
from outreach.rules import gateway
from outreach.rules.segments import MOST_SEGMENTS
from outreach.rules.texts import clean_text
from outreach.rules.twilio_errors import STATUSES, cause_of, read_answer
from outreach.sms.http_gateway import UNREADABLE, HttpClient, HttpGateway, read_retry_after

# Its INFO lines contain URLs with phone numbers.
logging.getLogger("twilio").setLevel(logging.WARNING)
log = logging.getLogger(__name__)
# A message not sent yet has no sent date, so the list is filtered by number alone; newest first.
LIST_LIMIT = 200
BILLED_AT_ONCE = 1000
_DEAREST = 1_000_000  # no message costs so much, in whatever unit
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class _HttpClient(AsyncHttpClient):
    """Adapter of our HTTP client to the library."""

    def __init__(self, transport: HttpClient) -> None:
        super().__init__(logging.getLogger("twilio.async_http_client"), True, None)
        self._transport = transport

    async def request(
        self,
        method: str,
        uri: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature; ours is the transport's
        allow_redirects: bool = False,
    ) -> Response:
        basic = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii") if auth else ""
        status, text, reply_headers = await self._transport.request(
            method, uri, params=params, form=data, headers=headers or {}, authorization=basic
        )
        if status // 100 != 2:
            # Decided here: the library drops the headers, and reads a problem's status from its body.
            raise _ErrorResponse(
                read_answer(status, _code_in(text), read_retry_after(reply_headers.get("Retry-After")))
            )
        return Response(status, text, reply_headers)


class _ErrorResponse(TwilioException):
    """Response with a status other than 2xx."""

    def __init__(self, outcome: gateway.Refused | gateway.Throttled | gateway.OutcomeUnknown) -> None:
        super().__init__(type(outcome).__name__)
        self.outcome = outcome


def _code_in(text: str) -> str | None:
    """Return Twilio's error code in a body, or None."""
    try:
        code = str(json.loads(text)["code"])
    except UNREADABLE:
        return None
    return code if re.fullmatch(r"[0-9]{5}", code) else None


class TwilioGateway(HttpGateway):
    """Gateway by Twilio's REST API."""

    _unknown = (*HttpGateway._unknown, TwilioException)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._client = Client(
            settings.twilio_account_sid, settings.twilio_auth_token, http_client=_HttpClient(self._transport)
        )
        self._client.api.base_url = settings.api_base_url
        self._messages = f"/Accounts/{settings.twilio_account_sid}/Messages.json"
        self._service = settings.twilio_messaging_service_sid
        self._callback = f"{settings.public_base_url}/webhooks/twilio/status/"

    def _prepare(self, message: gateway.OutboundMessage) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "To": message.to,
            "Body": message.body,
            "StatusCallback": f"{self._callback}{message.attempt_id}",
        }
        if self._service:
            fields["MessagingServiceSid"] = self._service
        else:
            fields["From"] = message.sender
        if message.validity_s is not None:
            fields["ValidityPeriod"] = max(1, min(36_000, message.validity_s))
        return fields

    async def _post(self, prepared: dict[str, Any]) -> gateway.Outcome:
        try:
            # What `messages.create_async` does but for its object, whose three dates took a tenth of the request's time.
            created = await self._client.api.v2010.create_async(
                "POST", self._messages, data=prepared, headers=dict(_FORM)
            )
        except _ErrorResponse as error:
            if isinstance(error.outcome, gateway.Refused) and error.outcome.cause is gateway.Cause.OTHER:
                log.warning("twilio.new_refusal code=%s", error.outcome.code)
            return error.outcome
        sid = created.get("sid")
        if not _is_sid(sid):
            return gateway.OutcomeUnknown("no_id")
        status = _status(created.get("status")) or gateway.DeliveryStatus.ACCEPTED
        segments, price = _segments(created.get("num_segments")), _price(created.get("price"))
        unit = "" if price is None else str(created.get("price_unit") or "")
        return gateway.Accepted(sid, status, segments, price, unit)

    async def list_to(self, number: str, *, attempt_id: int = 0) -> list[gateway.ListedMessage]:
        """Return the newest messages to `number`, at most LIST_LIMIT. Raises GatewayUnavailable."""
        with self._reading():
            items = await self._client.messages.list_async(to=number, limit=LIST_LIMIT, page_size=LIST_LIMIT)
            return [self._listed(item) for item in items if _is_outbound(item)]

    def _listed(self, item: MessageInstance) -> gateway.ListedMessage:
        # The library returns a date that it cannot read as the text that it is.
        is_dated = isinstance(item.date_created, datetime)
        return gateway.ListedMessage(
            gateway_id=item.sid,
            body=str(item.body or ""),
            created_at=item.date_created + self._transport.clock_offset if is_dated else None,
            status=_status(item.status) or gateway.DeliveryStatus.ACCEPTED,
            cause=_cause(item),
            code=_code(item),
        )

    async def list_billed(self, day: date) -> AsyncIterator[list[gateway.BilledMessage]]:
        """Yield pages of up to BILLED_AT_ONCE messages. Raises GatewayUnavailable.

        Twilio adds a price up to a day after the message.
        """
        with self._reading():
            # As text: from a date the library would make the first second of the day.
            page = await self._client.messages.page_async(date_sent=day.isoformat(), page_size=BILLED_AT_ONCE)
            while page is not None:
                yield [
                    gateway.BilledMessage(
                        gateway_id=item.sid,
                        price=_price(item.price),
                        unit=str(item.price_unit or ""),
                        segments=_segments(item.num_segments),
                        status=_status(item.status),
                        cause=_cause(item),
                        code=_code(item),
                    )
                    for item in page
                    if _is_outbound(item)
                ]
                page = await page.next_page_async()


# Twilio's have 34 characters. What the database could not store would keep all that is stored with it from being stored.
_IS_SID = re.compile(r"[\x21-\x7e]{1,64}")


def _is_sid(value: Any) -> bool:
    return isinstance(value, str) and _IS_SID.fullmatch(value) is not None


def _is_outbound(item: MessageInstance) -> bool:
    """Return whether an item of the list is a message of ours. Raises ValueError if it is no message at all."""
    if not _is_sid(item.sid):
        raise ValueError("no sid")
    return not str(item.direction or "outbound-api").startswith("inbound")


def _code(item: MessageInstance) -> str | None:
    return clean_text(str(item.error_code))[:24] if item.error_code else None


def _cause(item: MessageInstance) -> gateway.Cause | None:
    return cause_of(code) if (code := _code(item)) else None


def _segments(number: Any) -> int | None:
    """Parse a number of segments. A messaging service returns 0 until it has chosen its sender."""
    count = int(number) if re.fullmatch(r"[0-9]{1,3}", str(number)) else 0
    return count if 1 <= count <= MOST_SEGMENTS else None


def _price(text: str | None) -> Decimal | None:
    """Parse a price, which is negative in Twilio's list, as a positive amount."""
    try:
        price = -Decimal(text) if text else None
        return price if price is not None and abs(price) <= _DEAREST else None
    except ArithmeticError:  # no number
        return None


def _status(value: Any) -> gateway.DeliveryStatus | None:
    return STATUSES.get(str(value))


_FIELD_NAME = re.compile(r"[A-Za-z]\w*")


class TwilioWebhooks:
    """Reader of Twilio's webhooks: signature and form."""

    def __init__(self, settings: Settings) -> None:
        self._validator = RequestValidator(settings.twilio_auth_token)
        self._account = settings.twilio_account_sid
        self._base = settings.public_base_url

    def is_genuine(self, *, url: str, form: Mapping[str, str], signature: str | None) -> bool:
        """Check the signature, the names of the fields and the account.

        Twilio signs names and values without separators: a field `9AccountSid` at `/status/2` has the signature of `/status/29`.
        `url` is path and query; the public base URL is added, as Twilio signed it. A subaccount may share the token.
        """
        if not signature or form.get("AccountSid", self._account) != self._account:
            return False
        if not all(_FIELD_NAME.fullmatch(name) for name in form):
            return False
        return bool(self._validator.validate(self._base + url, form, signature))

    def read_status(self, form: Mapping[str, str]) -> gateway.StatusReport:
        """Parse a status callback: MessageSid, MessageStatus, and ErrorCode on failure."""
        code = form.get("ErrorCode") or None
        return gateway.StatusReport(
            gateway_id=form.get("MessageSid") or form.get("SmsSid") or "",
            status=_status(form.get("MessageStatus") or form.get("SmsStatus")),
            cause=cause_of(code) if code else None,
            code=code,
        )

    def read_inbound(self, form: Mapping[str, str]) -> gateway.InboundMessage:
        """Parse a reply of a resident."""
        return gateway.InboundMessage(
            gateway_id=form.get("MessageSid") or form.get("SmsSid") or "",
            sender=form.get("From") or "",
            recipient=form.get("To") or "",
            body=form.get("Body") or "",
            is_opt_out=form.get("OptOutType") == "STOP",
            is_help_request=form.get("OptOutType") == "HELP",
        )
