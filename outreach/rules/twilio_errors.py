"""Twilio's error codes and statuses, and the outcome that each means. Pure.

Source: Twilio's error dictionary. A code that is not in the table is a plain refusal of cause OTHER.
docs/reference.md shows the table with the effects of each.
"""

from outreach.rules.gateway import Cause, DeliveryStatus, OutcomeUnknown, Refused, Throttled

# The codes of each cause, with what they mean. Those from 30000 on come in status callbacks, the others answer a request.
_OF_CAUSE = {
    Cause.ACCOUNT: (
        "10001 account is not active; 20003 wrong account or token; 20005 account is not active; "
        "20403 account may not do this; 20404 no such account; "
        "21408 account has no permission for this country; 21608 trial account: number is not verified; "
        "21609 address for reports (`PUBLIC_BASE_URL`) is not valid; 30002 account was suspended; "
        "30033 the sender's registration was suspended; 30037 account may not send; "
        "30454 trial account has no messages left; 63038 the account's messages of the day are used up"
    ),
    Cause.BUSY: (
        "20429 too many requests at once; 21611 the sender's queue is full; 30001 the queue was full; "
        "30017 the network was congested; 30022 too many at once for the network; "
        "30023 too many in a day for the network; 30410 the network did not answer in time"
    ),
    Cause.BAD_NUMBER: (
        "21211 number is not valid; 21214 number cannot be reached; 21217 number does not seem valid; "
        "21265 number is a short code; 21266 number is the sender's own; "
        "30005 number is unknown or out of service"
    ),
    Cause.BAD_SENDER: (
        "21212 sender is not valid; 21267 trial account: no sender name allowed; 21603 sender is missing; "
        "21606 sender is not the account's; 21659 sender is not a number of the gateway's; "
        "21660 sender is another account's; 21661 sender cannot send SMS; 21701 no such messaging service; "
        "21703 messaging service has no sender that fits; 21704 messaging service has no sender; "
        "21705 messaging service is not valid; 30018 the network wants the sender registered; "
        "30024 sender is not set up at the network; 30032 sender is not verified; "
        "30034 sender is not registered; 30035 sender is still being set up"
    ),
    Cause.BAD_TEXT: "21602 text is empty; 21617 text is longer than 1600 characters; 21619 text is missing",
    Cause.OPTED_OUT: "21610 number texted STOP to the gateway",
    Cause.BLOCKED: (
        "21612 no way from this sender to this number; 30004 blocked by network or handset; "
        "30007 filtered as spam; 30450 blocked as likely fraud"
    ),
    Cause.NOT_MOBILE: (
        "21614 number is not a mobile; 21635 number is a landline; 30006 landline, or a network out of reach"
    ),
    Cause.UNREACHABLE: "30003 handset is off or out of reach",
    Cause.OTHER: "30008 unknown error of the network",
    Cause.EXPIRED: "30036 still waiting when its validity ended",
}
# Cause and meaning by code.
ERRORS: dict[str, tuple[Cause, str]] = {
    code: (cause, meaning)
    for cause, lines in _OF_CAUSE.items()
    for code, _, meaning in (line.partition(" ") for line in lines.split("; "))
}
# HTTP statuses that refuse the account, where no code says more.
_ACCOUNT_STATUSES = (401, 403, 404)
# Twilio's statuses before "sent" differ only in where the message is queued.
STATUSES = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending"), DeliveryStatus.ACCEPTED),
    **dict.fromkeys(("delivered", "read"), DeliveryStatus.DELIVERED),
    **dict.fromkeys(("failed", "canceled"), DeliveryStatus.FAILED),
    **{"sent": DeliveryStatus.SENT, "undelivered": DeliveryStatus.UNDELIVERED},
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
