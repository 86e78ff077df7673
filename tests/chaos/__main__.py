"""`make chaos`: a large send while everything around it breaks. Prints what was lost, sent twice or left unknown.

PostgreSQL, Redis, the simulator, the web and every worker are real processes of this run's own. Workers are killed with -9 at
random; a worker and its database process are stopped until their lease is long over, and woken; a host is suspended, so that its
monotonic clock stands still; wall clocks step; midnight comes; Redis is flushed and restarted, PostgreSQL and the web are
restarted. The gateway takes only three requests at once for a while; it cuts connections, answers 429, 500 and what means nothing,
before and after it accepted; its clock is wrong; its list is late, for a while shows other texts, and fails; callbacks are repeated,
shuffled and lost, with `--no-callbacks` all of them. Ids that begin anew are SMPP's: `make drill-gateways`.

Exit status 1 if anything was lost, settled wrongly, left unknown or without a report, or sent twice without an incident.
"""

import argparse
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Incident, Message
from campaigns.models.privacy import RequestKind
from campaigns.privacy.requests import ALL_MESSAGES, record_consent, record_request
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.states import MessageState
from deploy.redis_server import find_port
from outreach.contacts.contact import Closing, suppress_number
from outreach.core.schema import upgrade
from outreach.models.contacts import Phone
from outreach.runtime import open_runtime
from tests.chaos.clocks import Clocks, NoCompiler, build_clocks, come_to_midnight, go_on_at
from tests.drills.ground import count_wrong
from tests.support.processes import Processes, simulator_settings
from tests.support.servers import create_database, make_folder, start_postgres, start_redis
from tests.support.simulator import running_simulator
from tests.support.world import AUTHOR, World

LEASE_S, RECONCILE_S, LIST_DELAY_S = 8.0, 2.0, 3.0
ENDS_AFTER_S = 3600.0  # where so many others share the machine that nothing gets on
OPT_OUTS = 120  # people who ask to be left alone, spread over the send
UNDER_WAY_S = 3.0  # what was being requested when they asked
CONFIRMED = "Da nhan yeu cau tu choi"
REPORTED_AFTER_S = 90.0  # by the list, after the end
ALTERED_S = 10.0
FAULTS = {
    "latency_ms": 60,
    "rate_cut": 0.03,
    "rate_500": 0.03,
    "rate_500_after": 0.02,
    "rate_429": 0.02,
    "rate_nonsense": 0.02,
    "reads_too": True,
    "list_delay_s": LIST_DELAY_S - 1,
    "callbacks_repeat": 2,
    "callbacks_shuffle": True,
    "rate_callbacks_lost": 0.05,
}


@dataclass
class Field:
    """What stands and what is done to it."""

    processes: Processes
    chance: random.Random
    folder: Path
    library: Path | None  # None where clocks cannot be moved
    senders: list[subprocess.Popen[bytes]] = field(default_factory=list)
    clocks: dict[int, Clocks] = field(default_factory=dict)  # by process id
    night: Clocks | None = None  # of all processes but the senders
    done: list[str] = field(default_factory=list)
    kills: int = 0
    decided: int = 0
    left_alone: dict[str, float] = field(default_factory=dict)  # by number: since when, by the wall clock

    def start_sender(self):
        clocks = (
            Clocks(self.library, self.folder / f"clocks-{len(self.clocks)}-{self.kills}", like=self.night)
            if self.library
            else None
        )
        environment = self.processes.environment
        if clocks:
            self.processes.environment = {**environment, **clocks.environment}
        sender = self.processes.start("worker", "--queues", "send")
        self.processes.environment = environment
        if clocks:
            self.clocks[sender.pid] = clocks
        self.senders.append(sender)
        return sender

    def kill_one(self):
        victim = self.chance.choice(self.senders)
        self.senders.remove(victim)
        self.processes.kill(victim)
        self.kills += 1
        self.start_sender()

    def step_clock(self, seconds):
        """Set the wall clock of a worker's host."""
        self.clocks[self.chance.choice(self.senders).pid].step(seconds)

    def stop_past_lease(self, *, is_suspended=False):
        """SIGSTOP to a worker and its database process, longer than lease and looks; they wake and find themselves late.

        With `is_suspended` their monotonic clock has stood still meanwhile.
        """
        sleeper = self.chance.choice(self.senders)
        processes = [sleeper.pid, *children_of(sleeper.pid)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        slept_s = LEASE_S * 2 + LIST_DELAY_S
        time.sleep(slept_s)
        if is_suspended:
            self.clocks[sleeper.pid].freeze(slept_s)
        for process in self.chance.sample(processes, len(processes)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def children_of(process):
    """The processes that this one has started, and theirs."""
    children = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, listed.read_text().split()):
            children += [child, *children_of(child)]
    return children


def main():
    options = argparse.ArgumentParser(prog="python -m tests.chaos")
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--no-callbacks", action="store_true", help="the gateway never calls back")
    options.add_argument("--keep", action="store_true", help="leave the logs")
    given = options.parse_args()
    try:
        night = go_on_at("23:55:00")
    except NoCompiler as error:
        night = None
        print(f"without midnight, steps of clocks and suspended hosts: {error}")
    folder = make_folder()
    try:
        return run(folder, given, night)
    finally:
        if given.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run(folder, given, night):
    chance = random.Random(given.seed)
    library = build_clocks(folder) if night else None
    postgres, redis = start_postgres(folder), start_redis(folder)
    port = find_port()
    inbound = f"http://127.0.0.1:{port}/webhooks/twilio/inbound"
    with running_simulator(inbound_url=inbound) as simulator:
        settings = simulator_settings(
            create_database(postgres.url),
            redis.url,
            simulator,
            PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
            SEND_IN_FLIGHT=30,
            LEASE_S=LEASE_S,
            RECONCILE_S=RECONCILE_S,
            LIST_DELAY_S=LIST_DELAY_S,
        )
        runtime = open_runtime(settings)
        upgrade(runtime.db)
        world = World(runtime, simulator)
        world.add_people(given.messages)
        gateway_clock_s = chance.choice((-300, -90, 90, 300))
        faults = {**FAULTS, "clock_s": gateway_clock_s, "callbacks_off": given.no_callbacks}
        simulator.faults(**faults, seed=given.seed)
        stage = Field(Processes(settings, folder / "processes.log"), chance, folder, library, night=night)

        web = stage.processes.start_web(port)
        try:
            campaign = world.launch()
            for queue in ("default", "inbound", "imports"):
                stage.processes.start("worker", "--queues", queue)
            stage.processes.start("scheduler")
            for _ in range(2):
                stage.start_sender()

            def restart_redis():
                nonlocal redis
                redis.stop()
                time.sleep(1)
                redis = start_redis(folder, redis.url)

            def restart_postgres():
                nonlocal postgres
                postgres.stop()
                postgres = start_postgres(folder)

            def restart_web():
                nonlocal web
                for process in [web.pid, *children_of(web.pid)]:
                    os.kill(process, signal.SIGKILL)
                web.wait()
                time.sleep(3)
                web = stage.processes.start_web(port)

            def alter_list():
                simulator.faults(list_alters=True)
                time.sleep(ALTERED_S)
                simulator.faults(list_alters=False)

            def narrow():
                simulator.faults(most_at_once=3)
                time.sleep(ALTERED_S)
                simulator.faults(most_at_once=0)

            plan = {
                0.2: ("three requests at once", narrow),
                0.15: ("redis flushed", lambda: Redis.from_url(settings.redis_url).flushall()),
                0.25: ("worker and database process stopped past their lease", stage.stop_past_lease),
                0.4: ("list with other texts", alter_list),
                0.5: ("redis restarted", restart_redis),
                0.65: ("postgresql restarted", restart_postgres),
                0.75: ("web killed and started", restart_web),
            }
            if library:
                plan |= {
                    0.45: (
                        "midnight",
                        lambda: come_to_midnight(*filter(None, (night, *stage.clocks.values()))),
                    ),
                    0.1: ("a worker's clock ahead by 120 s", lambda: stage.step_clock(120)),
                    0.35: ("a worker's clock behind by 120 s", lambda: stage.step_clock(-120)),
                    0.55: ("host suspended", lambda: stage.stop_past_lease(is_suspended=True)),
                }
            calm_at = break_things(world, simulator, stage, plan, given)
            left = given.messages - simulator.stats()["accepted"]
            ended_at = wait_for_end(world, campaign, stage)
            unreported = wait_for_reports(world, campaign)
            return report(
                world, campaign, stage, given, recovery_s=ended_at - calm_at, left=left, unreported=unreported
            )
        finally:
            stage.processes.stop()
            runtime.close()
            redis.stop()
            postgres.stop()


def break_things(world, simulator, stage, plan, given):
    """Everything that is to happen, spread over the send. Returns when the last of it was over."""
    waiting = dict(plan)
    ends = time.monotonic() + ENDS_AFTER_S
    while (stage.kills < given.kills or waiting) and time.monotonic() < ends:
        share = simulator.stats()["accepted"] / given.messages
        if stage.kills < given.kills and share > (stage.kills + 1) / (given.kills + 2):
            stage.kill_one()
        if share > len(stage.left_alone) / OPT_OUTS:
            with suppress(DBAPIError):  # PostgreSQL is down: they ask again
                ask_to_be_left_alone(world, stage)
        for at, (name, happens) in sorted(waiting.items()):
            if share > at:
                del waiting[at]
                happens()
                stage.done.append(name)
                break
        time.sleep(0.1)
    return time.monotonic()


def ask_to_be_left_alone(world, stage):
    """Have somebody whose message waits ask for no more, by the next of all ways, and note when it was recorded."""
    waiting = (
        select(Recipient.id, Recipient.contact_id, Phone.id, Phone.e164)
        .join(Message, Message.recipient_id == Recipient.id)
        .join(Phone, Phone.id == Recipient.phone_id)
        .where(Message.state == MessageState.QUEUED, Phone.e164.not_in(stage.left_alone))
        .order_by(func.random())
        .limit(1)
    )
    with world.runtime.db.read() as session:
        row = session.execute(waiting).first()
    if row is None:
        return
    recipient, person, phone, e164 = row
    n, now, user = len(stage.left_alone), datetime.now(UTC), world.user(AUTHOR)
    if n % 6 < 2:
        world.reply(e164, "TC", gateway_id=f"left-alone-{n}", is_opt_out=n % 6 == 1)
    elif n % 6 == 2:
        with world.runtime.db.write() as session:
            record_page_answer(session, recipient, "opt_out", now=now)
    elif n % 6 == 3:
        told = {"reason": Closing.OPT_OUT, "note": "bà gọi điện"}
        suppress_number(world.runtime, person, phone, **told, user=user, now=now)
    elif n % 6 == 4:
        asked = {"asked_by": "Người dân", "asked_on": None}
        record_request(world.runtime, person, RequestKind.OBJECT, **asked, user=user, now=now)
    else:
        withdrawn = {"purpose": ALL_MESSAGES, "is_given": False, "on": None, "purposes": ()}
        proof = {"evidence": "giấy", "guardian": ""}
        record_consent(world.runtime, person, **withdrawn, **proof, user=user, now=now)
    stage.left_alone[e164] = time.time()


def count_after_opt_out(world, stage):
    """How many texts were accepted for numbers that had been left alone for longer than a request takes; but for confirmations."""
    return sum(
        line["accepted_at"] > stage.left_alone.get(line["To"], math.inf) + UNDER_WAY_S
        and not line["Body"].startswith(CONFIRMED)
        for line in world.simulator.ledger()
    )


def wait_for_end(world, campaign, stage):
    """Until the campaign is completed, with an officer who decides what is sent again by nobody else."""
    ends = time.monotonic() + ENDS_AFTER_S
    while time.monotonic() < ends:
        try:
            if world.status(campaign)["state"] == "completed":
                break
            stage.decided += world.decide_unresolved(campaign)
        except DBAPIError:
            pass  # the pool still holds connections from before the restart
        time.sleep(0.5)
    return time.monotonic()


def wait_for_reports(world, campaign):
    """Until each message has its report, by callback or by the list. Returns how many have none in the end."""
    ends = time.monotonic() + REPORTED_AFTER_S
    while unreported := sum(messages_of(world, campaign).get(state, 0) for state in ("accepted", "sent")):
        if time.monotonic() > ends:
            break
        time.sleep(0.5)
    return unreported


def messages_of(world, campaign):
    messages = world.status(campaign)["steps"][0]["messages"]
    return messages


def report(world, campaign, stage, given, *, recovery_s, left, unreported):
    texts = [line for line in world.simulator.ledger() if not line["Body"].startswith(CONFIRMED)]
    sent = Counter(line["To"] for line in texts)
    twice = sum(times > 1 for times in sent.values())
    incidents = world.count(Incident)
    counts = messages_of(world, campaign)
    unknown = sum(counts.get(state, 0) for state in ("unknown", "sending", "queued"))
    lost = given.messages - len(sent.keys() | stage.left_alone)
    after = count_after_opt_out(world, stage)
    wrong = count_wrong(world)
    print(
        f"messages {given.messages}  seed {given.seed}  sent {len(sent)}  lost {lost}  twice {twice}  wrong {wrong}  "
        f"incidents {incidents}  unknown {unknown}  without a report {unreported}"
    )
    print(f"asked to be left alone {len(stage.left_alone)}, by six ways  sent after {after}")
    print(f"workers killed {stage.kills}  {', '.join(stage.done)}  decided by a person {stage.decided}")
    waits_s = LEASE_S + LIST_DELAY_S + 2 * RECONCILE_S
    print(
        f"from the last disturbance, with {left} messages still to be sent, to the end {recovery_s:.1f} s, "
        f"of which {waits_s:.0f} s are waits  {counts}  "
        f"load {os.getloadavg()[1]:.0f} on {os.cpu_count()} cores"
    )
    return 1 if lost or after or wrong or unknown or unreported or twice > incidents else 0


if __name__ == "__main__":
    sys.exit(main())
