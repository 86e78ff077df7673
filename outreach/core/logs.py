"""Logging: lines of text or JSON, and errors to Sentry if it is configured; one id for all that follows from a request.

Our log lines have an event and ids (`send.fault attempt=7`), never phone numbers, names or texts. The id of a request is in
logs, in the jobs that it enqueued, in calls to the gateway.
"""

import json
import logging
import re
import secrets
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from outreach.core.settings import Settings

REQUEST_HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """Return the id of the request or job that is being worked on, "" outside of one."""
    return _current.get()


def begin_request(given: str | None = None) -> str:
    """Begin a request or job under the id that it came with, else under a new one. Returns it."""
    current = given if given and _GIVEN.fullmatch(given) else secrets.token_hex(8)
    _current.set(current)
    return current


def add_to_record(record: logging.LogRecord) -> bool:
    """Add the id to a log record, as a filter of a handler."""
    record.request_id = request_id() or "-"
    return True


_EVENT = re.compile(r"[a-z_]+\.[a-z_]+(?= |$|\n)")
_PART = re.compile(r"(\w+)=%[sdr]")


def set_up_logs(settings: Settings) -> None:
    """Set up logging, once in a process. Nothing is sent anywhere unless SENTRY_DSN is set."""
    handler = logging.StreamHandler()
    handler.addFilter(add_to_record)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s")
    handler.setFormatter(JsonLines() if settings.log_format == "json" else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if settings.sentry_dsn:
        import sentry_sdk  # noqa: PLC0415 - 2 MB, where its address is set alone
        from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415

        sentry_sdk.init(
            settings.sentry_dsn,
            environment=settings.app_env,
            # They would collect requests, statements and job arguments, which must not leave this system.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
            send_default_pii=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            before_send=lambda event, _hint: scrub(event),  # type: ignore[arg-type,return-value]
        )


class JsonLines(logging.Formatter):
    """Formatter: a line of JSON with at, level, logger, request, event, and the event's ids by name."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if (request_id := getattr(record, "request_id", "-")) != "-":
            entry["request"] = request_id
        names = _PART.findall(str(record.msg))
        arguments = record.args if isinstance(record.args, tuple) else ()
        if (event := _EVENT.match(str(record.msg))) and len(names) <= len(arguments):
            entry["event"] = event[0]
            entry |= {
                name: value if isinstance(value, int | float) else str(value)
                for name, value in zip(names, arguments, strict=False)
            }
            if more := arguments[len(names) :]:
                entry["more"] = [str(value) for value in more]
        else:
            entry["message"] = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]):
            # Not the error's message: SQLAlchemy quotes numbers and texts in it.
            entry["error"] = type(error).__name__
            entry["stack"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(entry, ensure_ascii=False)


def scrub(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Sentry event without personal data: the error, its place in the code, and the version."""
    scrubbed = {
        name: event[name]
        for name in ("event_id", "timestamp", "level", "platform", "logger", "environment", "release", "sdk")
        if name in event
    }
    if template := event.get("logentry", {}).get("message"):
        scrubbed["logentry"] = {
            "message": str(template).split("%")[0].rpartition(" ")[0] or str(template)[:60]
        }
    errors = event.get("exception", {}).get("values") or []
    if errors:
        scrubbed["exception"] = {"values": [_without_message(error) for error in errors]}
    return scrubbed


def _without_message(error: Mapping[str, Any]) -> dict[str, Any]:
    frames = error.get("stacktrace", {}).get("frames") or []
    places = [
        {
            name: frame[name]
            for name in ("module", "function", "filename", "lineno", "in_app")
            if name in frame
        }
        for frame in frames
    ]
    return {"type": error.get("type"), "value": "", "stacktrace": {"frames": places}}
