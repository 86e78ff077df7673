"""One SMS, outbound or inbound, and its two written forms: Twilio's JSON and a line of the journal."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

API_VERSION = "2010-04-01"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# What a segment costs here: about 350 đồng.
PRICE_USD = 0.0151

# Source: Twilio's error dictionary.
ERROR_MESSAGES = {
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
}


class Direction(StrEnum):
    OUTBOUND = "outbound-api"
    INBOUND = "inbound"


class Status(StrEnum):
    """The part of Twilio's statuses that an SMS goes through here."""

    ACCEPTED = "accepted"  # a messaging service has it and has not picked a sender yet
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVED = "received"  # inbound


FINAL = frozenset({Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.RECEIVED})


@dataclass(slots=True, eq=False)
class Sms:
    """Times are epoch seconds. `seq` counts all messages, `ledger_index` the accepted outbound ones."""

    sid: str
    account_sid: str
    direction: Direction
    to: str
    from_: str | None
    body: str
    status: Status
    num_segments: int
    created: float
    updated: float
    sent: float | None = None
    service_sid: str | None = None
    status_callback: str | None = None
    error_code: int | None = None
    is_reported: bool = False  # its final status reached the receiver, or nobody wanted it
    answered_by_link: str | None = None
    seq: int = -1
    ledger_index: int = -1

    @property
    def resident(self) -> str:
        """The number of the training phone on this message's other end."""
        return self.to if self.direction is Direction.OUTBOUND else (self.from_ or "")


def mint_sid() -> str:
    """SM and 32 hexadecimal digits."""
    return "SM" + os.urandom(16).hex()


def rfc2822(epoch: float | None) -> str | None:
    """Twilio's form of a time, in whole seconds of UTC."""
    return None if epoch is None else _rfc2822(int(epoch))


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    # By hand: strftime would follow the machine's language.
    t = time.gmtime(second)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
    )


def to_twilio(sms: Sms) -> dict[str, Any]:
    """The Message resource of Twilio's REST API."""
    uri = f"/{API_VERSION}/Accounts/{sms.account_sid}/Messages/{sms.sid}"
    return {
        "sid": sms.sid,
        "account_sid": sms.account_sid,
        "api_version": API_VERSION,
        "body": sms.body,
        "date_created": rfc2822(sms.created),
        "date_updated": rfc2822(sms.updated),
        "date_sent": rfc2822(sms.sent),
        "direction": sms.direction.value,
        "error_code": sms.error_code,
        "error_message": ERROR_MESSAGES.get(sms.error_code) if sms.error_code else None,
        "from": sms.from_,
        "messaging_service_sid": sms.service_sid,
        "num_media": "0",
        "num_segments": str(sms.num_segments),
        "price": _price(sms),
        "price_unit": "USD",
        "status": sms.status.value,
        "subresource_uris": {"media": uri + "/Media.json"},
        "to": sms.to,
        "uri": uri + ".json",
    }


def _price(sms: Sms) -> str | None:
    """As Twilio's: negative, and not there until the message has come to its end."""
    if sms.status not in (Status.DELIVERED, Status.UNDELIVERED):
        return None
    return f"{-PRICE_USD * sms.num_segments:.5f}"


def to_ledger(sms: Sms) -> dict[str, Any]:
    """The line of the ledger that proves what was accepted, under Twilio's parameter names."""
    return {
        "index": sms.ledger_index,
        "sid": sms.sid,
        "account": sms.account_sid,
        "To": sms.to,
        "From": sms.from_,
        "MessagingServiceSid": sms.service_sid,
        "Body": sms.body,
        "StatusCallback": sms.status_callback,
        "status": sms.status.value,
        "error_code": sms.error_code,
        "num_segments": sms.num_segments,
        "date_created": rfc2822(sms.created),
        "accepted_at": sms.created,
    }
