"""Twilio's checks of a message, in their order, and its errors.

Errors have two forms: Twilio's own JSON and RFC 9457's problem. In forms, bytes that are not UTF-8 become replacement
characters.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

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
    """Return the error with which Twilio would refuse the message in `form`, or None."""
    to = form.get("To", "")
    if not to:
        return NO_TO
    sender = form.get("From", "")
    if not sender and not form.get("MessagingServiceSid"):
        return NO_FROM
    if not MOBILE.fullmatch(to) and not _FOREIGN.fullmatch(to):
        if _LANDLINE.fullmatch(to):
            return ApiError(400, 21614, f"'To' number: {to}, is not a mobile number")
        return ApiError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    if sender and not SENDER.fullmatch(sender):
        return ApiError(
            400, 21212, f"The 'From' number {sender} is not a valid phone number or alphanumeric sender ID."
        )
    body = form.get("Body", "")
    if not body.strip():
        return NO_BODY
    if len(body) > MAX_BODY:
        return BODY_TOO_LONG
    if to in opted_out:
        return OPTED_OUT
    return _refuse_options(form)


def _refuse_options(form: Mapping[str, str]) -> ApiError | None:
    callback = form.get("StatusCallback")
    if callback:
        try:
            parts = urlsplit(callback)
        except ValueError:
            return BAD_CALLBACK
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return BAD_CALLBACK
    validity = form.get("ValidityPeriod")
    if validity and not (validity.isascii() and validity.isdigit() and 1 <= int(validity) <= MAX_VALIDITY_S):
        return BAD_VALIDITY
    return None


@dataclass(frozen=True, slots=True)
class ApiError:
    """Error of Twilio's API: HTTP status, code and message."""

    status: int
    code: int
    message: str

    def answer(self, *, headers: Mapping[str, str] | None = None) -> web.Response:
        body = {"code": self.code, "message": self.message, "more_info": self._page, "status": self.status}
        return web.json_response(body, status=self.status, headers=headers)

    def answer_as_problem(self, *, headers: Mapping[str, str] | None = None) -> web.Response:
        body = {
            "type": self._page,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
        }
        problem = "application/problem+json"
        return web.json_response(body, status=self.status, headers=headers, content_type=problem)

    @property
    def _page(self) -> str:
        return f"https://www.twilio.com/docs/errors/{self.code}"


NOT_AUTHENTICATED = ApiError(401, 20003, "Authenticate")
TOO_MANY_REQUESTS = ApiError(429, 20429, "Too Many Requests")
SERVER_ERROR = ApiError(500, 20500, "Internal Server Error")
NO_TO = ApiError(400, 21604, "A 'To' phone number is required.")
NO_FROM = ApiError(400, 21603, "A 'From' phone number is required.")
NO_BODY = ApiError(400, 21602, "Message body is required.")
BODY_TOO_LONG = ApiError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
BAD_CALLBACK = ApiError(400, 21609, "The StatusCallback URL is not a valid URL.")
BAD_VALIDITY = ApiError(400, 20001, "ValidityPeriod must be between 1 and 36000 seconds.")
BAD_DATE = ApiError(400, 20001, "DateSent must be YYYY-MM-DD or an ISO 8601 time.")
BAD_PAGE = ApiError(400, 20006, "Page needs the PageToken of the page before it.")
OPTED_OUT = ApiError(400, 21610, "Attempt to send to unsubscribed recipient")


def not_found(path: str) -> ApiError:
    return ApiError(404, 20404, f"The requested resource {path} was not found")


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of an urlencoded body; of a repeated field the last."""
    return parse_form(await request.read())


def parse_form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
