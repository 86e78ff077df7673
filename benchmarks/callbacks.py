"""Benchmark of status callbacks until all are applied, beside an empty route under the same server.

The same callbacks, shuffled and each sent twice, must lead to the same states.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import md5
from statistics import median

from sqlalchemy import text
from twilio.request_validator import RequestValidator

from benchmarks.campaign_data import campaign_of
from benchmarks.ground import Ground
from benchmarks.load_generator import post, send_all
from benchmarks.measures import answers, target, wait_until
from deploy.redis_server import find_port
from outreach.core.db import Database
from outreach.core.settings import Settings
from outreach.enqueue_jobs import enqueue_apply_callbacks
from outreach.runtime import Runtime, open_runtime
from tests.support.processes import Processes

CALLBACKS = (
    30_000  # two for each message; fewer take two seconds, of which the start and the end are half a second
)
ROUNDS = 3
ENDS_AFTER_S = 120.0
STARTS_WITHIN_S = 30.0
_WAITING = text("SELECT count(*) FROM status_events WHERE applied_at IS NULL")
_STATES = text(
    "SELECT a.state, m.state, count(*), md5(string_agg(m.id::text, ',' ORDER BY m.id)) "
    "FROM attempts a JOIN messages m ON m.id = a.message_id GROUP BY a.state, m.state ORDER BY a.state, m.state"
)


def callbacks(settings: Settings, port: int, ids: Iterable[int]) -> list[bytes]:
    """Return requests: for each of these messages `sent` and its final status, in order, signed as by Twilio."""
    validator = RequestValidator(settings.twilio_auth_token)
    made = []
    for i in ids:
        end = {"MessageStatus": "delivered"}
        if i % 10 == 0:
            end = {"MessageStatus": "undelivered", "ErrorCode": "30003"}
        for status in ({"MessageStatus": "sent"}, end):
            path = f"/webhooks/twilio/status/{i}"
            form = {
                "MessageSid": f"SM{md5(str(i).encode()).hexdigest()}",
                "AccountSid": settings.twilio_account_sid,
                **status,
            }
            signature = validator.compute_signature(settings.public_base_url + path, form)
            made.append(post(f"http://127.0.0.1:{port}{path}", form, X_Twilio_Signature=signature))
    return made


@contextmanager
def server(settings: Settings, app: str, on: Ground, *, port: int) -> Iterator[Processes]:
    """Run `app` under the web's server."""
    processes = Processes(settings, on.folder / "web.log")
    try:
        processes.start_web(port, "--workers", "2", app=app)
        page = f"http://127.0.0.1:{port}/healthz"
        wait_until(lambda: answers(page), f"{app} does not start: see web.log", seconds=STARTS_WITHIN_S)
        yield processes
    finally:
        processes.stop()


def time_ours(
    on: Ground, template: str, count: int, *, twice: bool = False
) -> tuple[float, float, list[object]]:
    """Return callbacks per second accepted, per second until all are applied, and the final states."""
    with on.database(template) as url:
        taken, rate = time_applying(on, url, range(1, count // 2 + 1), twice=twice)
        db = Database(url)
        with db.read() as session:
            states: list[object] = [tuple(row) for row in session.execute(_STATES)]
        db.close()
    return taken, rate, states


def time_applying(on: Ground, url: str, ids: Iterable[int], *, twice: bool = False) -> tuple[float, float]:
    """Return callbacks about these messages of a database per second accepted, and per second until all are applied."""
    on.flush_redis()
    port = find_port()
    settings = on.settings(url, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
    requests = callbacks(settings, port, ids)
    if twice:
        requests *= 2
        random.Random(1).shuffle(requests)
    runtime = open_runtime(settings)
    try:
        with server(settings, "asgi:app", on, port=port) as processes:
            processes.start("worker", "--queues", "inbound")
            while not runtime.redis.scard("rq:workers"):
                time.sleep(0.05)
            _load(port, requests[:1])
            started = time.monotonic()
            taken = _load(port, requests)
            while _waiting(runtime):
                enqueue_apply_callbacks(runtime)  # as the sweep would
                if time.monotonic() - started > ENDS_AFTER_S:
                    raise TimeoutError("the callbacks were not applied")
                time.sleep(0.02)
            return taken, len(requests) / (time.monotonic() - started)
    finally:
        runtime.close()


def _waiting(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return int(session.execute(_WAITING).scalar_one())


def _load(port: int, requests: list[bytes]) -> float:
    """Send the requests and return their rate. All must have been accepted."""
    seconds, answers = send_all(port, requests)
    assert set(answers) == {204}, answers
    return len(requests) / seconds


def time_empty(on: Ground, count: int) -> float:
    """Return the same requests per second to a route that does nothing."""
    port = find_port()
    settings = on.settings("sqlite:///", PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
    requests = callbacks(settings, port, range(1, count // 2 + 1))
    with server(settings, "benchmarks.empty:served", on, port=port):
        _load(port, requests[:100])
        return _load(port, requests)


def main(on: Ground, *, count: int = CALLBACKS, rounds: int = ROUNDS) -> str:
    with campaign_of(on, count // 2, sent_of=1, state="accepted") as (url, runtime):
        runtime.close()
        ours, taken, empty = [], [], []
        for _ in range(rounds):
            empty.append(time_empty(on, count))
            answered, rate, in_order = time_ours(on, url, count)
            ours.append(rate)
            taken.append(answered)
        _, _, shuffled = time_ours(on, url, count, twice=True)
    rate, bare = median(ours), median(empty)
    return "\n".join(
        [
            f"{rate:,.0f} callbacks/s until all are applied ({median(taken):,.0f} taken), "
            f"{bare:,.0f} requests/s to an empty route",
            target("of the empty route", rate / bare, at_least=0.5),
            f"{count:,} callbacks shuffled and each twice: "
            + (
                "the same states as in order"
                if shuffled == in_order
                else f"OTHER states: {in_order} {shuffled}"
            ),
        ]
    )
