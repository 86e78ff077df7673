"""What a process says of itself: lines for people or for machines, and faults to Sentry where one is set.

Ours name an event and give ids (`send.fault attempt=7`); numbers, names and texts are in none of them.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from outreach.core.settings import Settings

_EVENT = re.compile(r"[a-z_]+\.[a-z_]+(?= |$|\n)")
_PART = re.compile(r"(\w+)=%[sdr]")


def set_up_logs(settings: Settings) -> None:
    """Once in a process. Nothing is sent anywhere unless SENTRY_DSN is set."""
    if settings.log_format == "json":
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if settings.sentry_dsn:
        sentry_sdk.init(
            settings.sentry_dsn,
            environment=settings.app_env,
            # What they would gather of requests, statements and job arguments is what may not leave.
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
    """A line of JSON for each record: at, level, logger, event, and the event's ids by name."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        names = _PART.findall(str(record.msg))
        given = record.args if isinstance(record.args, tuple) else ()
        if (event := _EVENT.match(str(record.msg))) and len(names) <= len(given):
            said["event"] = event[0]
            said |= {
                name: value if isinstance(value, int | float) else str(value)
                for name, value in zip(names, given, strict=False)
            }
            if more := given[len(names) :]:
                said["more"] = [str(value) for value in more]
        else:
            said["message"] = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]):
            # Not the error's own words: SQLAlchemy quotes numbers and texts in them.
            said["error"] = type(error).__name__
            said["stack"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(said, ensure_ascii=False)


def scrub(event: Mapping[str, Any]) -> dict[str, Any]:
    """Of a report to Sentry what names no person: which fault, where in the code, in which version; ids of ours."""
    kept = {
        name: event[name]
        for name in ("event_id", "timestamp", "level", "platform", "logger", "environment", "release", "sdk")
        if name in event
    }
    if template := event.get("logentry", {}).get("message"):
        kept["logentry"] = {"message": str(template).split("%")[0].rpartition(" ")[0] or str(template)[:60]}
    faults = event.get("exception", {}).get("values") or []
    if faults:
        kept["exception"] = {"values": [_without_words(fault) for fault in faults]}
    return kept


def _without_words(fault: Mapping[str, Any]) -> dict[str, Any]:
    frames = fault.get("stacktrace", {}).get("frames") or []
    places = [
        {
            name: frame[name]
            for name in ("module", "function", "filename", "lineno", "in_app")
            if name in frame
        }
        for frame in frames
    ]
    return {"type": fault.get("type"), "value": "", "stacktrace": {"frames": places}}
