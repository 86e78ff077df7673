"""`make drill-restore`: the database is lost in the middle of a send and restored from a backup that is older.

Real processes throughout: PostgreSQL, Redis, the simulator, workers and the scheduler, which nobody stops while the
database goes and comes back. Prints how many were lost, written to twice or left open, and how long it took. Exit status 1 if any.
"""

import argparse
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from campaigns.rules.states import CampaignAction
from tests.drills.ground import new_folder, open_world, running_servers, tell_result
from tests.support.processes import Processes, simulator_settings
from tests.support.servers import create_database, drop_database
from tests.support.simulator import RunningSimulator, running_simulator
from tests.support.world import World

ENDS_AFTER_S = 500.0
SENT_WITHIN_S = 25.0  # so that there is time for a backup in the middle


def main():
    options = argparse.ArgumentParser(prog="python -m tests.drills.restore")
    options.add_argument("--messages", type=int, default=4000)
    given = options.parse_args()
    with (
        new_folder() as folder,
        running_servers(folder) as (postgres, redis),
        running_simulator() as simulator,
    ):
        url = create_database(postgres.url)
        settings = simulator_settings(url, redis.url, simulator, SEND_IN_FLIGHT=50)
        with open_world(settings, simulator, folder) as (world, processes):
            stage = Stage(world, simulator, processes, postgres.url)
            return play(stage, folder, messages=given.messages)


@dataclass
class Stage:
    """What stands, and what took how long (seconds)."""

    world: World
    simulator: RunningSimulator
    processes: Processes
    server: str
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name):
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def accepted(self):
        return int(self.simulator.stats()["accepted"])

    def wait_until(self, what, is_so):
        ends = time.monotonic() + ENDS_AFTER_S
        while time.monotonic() < ends:
            try:
                if is_so():
                    return
            except DBAPIError:
                pass  # the pool holds connections to the database that is gone
            time.sleep(0.05)
        raise SystemExit(f"{what}: not within {ENDS_AFTER_S:g} s")


def play(stage, folder, *, messages):
    world, simulator, processes = stage.world, stage.simulator, stage.processes
    world.add_people(messages)
    simulator.faults(latency_ms=60, rate_cut=0.03, seed=1, callbacks_off=True)
    campaign = world.launch(pace=messages / SENT_WITHIN_S)
    for queue in ("default", "send", "send"):
        processes.start("worker", "--queues", queue)
    processes.start("scheduler")
    stage.wait_until("half of it", lambda: stage.accepted() > messages * 0.3)
    with stage.timed("backup"):
        made = processes.ask("backup", "create", str(folder / "backups"))
    at_backup = stage.accepted()
    stage.wait_until("more of it", lambda: stage.accepted() > max(messages * 0.6, at_backup))
    url = world.runtime.settings.database_url
    drop_database(url)
    at_loss = stage.accepted()
    create_database(stage.server, name=make_url(url).database)
    with stage.timed("restore"):
        restored = processes.ask("backup", "restore", made["file"])
    after_restore = stage.accepted()
    with stage.timed("looking up"):
        stage.wait_until("all known", lambda: is_all_known(world, campaign))
    before_resuming = stage.accepted()
    waiting = world.status(campaign)["steps"][0]["messages"].get("queued", 0)
    world.act(campaign, CampaignAction.RESUME)
    with stage.timed("the rest"):
        stage.wait_until("the end", lambda: world.status(campaign)["state"] == "completed")
    print(f"messages {messages}: {at_backup} had left at the backup, {at_loss} when the database was lost,")
    print(
        f"  {after_restore} when it was back (workers went on with what they held), {before_resuming} before resuming"
    )
    print(
        f"in the backup: {restored['waiting']} waited, {restored['under_way']} under way, {restored['reported_on']} taken"
    )
    print(f"after the looks {waiting} wait, the others were found")
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in stage.seconds.items()))
    return int(not tell_result(world, campaign, messages=messages))


def is_all_known(world, campaign):
    counts = world.status(campaign)["steps"][0]["messages"]
    return not counts.get("unknown") and not counts.get("sending")


if __name__ == "__main__":
    sys.exit(main())
