"""`make drill-hosts`: web, database, Redis and gateway on one host, workers on two others, one of them cut off in the
middle of a send and brought back.

The hosts are network namespaces of this machine. First one worker host sends, then both, at a gateway that takes
100 ms; then a cable is pulled for longer than a lease. Prints the rates, and how many were lost, written to twice or
left open. Exit status 1 if any, or if two hosts are not at least 1.6 times one.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from rq import Queue, Worker

from campaigns.rules.states import CampaignAction
from outreach.core.job_queue import SEND
from tests.drills.ground import new_folder, open_world, running_servers, tell_result
from tests.drills.namespaces import NET, Hosts, address, play_inside
from tests.support.processes import Processes, simulator_settings
from tests.support.servers import POSTGRES_SETTINGS
from tests.support.simulator import RunningSimulator, running_simulator
from tests.support.wait_until import wait_until
from tests.support.world import World

LATENCY_MS = 100
# A host's. Of one machine that plays all five hosts, twice a hundred take all there is: 1.5 times on two cores.
IN_FLIGHT = 50
SLOWER_MS = 400  # so that there is a middle to be cut off in
LEASE_S = 5.0
AT_LEAST = 1.6
WEB_PORT = 8000  # of a network of its own: nobody else has it


def run(made, arguments):
    options = argparse.ArgumentParser(prog="python -m tests.drills.hosts")
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument(
        "--in-flight", type=int, default=IN_FLIGHT, help="requests under way in each worker host"
    )
    options.add_argument("--at-least", type=float, default=AT_LEAST, help="times one host that two must send")
    given = options.parse_args(arguments)
    inbound = f"http://127.0.0.1:{WEB_PORT}/webhooks/twilio/inbound"
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder())
        rules = folder / "pg_hba.conf"
        rules.write_text(
            f"local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all {NET}.0/24 trust\n"
        )
        rules.chmod(0o644)
        of_postgres = {**POSTGRES_SETTINGS, "listen_addresses": "*", "hba_file": str(rules)}
        _, redis = stack.enter_context(running_servers(folder, of_postgres, bind="0.0.0.0"))
        simulator = stack.enter_context(running_simulator(host="0.0.0.0", inbound_url=inbound))
        settings = simulator_settings(
            "postgresql://postgres@127.0.0.1/postgres",
            redis.url,
            simulator,
            PUBLIC_BASE_URL=f"http://127.0.0.1:{WEB_PORT}",
            SEND_IN_FLIGHT=given.in_flight,
            SEND_TIMEOUT_S=2,
            LEASE_S=LEASE_S,
            RECONCILE_S=1,
            SWEEP_S=1,
        )
        world, processes = stack.enter_context(open_world(settings, simulator, folder))
        return Stage(made, world, simulator, processes, given.messages).play(at_least=given.at_least)


def seen_from_elsewhere(settings, *, database=True):
    """The settings of another host: Redis, the gateway and the `database` stand in the main host."""
    names = ("redis_url", "twilio_api_base_url", *(["database_url"] if database else []))
    there = {name: getattr(settings, name).replace("127.0.0.1", address(0)) for name in names}
    return replace(settings, **there)


@dataclass
class Stage:
    made: Hosts
    world: World
    simulator: RunningSimulator
    processes: Processes
    messages: int
    rates: dict[int, float] = field(default_factory=dict)

    def start_worker_host(self, which):
        """What an operator starts on a machine of its own: sending, and the work of the default queue."""
        there = seen_from_elsewhere(self.world.runtime.settings)
        host = Processes(there, self.processes.log, inside=self.made.inside(which))
        self.processes.running.append(host.start("worker", "--queues", "send,default"))

    def accepted(self):
        return int(self.simulator.stats()["accepted"])

    def measure(self, *, first, last):
        """Messages a second between two shares of the campaign."""
        wait_until(lambda: self.accepted() >= self.messages * first)
        began, at_first = time.monotonic(), self.accepted()
        wait_until(lambda: self.accepted() >= self.messages * last)
        return (self.accepted() - at_first) / (time.monotonic() - began)

    def play(self, *, at_least):
        self.world.add_people(self.messages)
        self.simulator.faults(latency_ms=LATENCY_MS, callbacks_off=True)
        self.processes.start_web(WEB_PORT)
        self.processes.start("worker", "--queues", "inbound")
        self.processes.start("scheduler")
        campaign = self.world.launch()
        self.start_worker_host(1)
        one = self.measure(first=0.05, last=0.3)
        # Held while the other starts, so that both have something to send.
        self.world.act(campaign, CampaignAction.PAUSE)
        self.start_worker_host(2)
        wait_until(lambda: self.senders() == 2)
        held_at = self.accepted() / self.messages
        self.world.act(campaign, CampaignAction.RESUME)
        two = self.measure(first=held_at + 0.05, last=held_at + 0.25)
        self.simulator.faults(latency_ms=SLOWER_MS, callbacks_off=False)
        at_cut = self.accepted()
        self.made.cut(2)
        time.sleep(LEASE_S * 2)
        meanwhile = self.accepted() - at_cut
        self.made.join(2)
        restored_at = time.monotonic()
        wait_until(lambda: self.world.status(campaign)["state"] == "completed")
        seconds = time.monotonic() - restored_at
        print(f"one worker host {one:.0f}/s, two {two:.0f}/s: {two / one:.2f} times, at {LATENCY_MS} ms")
        print(
            f"cut off for {LEASE_S * 2:g} s at {at_cut} of {self.messages}: the other host sent {meanwhile} meanwhile"
        )
        print(f"the end {seconds:.1f} s after it was back")
        is_whole = tell_result(self.world, campaign, messages=self.messages)
        return int(not is_whole or two < at_least * one)

    def senders(self):
        """Workers at the send queue that give signs of life."""
        redis = self.world.runtime.redis
        return len(Worker.all_keys(queue=Queue(SEND, connection=redis)))


if __name__ == "__main__":
    sys.exit(play_inside("tests.drills.hosts", 2, run))
