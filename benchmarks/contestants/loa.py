"""This project as in operation: worker processes, PostgreSQL, Redis, with all checks."""

import time
from typing import Any

from sqlalchemy import text

from benchmarks.contestants import Run
from benchmarks.gateway import Gateway
from benchmarks.ground import Ground
from benchmarks.measures import cpu_s, peak_mb, wait_until
from outreach.runtime import Runtime, open_runtime
from outreach.use_cases import enqueue_send
from tests.support.processes import Processes

WARM_UP_S = 60.0
ENDS_AFTER_S = 180.0
_OPEN = text("SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')")


def run(
    on: Ground,
    gateway: Gateway,
    template: str,
    *,
    workers: int,
    messages: int,
    in_flight: int = 100,
    smpp: bool = False,
) -> Run:
    """Send the `messages` in a copy of `template`, timed until every outcome is recorded.

    Over SMPP with `smpp`, else by Twilio's interface.
    """
    on.flush_redis()
    with on.database(template) as url:
        road: dict[str, Any] = (
            {"SMS_GATEWAY": "smpp", "SMPP_URL": gateway.smpp_url, "SMPP_WINDOW": in_flight, "SMS_LIVE": "no"}
            if smpp
            else {"gateway_url": gateway.url, "SEND_IN_FLIGHT": in_flight}
        )
        settings = on.settings(url, **road)
        runtime = open_runtime(settings)
        processes = Processes(settings, on.folder / "workers.log")
        try:
            started = [processes.start_program("workers", "send") for _ in range(workers)]
            pids = [process.pid for process in started]
            _warm_up(runtime, workers)
            before, served = cpu_s(pids), cpu_s(on.server_pids())
            seconds = _send(runtime, gateway, messages)
            senders, servers = cpu_s(pids) - before, cpu_s(on.server_pids()) - served
            memory = peak_mb(pids)
        finally:
            processes.stop()
            runtime.close()
    return Run(messages, seconds, senders, servers, memory)


def _warm_up(runtime: Runtime, workers: int) -> None:
    """Run jobs with nothing to send, until each worker has loaded its modules and opened connections."""
    redis, late = runtime.redis, "the workers did not start"
    for _ in range(workers * 2):  # any worker may take any job
        wait_until(
            lambda: redis.scard("rq:workers") >= workers and enqueue_send(runtime), late, seconds=WARM_UP_S
        )
        wait_until(lambda: not redis.exists("loa:pending:send_job"), late, seconds=WARM_UP_S)
    time.sleep(1.0)  # the last of these jobs ends


def _send(runtime: Runtime, gateway: Gateway, messages: int) -> float:
    """Resume the campaign. Returns the seconds until the last outcome is recorded."""
    started = time.monotonic()
    with runtime.db.write() as session:
        session.execute(text("UPDATE campaigns SET state = 'sending'"))

    def is_accepted() -> bool:
        enqueue_send(runtime)  # as the sweep would
        return gateway.stats().accepted >= messages

    def is_recorded() -> bool:
        with runtime.db.read() as session:
            return not session.execute(_OPEN).scalar_one()

    wait_until(is_accepted, "not all messages were accepted", seconds=ENDS_AFTER_S)
    wait_until(is_recorded, "not all outcomes were recorded", seconds=ENDS_AFTER_S, look_every_s=0.01)
    seconds = time.monotonic() - started
    stats = gateway.stats()
    assert stats.accepted == stats.distinct == messages, stats
    return seconds
