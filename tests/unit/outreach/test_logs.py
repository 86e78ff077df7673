"""What a process says of itself holds ids and no person."""

import json
import logging
import sys

from outreach.core.logs import JsonLines, scrub
from tests.support.tables import cases

NUMBER, NAME = "+84905000123", "A Thun"


def line(message, *arguments, error=None):
    info = (type(error), error, error.__traceback__) if error else None
    return json.loads(JsonLines().format(logging.LogRecord("x", 40, "x.py", 1, message, arguments, info)))


@cases(
    ("send.fault attempt=%s", (7,), {"event": "send.fault", "attempt": 7}),
    (
        "send.record_failed count=%s error=%s",
        (3, "Away"),
        {"event": "send.record_failed", "count": 3, "error": "Away"},
    ),
    ("job.failed job=%s error=%s\n%s", ("send", "KeyError", "places"), {"job": "send", "more": ["places"]}),
    ("webhook.no_such_attempt", (), {"event": "webhook.no_such_attempt"}),
    ("Listening at: %s", ("here",), {"message": "Listening at: here"}),
)
def test_an_event_and_its_ids_become_fields(message, arguments, said):
    assert line(message, *arguments).items() >= said.items()


def test_a_fault_is_told_by_its_place_and_never_by_its_words():
    try:
        raise ValueError(f"no such number {NUMBER}")
    except ValueError as error:
        said = line("send.fault attempt=%s", 7, error=error)
    assert said["error"] == "ValueError"
    assert "test_logs.py" in str(said["stack"])
    assert NUMBER not in str(said).replace("raise ValueError", "")


def test_nothing_of_a_person_goes_to_sentry():
    frame = {"module": "m", "function": "f", "lineno": 3, "vars": {"to": NUMBER}, "context_line": NAME}
    event = {
        "event_id": "1",
        "level": "error",
        "server_name": "h",
        "request": {"url": "https://example.vn/abcdefgh", "data": {"name": NAME}, "cookies": "s"},
        "user": {"ip_address": "10.0.0.1"},
        "extra": {"sys.argv": [NUMBER]},
        "breadcrumbs": {"values": [{"message": NUMBER}]},
        "logentry": {"message": "send.fault attempt=%s", "params": [NUMBER], "formatted": NUMBER},
        "exception": {
            "values": [{"type": "DBAPIError", "value": f"({NUMBER})", "stacktrace": {"frames": [frame]}}]
        },
    }
    kept = json.dumps(scrub(event))
    for secret in (NUMBER, NAME, "abcdefgh", "10.0.0.1"):
        assert secret not in kept
    assert "DBAPIError" in kept
    assert "send.fault" in kept
    assert sys.modules["outreach.core.logs"]
