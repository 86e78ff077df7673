"""One id for all that follows from a request: in logs, in the jobs that it enqueued, in calls to the gateway."""

import logging
import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_id() -> str:
    """Return the id of the request or job that is being worked on, "" outside of one."""
    return _current.get()


def begin(given: str | None = None) -> str:
    """Begin a request or job under the id that it came with, else under a new one. Returns it."""
    request_id = given if given and _GIVEN.fullmatch(given) else secrets.token_hex(8)
    _current.set(request_id)
    return request_id


def add_to_record(record: logging.LogRecord) -> bool:
    """Add the id to a log record, as a filter of a handler."""
    record.request_id = current_id() or "-"
    return True
