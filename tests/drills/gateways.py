"""`make drill-gateways`: a large send over SMPP or an aggregator while connections are cut and workers are killed.

PostgreSQL, Redis, the simulator, the web and every worker are real processes of this run's own; reports are repeated and
shuffled. Over SMPP all connections are cut as often as workers are killed; what no answer was seen for is matched by its
receipt, or left for a person and then missing at the gateway, or there in part. Over the aggregator nothing is left. Exit status 1 if
anything was lost or sent twice, or left unknown over the aggregator.

`--gateway both` has two: messages go over SMPP until its line is dead, in the middle of the send; the aggregator carries on. At the end
the line is back, what is unknown is settled, and the first gateway is drained and closed.

`--centre FOLDER` sends over SMPP to the server of npm's `smpp` instead of the simulator; `npm install smpp` in an empty folder
makes FOLDER, its `node_modules`.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from campaigns.delivery.gateway_accounts import (
    TypedConnection,
    TypedTerms,
    change_gateway_state,
    save_gateway,
    try_gateway,
)
from campaigns.delivery.reconcile import decide_unknown
from campaigns.models.messages import Attempt, WaitingReceipt
from campaigns.rules.states import AttemptState
from deploy.redis_server import find_port
from outreach.accounts.users import find_user
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.models.contacts import Phone
from outreach.models.gateways import ENVIRONMENT
from outreach.rules.errors import WrongState
from simulator.testing import RunningSimulator, running_simulator
from tests.drills.ground import new_folder, open_world, running_servers
from tests.support.line import Line
from tests.support.processes import Processes, simulator_settings
from tests.support.servers import create_database
from tests.support.world import AUTHOR, World

ENDS_AFTER_S = 900.0
CARRIES_ON_WITHIN_S = 10.0
TESTER = "+84905000999"
FAULTS = {"latency_ms": 60, "rate_429": 0.02, "callbacks_repeat": 2, "callbacks_shuffle": True}
FAULTS_OF_HTTP = {"rate_cut": 0.03, "rate_cut_before": 0.02, "rate_500": 0.02, "rate_500_after": 0.02}


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.drills.gateways")
    options.add_argument("--gateway", choices=("smpp", "aggregator", "both"), default="smpp")
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument(
        "--centre", type=Path, help="node_modules with npm's smpp, whose server takes the messages"
    )
    given = options.parse_args()
    with new_folder() as folder, running_servers(folder) as (postgres, redis):
        port = find_port()
        common = {
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "SMS_LIVE": "no",
            "SMPP_WINDOW": 50,
            "AGGREGATOR_PROFILE": "esms",
        }
        play = play_both if given.gateway == "both" else play_one
        with running_centre(given.centre) if given.centre else running_simulator() as simulator:

            def settings(by: RunningSimulator, **more: object) -> Settings:
                return simulator_settings(create_database(postgres.url), redis.url, by, **common, **more)

            return play(given, folder, simulator, settings, port)


@contextmanager
def running_centre(modules: Path) -> Iterator[RunningSimulator]:
    """Start the foreign centre; what is asked of the simulator can be asked of it, too."""
    with subprocess.Popen(
        ["node", str(Path(__file__).with_name("centre.cjs"))],
        env={**os.environ, "NODE_PATH": str(modules.resolve())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield RunningSimulator(process.stdout.readline().strip(), "AC" + "0" * 32, "simulator")
        process.stdin.close()


def play_one(
    given: argparse.Namespace,
    folder: Path,
    simulator: RunningSimulator,
    settings: Callable[..., Settings],
    port: int,
) -> int:
    own = settings(
        simulator,
        SMS_GATEWAY=given.gateway,
        SMPP_URL=simulator.smpp_url,
        AGGREGATOR_URL=f"{simulator.url}/aggregator",
        AGGREGATOR_KEY=simulator.account_sid,
        AGGREGATOR_SECRET=simulator.auth_token,
    )
    with open_world(own, simulator, folder) as (world, processes):
        world.add_people(given.messages)
        simulator.faults(**FAULTS, **(FAULTS_OF_HTTP if given.gateway == "aggregator" else {}), seed=1)
        start_all(processes, port)
        campaign = world.launch()
        cuts = break_things(simulator, processes, messages=given.messages, kills=given.kills)
        wait_for_end(world, campaign)
        print(f"workers killed {given.kills}  connections cut {cuts} times")
        return report(world, campaign, messages=given.messages, may_be_unknown=given.gateway == "smpp")


def play_both(
    given: argparse.Namespace,
    folder: Path,
    first: RunningSimulator,
    settings: Callable[..., Settings],
    port: int,
) -> int:
    messages, key = given.messages, base64.b64encode(os.urandom(32)).decode()
    with running_simulator() as second, closing(Line(first.smpp_url)) as line:
        own = settings(second, SMS_GATEWAY="smpp", SMPP_URL=line.url, GATEWAY_KEYS=f"1:{key}")
        with open_world(own, second, folder) as (world, processes):
            world.add_people(messages)
            for each in (first, second):
                each.faults(**FAULTS, seed=1)
            start_all(processes, port)
            for _ in range(2):
                processes.start("worker", "--queues", "send")
            administrator = add_second(world, second)
            campaign = world.launch()
            wait_until(lambda: first.stats()["accepted"] > messages / 2)
            before = second.stats()["accepted"]
            line.cut()
            died = time.monotonic()
            wait_until(lambda: second.stats()["accepted"] > before)
            carried_on = time.monotonic() - died
            wait_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
            all_sent = time.monotonic() - died
            line.restore()
            wait_for_end(world, campaign)
            unknown = world.status(campaign)["steps"][0]["messages"].get("unknown", 0)
            sent = Counter(entry["To"] for each in (first, second) for entry in each.ledger())
            print(
                f"the other carried on after {carried_on:.1f} s; all was sent {all_sent:.0f} s after the line was cut"
            )
            print(f"over SMPP {len(first.ledger())}, over the aggregator {len(second.ledger()) - 1}")
            result = report(
                world, campaign, messages=messages, may_be_unknown=True, sent=sent - Counter([TESTER])
            )
            close_first(world, campaign, administrator)
            print(f"{unknown} unknown settled by a person; the first gateway is closed")
            return result or int(carried_on > CARRIES_ON_WITHIN_S)


def start_all(processes: Processes, port: int) -> None:
    """Start everything but the workers that send."""
    processes.start_web(port)
    for queue in ("default", "inbound"):
        processes.start("worker", "--queues", queue)
    processes.start("scheduler")


def add_second(world: World, simulator: RunningSimulator) -> User:
    """Add the aggregator at a simulator, test it and put it to work. Returns the administrator."""
    with world.runtime.db.write() as session:
        administrator = world.add_officer(session, "quantri@loa.example", Role.ADMINISTRATOR)
    by = {"user": administrator, "settings": world.runtime.settings}
    account = save_gateway(
        world.runtime,
        account_id=None,
        connection=TypedConnection(
            name="Nhà cung cấp B",
            kind="aggregator",
            profile="esms",
            url=f"{simulator.url}/aggregator",
            login=simulator.account_sid,
            secret=simulator.auth_token,
        ),
        terms=TypedTerms(position="2", proof="operator"),
        now=datetime.now(UTC),
        **by,
    ).id
    try_gateway(world.runtime, account, number=TESTER, now=datetime.now(UTC), **by)
    wait_until(lambda: simulator.stats()["accepted"] == 1)
    wait_until(lambda: is_done(world, account, "active", administrator))
    return administrator


def is_done(world: World, account: int, state: str, user: User) -> bool:
    try:
        change_gateway_state(world.runtime, account, state=state, user=user, now=datetime.now(UTC))
    except WrongState:
        return False
    return True


def close_first(world: World, campaign: int, administrator: User) -> None:
    """Settle what is unknown as a person does three hours later, drain the first gateway and close it."""
    now = datetime.now(UTC) + timedelta(hours=3)
    key = world.runtime.settings.secret_key
    with world.runtime.db.write() as session:
        author = find_user(session, AUTHOR)
        decide_unknown(session, campaign, resend=False, user=author, now=now, secret_key=key)
    for state in ("draining", "closed"):
        wait_until(lambda state=state: is_done(world, ENVIRONMENT, state, administrator))


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + ENDS_AFTER_S
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(holds)
        time.sleep(0.1)


def break_things(simulator: RunningSimulator, processes: Processes, *, messages: int, kills: int) -> int:
    """Kill a worker and cut all SMPP connections, `kills` times over the send. Returns how often there were some."""
    senders = [processes.start("worker", "--queues", "send") for _ in range(2)]
    chance, killed, cuts, ends = random.Random(1), 0, 0, time.monotonic() + ENDS_AFTER_S
    while killed < kills and time.monotonic() < ends:
        if simulator.stats()["accepted"] / messages > (killed + 1) / (kills + 2):
            cuts += simulator.cut_smpp() > 0
            victim = senders.pop(chance.randrange(len(senders)))
            processes.kill(victim)
            senders.append(processes.start("worker", "--queues", "send"))
            killed += 1
        time.sleep(0.1)
    return cuts


def wait_for_end(world: World, campaign: int) -> None:
    """Wait until nothing is under way and no report waits at the gateway or to be matched."""
    ends = time.monotonic() + ENDS_AFTER_S
    while time.monotonic() < ends:
        counts = world.status(campaign)["steps"][0]["messages"]
        under_way = sum(counts.get(state, 0) for state in ("sending", "queued", "accepted", "sent"))
        if world.runtime.settings.sms_gateway == "aggregator":
            under_way += counts.get("unknown", 0)
        with world.runtime.db.read() as session:
            waiting = session.scalar(select(func.count()).select_from(WaitingReceipt)) or 0
        if not (under_way or waiting or world.simulator.stats()["callbacks_pending"]):
            return
        time.sleep(0.5)


def report(
    world: World, campaign: int, *, messages: int, may_be_unknown: bool, sent: Counter[str] | None = None
) -> int:
    sent = Counter(world.sent_to()) if sent is None else sent
    counts = world.status(campaign)["steps"][0]["messages"]
    with world.runtime.db.read() as session:
        unknown = set(
            session.scalars(
                select(Phone.e164)
                .join(Attempt, Attempt.phone_id == Phone.id)
                .where(Attempt.state == AttemptState.UNKNOWN)
            )
        )
    twice = sum(times > 1 for times in sent.values())
    lost = messages - len(sent.keys() | unknown)
    print(f"messages {messages}  sent {len(sent)}  lost {lost}  twice {twice}  states {counts}")
    print(f"unknown, for a person: {len(unknown)}, of which the gateway has {len(unknown & sent.keys())}")
    return 1 if lost or twice or (unknown and not may_be_unknown) else 0


if __name__ == "__main__":
    sys.exit(main())
