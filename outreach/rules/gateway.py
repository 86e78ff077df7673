"""The gateway port: requests, outcomes, causes, protocols; sample numbers.

The port: what sending needs from whoever carries the messages, and nothing more.

A gateway answers each request with an outcome; it never raises for what the other side said or failed
to say. The outcomes tell the caller what to do next:

Accepted    it has the message and gave it an id
Refused     final: this message will never be sent by it
Throttled   it was never processed; try again later
Unseen      nobody knows whether it has the message: reconcile, never resend blindly

Numbers of the committed samples: real subscribers may hold them, so a live gateway never gets one. Pure.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class DeliveryStatus(StrEnum):
    """How far the gateway says a message has come."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


class Cause(StrEnum):
    """Why a message was not sent or not delivered, in our words."""

    BAD_NUMBER = "bad_number"
    NOT_MOBILE = "not_mobile"
    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"
    BAD_SENDER = "bad_sender"
    BAD_TEXT = "bad_text"
    ACCOUNT = "account"
    EXPIRED = "expired"
    BUSY = "busy"
    SAMPLE_NUMBER = "sample_number"
    OTHER = "other"


@dataclass(slots=True)
class OutboundMessage:
    """One request. `attempt_id` goes into the callback's address; `validity_s` ends the gateway's tries."""

    attempt_id: int
    to: str
    sender: str
    body: str
    validity_s: int | None = None


@dataclass(slots=True)
class Accepted:
    """`segments`: how many the gateway charges, where it says so at once."""

    gateway_id: str
    status: DeliveryStatus = DeliveryStatus.ACCEPTED
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    cause: Cause
    code: str


@dataclass(frozen=True, slots=True)
class Throttled:
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """`detail` names the kind of failure (a class or an HTTP status), never a number or a text."""

    detail: str


Outcome = Accepted | Refused | Throttled | OutcomeUnknown


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message as the gateway's own list shows it. `created_at` is None where it does not say."""

    gateway_id: str
    body: str
    created_at: datetime | None
    status: DeliveryStatus
    cause: Cause | None = None
    code: str | None = None
    attempt_id: int | None = None  # where the gateway knows a message by an id of ours


@dataclass(frozen=True, slots=True)
class BilledMessage:
    """What the gateway charges for a message, in `unit` (USD, VND); `price` is None until it has billed it.

    `segments` is None where it does not say.
    """

    gateway_id: str
    price: Decimal | None
    unit: str
    segments: int | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A status callback, parsed. `status` is None for a word that is new to us."""

    gateway_id: str
    status: DeliveryStatus | None
    cause: Cause | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A resident's message, parsed. `sender` is E.164.

    `is_opt_out` when the gateway took it as an opt-out, `is_help_request` when as a call for help: it has answered both itself.
    `received_at` is when it came to the gateway, None where that does not say.
    """

    gateway_id: str
    sender: str
    recipient: str
    body: str
    is_opt_out: bool
    is_help_request: bool = False
    received_at: datetime | None = None


class Gateway(Protocol):
    """What the senders use. One event loop, one pool of connections."""

    async def send(self, message: OutboundMessage) -> Outcome: ...

    async def list_to(self, number: str, *, attempt_id: int) -> list[ListedMessage]:
        """The newest messages to one number, or the attempt's own. Raises GatewayAway when they cannot be had."""
        ...

    def list_billed(self, day: date) -> AsyncIterator[list[BilledMessage]]:
        """All messages sent on a day of UTC, by pages, with their price. Raises GatewayAway."""
        ...

    async def close(self) -> None: ...


class Webhooks(Protocol):
    """What the web needs: is this call genuine, and what does it say."""

    def is_genuine(self, *, url: str, form: Mapping[str, str], signature: str | None) -> bool: ...

    def read_status(self, form: Mapping[str, str]) -> StatusReport: ...

    def read_inbound(self, form: Mapping[str, str]) -> InboundMessage: ...


class GatewayUnavailable(Exception):
    """The gateway's list could not be read; nothing is known, ask again later."""


_SAMPLE = re.compile(r"^\+84\d{3}000\d{3}$")


def is_sample_number(number: str) -> bool:
    return _SAMPLE.match(number) is not None
