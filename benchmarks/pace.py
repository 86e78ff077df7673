"""Benchmark of the pace: segments per second of two workers together, by the gateway's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy import text

from benchmarks import gateway
from benchmarks.ground import Ground, ready_to_send
from benchmarks.measures import target
from outreach.runtime import open_runtime
from tests.support.processes import Processes

PACE = 200  # segments a second; each message has one
SECONDS = 60
WORKERS = 2
STARTS_WITHIN_S = 30.0


def main(on: Ground, *, seconds: int = SECONDS) -> str:
    """Measure the share of the pace over whole calendar seconds, with the highest and the lowest second."""
    # 1 in 100 has opted out; a few seconds more than are looked at.
    people = round(PACE * (seconds + 10) * 1.02)
    with (
        ready_to_send(on, people, pace=PACE) as (template, _),
        on.database(template) as url,
        gateway.running(on.gateway_program) as to,
    ):
        on.flush_redis()
        settings = on.settings(url, gateway_url=to.url)
        runtime = open_runtime(settings)
        processes = Processes(settings, on.folder / "workers.log")
        try:
            for queue in ("send",) * WORKERS + ("default",):
                processes.start("worker", "--queues", queue)
            processes.start("scheduler")
            with runtime.db.write() as session:
                session.execute(text("UPDATE campaigns SET state = 'sending'"))
            to.wait_for(1, seconds=STARTS_WITHIN_S)
            # From the next whole second but one: both workers are under way.
            first = int(datetime.now(UTC).timestamp()) + 3
            while time.time() < first + seconds + 0.1:
                time.sleep(0.1)
            counted = to.ledger()
        finally:
            processes.stop()
            runtime.close()
    each = [counted.get(second, 0) for second in range(first, first + seconds)]
    share = round(sum(each) / (PACE * seconds), 3)  # a message more or less at the ends is the clock's
    return "\n".join(
        [
            f"{PACE} segments/s, {WORKERS} workers, {seconds} calendar seconds: "
            f"{sum(each)} sent, in one second {min(each)} to {max(each)}",
            target("of the pace", share, at_least=0.98, at_most=1.0, form=".1%"),
            target("the fullest second, of the pace", max(each) / PACE, at_most=1.05, form=".1%"),
        ]
    )
