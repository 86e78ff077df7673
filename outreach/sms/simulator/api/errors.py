"""Twilio's errors, in the two forms it writes them: its own JSON and RFC 9457's problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web


@dataclass(frozen=True, slots=True)
class ApiError:
    status: int
    code: int
    message: str

    def answer(self, *, headers: Mapping[str, str] | None = None) -> web.Response:
        body = {"code": self.code, "message": self.message, "more_info": self._page, "status": self.status}
        return web.Response(
            body=json.dumps(body).encode(),
            status=self.status,
            headers=headers,
            content_type="application/json",
        )

    def answer_as_problem(self, *, headers: Mapping[str, str] | None = None) -> web.Response:
        body = {
            "type": self._page,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
        }
        return web.Response(
            body=json.dumps(body).encode(),
            status=self.status,
            headers=headers,
            content_type="application/problem+json",
        )

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


def invalid_to(to: str) -> ApiError:
    return ApiError(400, 21211, f"The 'To' number {to} is not a valid phone number.")


def not_mobile(to: str) -> ApiError:
    return ApiError(400, 21614, f"'To' number: {to}, is not a mobile number")


def invalid_from(sender: str) -> ApiError:
    return ApiError(
        400, 21212, f"The 'From' number {sender} is not a valid phone number or alphanumeric sender ID."
    )


def not_found(path: str) -> ApiError:
    return ApiError(404, 20404, f"The requested resource {path} was not found")
