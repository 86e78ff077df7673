"""`make drill-cluster`: two web hosts, two worker hosts and two databases of which one stands by, and each of them fails
in the middle of a send.

The hosts are network namespaces of this machine, with the files of `deploy/cluster`: Patroni with a synchronous standby and
etcd, PgBouncer in transaction mode and HAProxy in each host that has Loa, HAProxy before the web, and one Valkey. One after
the other fails and comes back. Prints for how long nothing was sent and no answer page was served, and how many messages were
lost, sent twice or left open. Exit status 1 if any.
"""

import argparse
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import psycopg

from tests.drills.ground import count_wrong, new_folder, open_world, tell_result
from tests.drills.hosts import WEB_PORT, seen_from_elsewhere
from tests.drills.namespaces import NET, NOT_HERE, Hosts, address, play_inside
from tests.support.processes import ROOT, Processes, simulator_settings
from tests.support.servers import STARTING, copy_programs, find_postgres, start_redis
from tests.support.simulator import running_simulator
from tests.support.wait_until import wait_until

FRONT, DATABASES, WEBS, WORKERS = 0, (1, 2), (3, 4), (5, 6)
NAMES = {FRONT: "front", 1: "db1", 2: "db2"}
SITE = "http://127.0.0.1"  # of the front host, where HAProxy has the port 80
FILES = ROOT / "deploy" / "cluster"
NEEDED = {"patroni": "patroni", "etcd": "etcd-server", "haproxy": "haproxy", "pgbouncer": "pgbouncer"}
PASSWORD = "drill"
AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
DOWN_S = 8.0  # a host or a program is away at least so long
RESTARTED_AFTER_S = 1.0  # as systemd restarts a program that has died
CALM_S = 5.0  # between one fault and the next
ENDS_AFTER_S = 300.0
LATENCY_MS = 100


@dataclass
class Host:
    """One host and what an operator has it run, by name."""

    made: Hosts
    number: int
    processes: Processes
    programs: dict[str, Callable[[], subprocess.Popen[bytes]]] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names):
        for name in names or self.programs:
            self.running[name] = self.programs[name]()

    def fail(self):
        self.made.kill_all(self.number)

    def come_back(self):
        self.made.join(self.number)
        self.start()


@dataclass
class Failure:
    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    away_s: float = DOWN_S
    at: float = 0.0  # by the wall clock


def run(made, arguments):
    options = argparse.ArgumentParser(prog="python -m tests.drills.cluster")
    options.add_argument("--messages", type=int, default=50_000)
    options.add_argument("--seconds", type=float, default=420, help="how long the send takes by its pace")
    options.add_argument("--keep", type=Path, help="a folder for the logs of all programs")
    given = options.parse_args(arguments)
    if missing := [package for program, package in NEEDED.items() if not shutil.which(program)]:
        print(f"The drill cannot be played here: apt-get install {' '.join(missing)}", file=sys.stderr)
        return NOT_HERE
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder())
        folder.chmod(0o711)
        simulator = stack.enter_context(
            running_simulator(host="0.0.0.0", inbound_url=f"{SITE}/webhooks/twilio/inbound")
        )
        redis = start_redis(folder, bind="0.0.0.0")
        settings = simulator_settings(
            f"postgresql://loa:{PASSWORD}@127.0.0.1:6432/loa",
            redis.url,
            simulator,
            PUBLIC_BASE_URL=SITE,
            SEND_IN_FLIGHT=50,
        )
        cluster = Cluster(made, folder, settings, redis)
        try:
            cluster.start_servers()
            world, _ = stack.enter_context(open_world(settings, simulator, folder))
            return play(cluster, world, simulator, given.messages, given.messages / given.seconds)
        finally:
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                for log in folder.glob("*.log"):
                    shutil.copy(log, given.keep)
            for host in cluster.hosts[1:]:
                host.fail()
            for program in cluster.hosts[FRONT].running.values():
                program.kill()  # asked to end, PgBouncer would wait for its clients
            cluster.redis.stop()


class Cluster:
    """All hosts. Their files are those of `deploy/cluster`, with this run's addresses and folders."""

    def __init__(self, made, folder, settings, redis):
        self.made, self.folder, self.redis = made, folder, redis
        there = seen_from_elsewhere(settings, database=False)
        self.hosts = [
            Host(made, number, Processes(there, folder / f"host{number}.log", inside=made.inside(number)))
            for number in (FRONT, *DATABASES, *WEBS, *WORKERS)
        ]
        home = folder / "postgres"
        home.mkdir(mode=0o755)
        self.bin = copy_programs(find_postgres(), home)
        for number in (FRONT, *DATABASES):
            variables = self.write("etcd.env", number).read_text().splitlines()
            given = [line for line in variables if not line.startswith("#")]
            self.add(number, "etcd", *given, "etcd", "--log-level", "error")
        for number in DATABASES:
            self.add(number, "patroni", "patroni", str(self.write("patroni.yml", number)))
        for number in (FRONT, *WEBS, *WORKERS):
            self.add(number, "pgbouncer", "pgbouncer", "-q", str(self.write("pgbouncer.ini", number)))
            files = ["-f", str(self.write("haproxy.cfg", number))]
            if number == FRONT:
                files += ["-f", str(self.write("haproxy-front.cfg", number))]
            self.add(number, "haproxy", "haproxy", "-db", *files, user=())
        for number in WEBS:
            host = self.hosts[number]
            host.programs["web"] = partial(host.processes.start_web, WEB_PORT, bind=address(number))
        for number in WORKERS:
            host = self.hosts[number]
            host.programs |= {name: partial(host.processes.start, name) for name in ("worker", "scheduler")}

    def add(self, number, name, *command, user=AS_NOBODY):
        """Have a host run a program of others."""
        host = self.hosts[number]
        home = f"HOME={self.folder / f'host{number}'}"  # Patroni keeps its password file there
        host.programs[name] = partial(host.processes.start_command, *user, "env", home, *command)

    def write(self, name, number):
        """A file of a host's own."""
        home = self.folder / f"host{number}"
        if not home.exists():
            home.mkdir()
            shutil.chown(home, "nobody", "nogroup")
            (home / "userlist.txt").write_text(f'"loa" "{PASSWORD}"\n')
        text = (FILES / name).read_text()
        places = {
            "OWN_NAME": NAMES.get(number, ""),
            "OWN_ADDRESS": address(number),
            "PASSWORD": PASSWORD,
            "10.0.0.": f"{NET}.",
            "/usr/lib/postgresql/17/bin": self.bin,
            "/var/lib/postgresql/17": home,
            "/var/run/postgresql": home,
            "/var/lib/etcd": home / "etcd",
            "/etc/pgbouncer": home,
        }
        for place, own in places.items():
            text = text.replace(place, str(own))
        (home / name).write_text(text)
        return home / name

    def start_servers(self):
        """Everything but Loa, and Loa's role and database."""
        for number in (FRONT, *DATABASES):
            self.hosts[number].start()
        wait_until(lambda: self.standbys() == 1, STARTING)
        with self.connect() as connection:
            connection.execute(f"CREATE ROLE loa LOGIN PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE loa OWNER loa")

    def connect(self):
        address = f"postgresql://postgres:{PASSWORD}@127.0.0.1:5432/postgres?connect_timeout=2"
        return psycopg.connect(address, autocommit=True)

    def standbys(self):
        """Return how many follow the primary so that each commit waits for them."""
        with suppress(psycopg.Error), self.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            return connection.execute(query).fetchall()[0][0]
        return 0

    def primary(self):
        with self.connect() as connection:
            own = str(connection.execute("SELECT host(inet_server_addr())").fetchall()[0][0])
        return next(host for host in self.hosts if address(host.number) == own)

    def faults(self):
        web, worker, other = self.hosts[WEBS[0]], self.hosts[WORKERS[0]], self.hosts[WORKERS[1]]
        hit = []

        def find(is_primary=True):
            number = self.primary().number
            hit.append(self.hosts[number if is_primary else sum(DATABASES) - number])
            return hit[-1]

        def restart_redis():
            self.redis = start_redis(self.folder, self.redis.url, bind="0.0.0.0")

        def of_program(host, name):
            return (
                lambda: host.processes.kill(host.running[name]),
                partial(host.start, name),
                RESTARTED_AFTER_S,
            )

        return [
            Failure("a web host", web.fail, web.come_back),
            Failure("a worker host", worker.fail, worker.come_back),
            Failure("a scheduler", *of_program(other, "scheduler")),
            Failure("Valkey, with all it held", self.redis.stop, restart_redis, RESTARTED_AFTER_S),
            Failure("PgBouncer of a worker host", *of_program(other, "pgbouncer")),
            Failure("PgBouncer of a web host", *of_program(web, "pgbouncer")),
            Failure("the primary's host", lambda: find().fail(), lambda: hit[-1].come_back()),
            Failure("the standby's host", lambda: find(False).fail(), lambda: hit[-1].come_back()),
            Failure(
                "the primary's cable",
                lambda: self.made.cut(find().number),
                lambda: self.made.join(hit[-1].number),
            ),
        ]


class Reader:
    """A resident who opens their page five times a second; `times` is when it was served."""

    def __init__(self, url):
        self.url, self.times = url, [time.time()]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            with suppress(OSError), opener.open(self.url, timeout=2) as page:
                page.read()
                self.times.append(time.time())
            time.sleep(0.2)


def play(cluster, world, simulator, messages, pace):
    simulator.faults(latency_ms=LATENCY_MS)
    world.add_people(messages)
    for host in cluster.hosts[WEBS[0] :]:
        host.start()
    campaign = world.launch(pace=pace)
    reader = Reader(f"{SITE}/{world.link(campaign)}")

    def accepted():
        return int(simulator.stats()["accepted"])

    def wait_for_life():
        pages, had = len(reader.times) + 5, accepted() + pace * 3
        wait_until(lambda: len(reader.times) > pages and accepted() > had)

    wait_for_life()
    faults = cluster.faults()
    for fault in faults:
        time.sleep(CALM_S)
        fault.at = time.time()
        fault.begin()
        time.sleep(fault.away_s)
        if fault.away_s == DOWN_S:
            wait_for_life()
        fault.end()
        wait_for_life()
        wait_until(lambda: cluster.standbys() == 1)
    left, calm_at = messages - accepted(), time.time()
    wait_until(lambda: world.status(campaign)["state"] == "completed", ENDS_AFTER_S + left / pace)
    accepted_at = sorted(line["accepted_at"] for line in simulator.ledger())
    for fault, until in zip(faults, [*(fault.at for fault in faults[1:]), calm_at], strict=True):
        sent, read = (longest_gap(times, fault.at, until) for times in (accepted_at, reader.times))
        print(f"{fault.name}: nothing sent for {sent:.1f} s, no page for {read:.1f} s")
    most = max(Counter(at // 10 for at in accepted_at).values()) / 10
    print(f"pace {pace:.0f}/s, at most {most:.0f}/s in any 10 s; {left} left after the last fault")
    wrong = count_wrong(world)
    is_whole = tell_result(world, campaign, messages=messages)
    print(f"settled wrongly {wrong}")
    return int(not is_whole or wrong > 0 or left <= 0)


def longest_gap(times, since, until):
    """Return the most seconds between two of these moments, from `since` to `until`."""
    within = [since, *(at for at in times if since < at < until), until]
    return max(later - earlier for earlier, later in pairwise(within))


if __name__ == "__main__":
    sys.exit(play_inside("tests.drills.cluster", len((*DATABASES, *WEBS, *WORKERS)), run))
