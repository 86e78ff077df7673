"""Twilio's error codes in our words, translated once, here.

Source: Twilio's error dictionary. A code that is not in the table is a plain refusal of cause OTHER.
"""

from __future__ import annotations

from outreach.sms.gateway import Cause, DeliveryStatus

CAUSES: dict[str, Cause] = {
    # while creating a message
    "21211": Cause.BAD_NUMBER,
    "21214": Cause.BAD_NUMBER,
    "21217": Cause.BAD_NUMBER,
    "21265": Cause.BAD_NUMBER,
    "21614": Cause.NOT_MOBILE,
    "21610": Cause.OPTED_OUT,
    "21408": Cause.BLOCKED,
    "21612": Cause.UNREACHABLE,
    "21602": Cause.BAD_TEXT,
    "21617": Cause.BAD_TEXT,
    "21603": Cause.BAD_SENDER,
    "21606": Cause.BAD_SENDER,
    "21212": Cause.BAD_SENDER,
    "21659": Cause.BAD_SENDER,
    "21660": Cause.BAD_SENDER,
    "21703": Cause.BAD_SENDER,
    "20003": Cause.ACCOUNT,
    "20005": Cause.ACCOUNT,
    "20404": Cause.ACCOUNT,
    "21609": Cause.OTHER,
    "30002": Cause.ACCOUNT,
    # in callbacks
    "30003": Cause.UNREACHABLE,
    "30004": Cause.BLOCKED,
    "30005": Cause.BAD_NUMBER,
    "30006": Cause.NOT_MOBILE,
    "30007": Cause.BLOCKED,
    "30008": Cause.OTHER,
    "30036": Cause.EXPIRED,
}

# With these every further message of the campaign would fail the same way.
STOPS_CAMPAIGN = frozenset({Cause.ACCOUNT, Cause.BAD_SENDER})

# Twilio's statuses before "sent" differ only in where the message waits.
STATUSES: dict[str, DeliveryStatus] = {
    "accepted": DeliveryStatus.ACCEPTED,
    "scheduled": DeliveryStatus.ACCEPTED,
    "queued": DeliveryStatus.ACCEPTED,
    "sending": DeliveryStatus.ACCEPTED,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.DELIVERED,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}


def cause_of(code: str | None) -> Cause:
    """Our word for a code; OTHER for one that is new to us or absent."""
    return CAUSES.get(code or "", Cause.OTHER)
