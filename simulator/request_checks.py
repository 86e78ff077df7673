"""What Twilio checks before it takes a message, in the order it checks."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from urllib.parse import urlsplit

from outreach.sms.simulator.api import errors
from outreach.sms.simulator.api.errors import ApiError

# Vietnam (domain.md 2): mobile numbers begin with 3, 5, 7, 8 or 9 and have nine digits after +84;
# the landlines' 2 is followed by eight or nine. Older eleven-digit mobile numbers no longer exist.
MOBILE = re.compile(r"\+84[35789][0-9]{8}")
_LANDLINE = re.compile(r"\+842[0-9]{8,9}")
_FOREIGN = re.compile(r"\+(?!84)[1-9][0-9]{6,14}")
# A number, a short code, or an alphanumeric sender ID of at most 11 characters with a letter.
SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")

MAX_BODY = 1600
MAX_VALIDITY_S = 36_000


def refuse(form: Mapping[str, str], *, opted_out: Container[str]) -> ApiError | None:
    """Why Twilio would not take the message that `form` describes, or None."""
    to = form.get("To", "")
    if not to:
        return errors.NO_TO
    sender = form.get("From", "")
    if not sender and not form.get("MessagingServiceSid"):
        return errors.NO_FROM
    if not MOBILE.fullmatch(to) and not _FOREIGN.fullmatch(to):
        return errors.not_mobile(to) if _LANDLINE.fullmatch(to) else errors.invalid_to(to)
    if sender and not SENDER.fullmatch(sender):
        return errors.invalid_from(sender)
    body = form.get("Body", "")
    if not body.strip():
        return errors.NO_BODY
    if len(body) > MAX_BODY:
        return errors.BODY_TOO_LONG
    if to in opted_out:
        return errors.OPTED_OUT
    return _refuse_options(form)


def _refuse_options(form: Mapping[str, str]) -> ApiError | None:
    callback = form.get("StatusCallback")
    if callback:
        try:
            parts = urlsplit(callback)
        except ValueError:
            return errors.BAD_CALLBACK
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return errors.BAD_CALLBACK
    validity = form.get("ValidityPeriod")
    if validity and not (validity.isascii() and validity.isdigit() and 1 <= int(validity) <= MAX_VALIDITY_S):
        return errors.BAD_VALIDITY
    return None
