"""Benchmark of the launch of a large campaign, until a worker has filled its outbox."""

import time

from sqlalchemy import text

from benchmarks.ground import Ground, add_people, approve_campaign, launch, vacuum
from benchmarks.measures import target, wait_until
from outreach.runtime import Runtime, open_runtime
from tests.support.processes import Processes

RECIPIENTS = 300_000
STARTS_WITHIN_S = 60.0
ENDS_AFTER_S = 120.0
LONGEST_S = 4.0


def main(on: Ground, *, recipients: int = RECIPIENTS) -> str:
    """Measure the seconds until the outbox is filled."""
    people = round(recipients / 0.99)
    with on.database() as url:
        on.flush_redis()
        settings = on.settings(url, SWEEP_S=0.5)
        runtime = open_runtime(settings)
        add_people(runtime.db, people)
        vacuum(runtime.db)
        campaign = approve_campaign(runtime)
        processes = Processes(settings, on.folder / "workers.log")
        try:
            processes.start("worker", "--queues", "default")
            processes.start("scheduler")
            _wait_for_worker(runtime)
            started = time.monotonic()
            launch(runtime, campaign)
            _wait_for_outbox(runtime, campaign)
            seconds = time.monotonic() - started
        finally:
            processes.stop()
        with runtime.db.read() as session:
            waiting = session.execute(text("SELECT count(*) FROM outbox")).scalar_one()
        runtime.close()
    told = target("seconds", seconds, at_most=LONGEST_S, form=".1f")
    return f"{waiting:,} recipients: {seconds:.1f} s\n{told}"


def _wait_for_worker(runtime: Runtime) -> None:
    """Wait until the worker has run a sweep and so has loaded its modules."""
    redis = runtime.redis

    def is_idle() -> bool:
        return bool(redis.scard("rq:workers")) and not redis.llen("rq:queue:default")

    wait_until(is_idle, "no worker", seconds=STARTS_WITHIN_S)
    time.sleep(3.0)


def _wait_for_outbox(runtime: Runtime, campaign: int) -> None:
    filled = text(
        "SELECT EXISTS (SELECT FROM steps WHERE campaign_id = :campaign AND opened_at IS NOT NULL) "
        "AND EXISTS (SELECT FROM outbox WHERE stream_id = :campaign)"
    )

    def is_filled() -> bool:
        with runtime.db.read() as session:
            return bool(session.execute(filled, {"campaign": campaign}).scalar_one())

    wait_until(is_filled, "the step was not opened", seconds=ENDS_AFTER_S, look_every_s=0.02)
