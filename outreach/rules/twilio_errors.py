"""Twilio's error codes and statuses, and the outcome that each means. Pure.

Source: Twilio's error dictionary. A code that is not in the table is a plain refusal of cause OTHER.
docs/reference.md shows the table with the effects of each.
"""

from outreach.rules.gateway import Cause, DeliveryStatus, OutcomeUnknown, Refused, Throttled

_C = Cause
# code: (cause, meaning). Those from 30000 on come in status callbacks, the others answer a request.
ERRORS: dict[str, tuple[Cause, str]] = {
    # the account
    "10001": (_C.ACCOUNT, "account is not active"),
    "20003": (_C.ACCOUNT, "wrong account or token"),
    "20005": (_C.ACCOUNT, "account is not active"),
    "20403": (_C.ACCOUNT, "account may not do this"),
    "20404": (_C.ACCOUNT, "no such account"),
    "20429": (_C.BUSY, "too many requests at once"),
    "21408": (_C.ACCOUNT, "account has no permission for this country"),
    "21608": (_C.ACCOUNT, "trial account: number is not verified"),
    "21609": (_C.ACCOUNT, "address for reports (`PUBLIC_BASE_URL`) is not valid"),
    # the sender
    "21212": (_C.BAD_SENDER, "sender is not valid"),
    "21267": (_C.BAD_SENDER, "trial account: no sender name allowed"),
    "21603": (_C.BAD_SENDER, "sender is missing"),
    "21606": (_C.BAD_SENDER, "sender is not the account's"),
    "21611": (_C.BUSY, "the sender's queue is full"),
    "21659": (_C.BAD_SENDER, "sender is not a number of the gateway's"),
    "21660": (_C.BAD_SENDER, "sender is another account's"),
    "21661": (_C.BAD_SENDER, "sender cannot send SMS"),
    "21701": (_C.BAD_SENDER, "no such messaging service"),
    "21703": (_C.BAD_SENDER, "messaging service has no sender that fits"),
    "21704": (_C.BAD_SENDER, "messaging service has no sender"),
    "21705": (_C.BAD_SENDER, "messaging service is not valid"),
    # the number
    "21211": (_C.BAD_NUMBER, "number is not valid"),
    "21214": (_C.BAD_NUMBER, "number cannot be reached"),
    "21217": (_C.BAD_NUMBER, "number does not seem valid"),
    "21265": (_C.BAD_NUMBER, "number is a short code"),
    "21266": (_C.BAD_NUMBER, "number is the sender's own"),
    "21610": (_C.OPTED_OUT, "number texted STOP to the gateway"),
    "21612": (_C.BLOCKED, "no way from this sender to this number"),
    "21614": (_C.NOT_MOBILE, "number is not a mobile"),
    "21635": (_C.NOT_MOBILE, "number is a landline"),
    # the text
    "21602": (_C.BAD_TEXT, "text is empty"),
    "21617": (_C.BAD_TEXT, "text is longer than 1600 characters"),
    "21619": (_C.BAD_TEXT, "text is missing"),
    # in reports
    "30001": (_C.BUSY, "the queue was full"),
    "30002": (_C.ACCOUNT, "account was suspended"),
    "30003": (_C.UNREACHABLE, "handset is off or out of reach"),
    "30004": (_C.BLOCKED, "blocked by network or handset"),
    "30005": (_C.BAD_NUMBER, "number is unknown or out of service"),
    "30006": (_C.NOT_MOBILE, "landline, or a network out of reach"),
    "30007": (_C.BLOCKED, "filtered as spam"),
    "30008": (_C.OTHER, "unknown error of the network"),
    "30017": (_C.BUSY, "the network was congested"),
    "30018": (_C.BAD_SENDER, "the network wants the sender registered"),
    "30022": (_C.BUSY, "too many at once for the network"),
    "30023": (_C.BUSY, "too many in a day for the network"),
    "30024": (_C.BAD_SENDER, "sender is not set up at the network"),
    "30032": (_C.BAD_SENDER, "sender is not verified"),
    "30033": (_C.ACCOUNT, "the sender's registration was suspended"),
    "30034": (_C.BAD_SENDER, "sender is not registered"),
    "30035": (_C.BAD_SENDER, "sender is still being set up"),
    "30036": (_C.EXPIRED, "still waiting when its validity ended"),
    "30037": (_C.ACCOUNT, "account may not send"),
    "30410": (_C.BUSY, "the network did not answer in time"),
    "30450": (_C.BLOCKED, "blocked as likely fraud"),
    "30454": (_C.ACCOUNT, "trial account has no messages left"),
    "63038": (_C.ACCOUNT, "the account's messages of the day are used up"),
}
# HTTP statuses that refuse the account, where no code says more.
_ACCOUNT_STATUSES = (401, 403, 404)
# Twilio's statuses before "sent" differ only in where the message is queued.
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
    """Return the cause for a code; OTHER if it is unknown or absent."""
    return ERRORS[code][0] if code in ERRORS else Cause.OTHER


def read_answer(
    status: int, code: str | None, retry_after_s: float | None = None
) -> Refused | Throttled | OutcomeUnknown:
    """Return the outcome of a request answered with a status other than 2xx.

    `code` is Twilio's code in the body, if any. Only a 4xx is a refusal: 408, 3xx and 5xx leave open whether the message
    was accepted, whatever the body says. So does a 4xx without a code: a proxy in between may have answered.
    """
    if status == 408 or status // 100 != 4:
        return OutcomeUnknown(f"http_{status}")
    if code is None and status != 429 and status not in _ACCOUNT_STATUSES:
        return OutcomeUnknown(f"http_{status}")
    cause = cause_of(code)
    if code not in ERRORS and status in _ACCOUNT_STATUSES:
        cause = Cause.ACCOUNT
    # A daily limit also comes as 429; trying again would not help.
    if cause is Cause.BUSY or (status == 429 and cause is not Cause.ACCOUNT):
        return Throttled(retry_after_s)
    return Refused(cause, code or str(status))
