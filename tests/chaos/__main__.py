"""`make chaos`: a large send while everything around it breaks. Prints what was lost, sent twice or left unknown.

PostgreSQL, Redis, the simulator, the web and every worker are real processes of this run's own. Workers are
killed with -9 at random, one is stopped until its lease is long over and woken again, Redis is flushed and
restarted, PostgreSQL is restarted, and the gateway cuts connections, answers 429 and 500 before and after it
accepted, and repeats and shuffles its callbacks. Exit status 1 if anything was lost, sent twice or left unknown.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from sqlalchemy.exc import DBAPIError

from outreach.core.schema import upgrade
from outreach.runtime import open_runtime
from simulator.testing import RunningSimulator, running_simulator
from tests.support.processes import Processes, simulator_settings
from tests.support.servers import create_database, make_folder, start_postgres, start_redis
from tests.support.world import World

LEASE_S = 8.0
ENDS_AFTER_S = 900.0
FAULTS = {
    "latency_ms": 60,
    "rate_cut": 0.03,
    "rate_500": 0.03,
    "rate_500_after": 0.02,
    "rate_429": 0.02,
    "callbacks_repeat": 2,
    "callbacks_shuffle": True,
}


@dataclass
class Field:
    """What stands and what is done to it."""

    processes: Processes
    chance: random.Random
    senders: list[subprocess.Popen[bytes]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    kills: int = 0
    decided: int = 0

    def start_sender(self) -> subprocess.Popen[bytes]:
        sender = self.processes.start("worker", "--queues", "send")
        self.senders.append(sender)
        return sender

    def kill_one(self) -> None:
        victim = self.chance.choice(self.senders)
        self.senders.remove(victim)
        self.processes.kill(victim)
        self.kills += 1
        self.start_sender()

    def stop_past_lease(self) -> None:
        """SIGSTOP, longer than the lease and both looks into the list; then it wakes and finds itself late."""
        sleeper = self.chance.choice(self.senders)
        sleeper.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_S * 2)
        sleeper.send_signal(signal.SIGCONT)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.chaos")
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    folder = make_folder()
    try:
        return run(folder, messages=given.messages, kills=given.kills, seed=given.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, *, messages: int, kills: int, seed: int) -> int:
    postgres, redis = start_postgres(folder), start_redis(folder)
    port = free_port()
    inbound = f"http://127.0.0.1:{port}/webhooks/twilio/inbound"
    with running_simulator(inbound_url=inbound) as simulator:
        settings = simulator_settings(
            create_database(postgres.url),
            redis.url,
            simulator,
            PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
            SEND_IN_FLIGHT=30,
            LEASE_S=LEASE_S,
        )
        runtime = open_runtime(settings)
        upgrade(runtime.db)
        world = World(runtime, simulator)
        world.add_people(messages)
        simulator.faults(**FAULTS, seed=seed)
        stage = Field(Processes(settings, folder / "processes.log"), random.Random(seed))
        web = f"gunicorn asgi:app --bind 127.0.0.1:{port} --worker-class deploy.web_worker.DrainingWorker --no-control-socket"
        stage.processes.start_program(*web.split())
        try:
            campaign = world.launch()
            for queue in ("default", "inbound"):
                stage.processes.start("worker", "--queues", queue)
            stage.processes.start("scheduler")
            for _ in range(2):
                stage.start_sender()

            def restart_redis() -> None:
                nonlocal redis
                redis.stop()
                time.sleep(1)
                redis = start_redis(folder, redis.url)

            def restart_postgres() -> None:
                nonlocal postgres
                postgres.stop()
                postgres = start_postgres(folder)

            def flush_redis() -> None:
                Redis.from_url(settings.redis_url).flushall()

            plan = {
                0.2: ("redis flushed", flush_redis),
                0.35: ("worker stopped past its lease and woken", stage.stop_past_lease),
                0.5: ("redis restarted", restart_redis),
                0.65: ("postgresql restarted", restart_postgres),
            }
            calm_at = break_things(world, simulator, stage, plan, messages=messages, kills=kills)
            ended_at = wait_for_end(world, campaign, stage)
            return report(world, campaign, stage, messages=messages, recovery_s=ended_at - calm_at)
        finally:
            stage.processes.stop()
            runtime.close()
            redis.stop()
            postgres.stop()


def break_things(
    world: World,
    simulator: RunningSimulator,
    stage: Field,
    plan: dict[float, tuple[str, Callable[[], None]]],
    *,
    messages: int,
    kills: int,
) -> float:
    """Everything that is to happen, spread over the send. Returns when the last of it was over."""
    waiting = dict(plan)
    ends = time.monotonic() + ENDS_AFTER_S
    while (stage.kills < kills or waiting) and time.monotonic() < ends:
        share = simulator.stats()["accepted"] / messages
        if stage.kills < kills and share > (stage.kills + 1) / (kills + 2):
            stage.kill_one()
        for at, (name, happens) in list(waiting.items()):
            if share > at:
                del waiting[at]
                happens()
                stage.done.append(name)
        time.sleep(0.1)
    return time.monotonic()


def wait_for_end(world: World, campaign: int, stage: Field) -> float:
    """Until the campaign is completed, with an officer who decides what is sent again by nobody else."""
    ends = time.monotonic() + ENDS_AFTER_S
    while time.monotonic() < ends:
        try:
            if world.status(campaign)["state"] == "completed":
                break
            stage.decided += world.decide_unresolved(campaign)
        except DBAPIError:
            pass  # the pool still holds connections from before the restart
        time.sleep(0.2)
    return time.monotonic()


def report(world: World, campaign: int, stage: Field, *, messages: int, recovery_s: float) -> int:
    sent = Counter(world.sent_to())
    twice = sum(times > 1 for times in sent.values())
    counts = world.status(campaign)["steps"][0]["messages"]
    unknown = sum(counts.get(state, 0) for state in ("unknown", "sending", "queued"))
    lost = messages - len(sent)
    print(f"messages {messages}  sent {len(sent)}  lost {lost}  twice {twice}  unknown {unknown}")
    print(f"workers killed {stage.kills}  {', '.join(stage.done)}  decided by a person {stage.decided}")
    print(f"from the last disturbance to the end {recovery_s:.1f} s  states {counts}")
    return 1 if lost or twice or unknown else 0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
