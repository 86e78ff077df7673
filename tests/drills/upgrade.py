"""`make drill-upgrade`: an earlier version is replaced by this one in the middle of a send.

Both run as an operator runs them, by commands and processes alone: the earlier version, in a checkout of its own, migrates an
empty PostgreSQL, imports people, launches a campaign and sends a part of it. Then its processes end, one of them by kill -9, with
jobs waiting in Redis. This version migrates the same database and goes on. Prints how many messages were lost, sent twice or left open.
Exit status 1 if any.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from outreach.core.settings import Settings
from simulator.testing import RunningSimulator, running_simulator
from tests.support.processes import Processes, simulator_settings
from tests.support.servers import create_database, make_folder, start_postgres, start_redis
from tests.support.world import APPROVER, AUTHOR, PASSWORD, number

ENDS_AFTER_S = 300.0
SENT_WITHIN_S = 30.0  # so that there is a middle in which to upgrade
LIST = "Upgrade drill"


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.drills.upgrade")
    options.add_argument("--earlier", type=Path, required=True, help="a checkout of the earlier version")
    options.add_argument("--messages", type=int, default=4000)
    given = options.parse_args()
    folder = make_folder()
    postgres, redis = start_postgres(folder), start_redis(folder)
    try:
        with running_simulator() as simulator:
            settings = simulator_settings(
                create_database(postgres.url),
                redis.url,
                simulator,
                SEND_IN_FLIGHT=50,
            )
            return play(folder, settings, simulator, earlier=given.earlier.resolve(), messages=given.messages)
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def play(
    folder: Path, settings: Settings, simulator: RunningSimulator, *, earlier: Path, messages: int
) -> int:
    before = Processes(settings, folder / "before.log", checkout=earlier)
    after = Processes(settings, folder / "after.log")
    try:
        campaign = launch(before, folder, messages=messages)
        simulator.faults(latency_ms=60, rate_cut=0.03, seed=1, callbacks_off=True)
        senders = start_all(before)
        wait_until("half of it", lambda: simulator.stats()["accepted"] > messages * 0.4)
        before.kill(senders[0])
        before.stop()
        at_upgrade = simulator.stats()["accepted"]
        waiting = jobs_waiting(settings.redis_url)
        run(after, "db", "upgrade")
        start_all(after)
        wait_until("the end", lambda: status(after, campaign)["state"] == "completed")
        counts = status(after, campaign)["steps"][0]["messages"]
    finally:
        before.stop()
        after.stop()
    sent = Counter(each["To"] for each in simulator.ledger())
    lost, twice = messages - len(sent), sum(times > 1 for times in sent.values())
    still_open = sum(counts.get(state, 0) for state in ("unknown", "sending", "queued"))
    print(f"messages {messages}: {at_upgrade} had left at the upgrade; jobs waiting in Redis: {waiting}")
    print(f"lost {lost}  twice {twice}  open {still_open}  states {counts}")
    return 1 if lost or twice or still_open else 0


def launch(processes: Processes, folder: Path, *, messages: int) -> int:
    """Set an empty database up and launch a campaign; its id."""
    run(processes, "db", "upgrade")
    run(processes, "organisations", "create", "MTTQ", "Ủy ban MTTQ", "--kind", "front")
    for email, role in ((AUTHOR, "staff"), (APPROVER, "approver")):
        user = ("users", "create", email, "--role", role, "--organisation", "MTTQ", "--password-stdin")
        run(processes, *user, stdin=PASSWORD)
    people = folder / "people.csv"
    rows = [f"{i + 1},A Thun {i},{number(i + 1)}" for i in range(messages)]
    people.write_text("\n".join(["STT,Họ và tên,Số điện thoại", *rows]), encoding="utf-8")
    stored = processes.ask("contacts", "import", str(people), "--list", LIST, "--organisation", "MTTQ")
    assert stored["created"] == messages, stored
    draft = folder / "campaign.toml"
    draft.write_text(
        f'name = "Upgrade"\ntext = "Kính mời ông/bà cài Bluezone: {{link}}"\nlists = ["{LIST}"]\nsender = "MTTQ"\n'
        f'pace = {messages / SENT_WITHIN_S:.0f}\nwindow = ["00:00", "24:00"]\n',
        encoding="utf-8",
    )
    campaign = str(processes.ask("campaigns", "create", str(draft), "--as", AUTHOR)["id"])
    for action, email in (("submit", AUTHOR), ("approve", APPROVER), ("launch", AUTHOR)):
        run(processes, "campaigns", action, campaign, "--as", email)
    return int(campaign)


def run(processes: Processes, *arguments: str, stdin: str | None = None) -> None:
    done = processes.run(*arguments, stdin=stdin)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"


def start_all(processes: Processes) -> list:
    """Two senders, a worker for all else, the scheduler; the senders are returned."""
    senders = [processes.start("worker", "--queues", "send") for _ in range(2)]
    processes.start("worker", "--queues", "default,inbound,imports,hooks")
    processes.start("scheduler")
    return senders


def status(processes: Processes, campaign: int) -> dict:
    return processes.ask("campaigns", "status", str(campaign))


def jobs_waiting(url: str) -> dict[str, int]:
    with Redis.from_url(url, decode_responses=True) as redis:
        return {key: redis.llen(key) for key in sorted(redis.keys("rq:queue:*")) if redis.type(key) == "list"}


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + ENDS_AFTER_S
    while not is_so():
        if time.monotonic() > ends:
            raise SystemExit(f"{what}: not within {ENDS_AFTER_S:g} s")
        time.sleep(0.2)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")  # the earlier checkout stays as it is
    sys.exit(main())
