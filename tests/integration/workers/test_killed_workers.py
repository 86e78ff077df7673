"""Workers killed in the middle of a send, with a gateway that misbehaves: nobody is left out, nobody is written to twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from campaigns.delivery.send_messages import BackendUnavailable
from outreach.use_cases import enqueue_send
from tests.support.processes import ROOT, QuickProcesses, environment_of
from tests.support.wait_until import wait_until
from tests.support.world import number
from workers import context

MESSAGES = 1000


@pytest.fixture
def settings(settings):
    """Few requests at once, so that there is a middle to be killed in; leases that are soon over."""
    return replace(settings, send_in_flight=20, send_timeout_s=4, lease_s=6)


@pytest.fixture
def processes(settings):
    made = QuickProcesses(settings)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("database_url", "kills"),
    [
        ("postgresql", 1),
        pytest.param("postgresql", 3, marks=pytest.mark.rest),
        pytest.param("sqlite", 1, marks=pytest.mark.rest),
    ],
    indirect=["database_url"],
)
def test_kills_lose_nothing_and_send_nothing_twice(world, simulator, processes, kills):
    world.add_people(MESSAGES)
    simulator.faults(latency_ms=150, rate_cut=0.05, rate_500=0.05, seed=5, callbacks_off=True)
    campaign = world.launch()
    processes.start("worker", "--queues", "default")
    processes.start("scheduler")
    sender = processes.start("worker", "--queues", "send")
    killed = 0
    ends = time.monotonic() + 270
    while time.monotonic() < ends:
        status = world.status(campaign)
        # At every moment of the send the counts add up.
        assert sum(status["steps"][0]["messages"].values()) == status["recipients"] == MESSAGES
        if status["state"] == "completed":
            break
        world.decide_unresolved(campaign)
        sent = simulator.stats()["accepted"]
        if (
            killed < kills and sent > (killed + 1) * MESSAGES * 0.1
        ):  # early: a machine that stands still must not reach the end first
            processes.kill(sender)
            killed += 1
            sender = processes.start("worker", "--queues", "send")
        time.sleep(0.2)
    assert killed == kills
    assert world.status(campaign)["state"] == "completed"
    sent_to = Counter(world.sent_to())
    assert [n for n, times in sent_to.items() if times > 1] == []
    assert set(sent_to) == {number(i) for i in range(MESSAGES)}
    assert world.status(campaign)["steps"][0]["messages"].keys() <= {"accepted", "sent", "delivered"}


@pytest.mark.rest
def test_a_worker_told_to_stop_gives_back_what_it_has_not_sent(world, simulator, processes):
    world.add_people(400)
    simulator.faults(latency_ms=200)
    campaign = world.launch()
    sender = processes.start("worker", "--queues", "send")
    enqueue_send(world.runtime)
    while simulator.stats()["accepted"] < 50:
        time.sleep(0.05)
    sender.terminate()
    assert sender.wait(timeout=60) == 0
    messages = world.status(campaign)["steps"][0]["messages"]
    assert set(messages) == {"accepted", "queued"}
    assert len(world.sent_to()) == messages["accepted"] < 400


@pytest.mark.rest
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_a_killed_worker_had_not_begun_to_send_waits_again_at_once(world, simulator, processes):
    world.add_people(400)
    simulator.faults(latency_ms=500)
    campaign = world.launch()
    sender = processes.start("worker", "--queues", "send")
    enqueue_send(world.runtime)
    wait_until(lambda: simulator.stats()["accepted"] >= 30)
    started = children_of(sender.pid)
    processes.kill(sender)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    messages = world.status(campaign)["steps"][0]["messages"]
    assert messages["sending"] <= 40  # under way, and answers of the last moment
    assert messages["queued"] >= 300


@pytest.mark.rest
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_process_killed_in_the_middle_is_followed_by_another(world, simulator, processes):
    world.add_people(300)
    simulator.faults(latency_ms=100)
    campaign = world.launch()
    sender = processes.start("worker", "--queues", "send")
    enqueue_send(world.runtime)
    killed = set()
    ends = time.monotonic() + 120
    while world.status(campaign)["state"] != "completed" and time.monotonic() < ends:
        if not killed and simulator.stats()["accepted"] > 50:
            killed = {pid for pid in children_of(sender.pid) if name_of(pid) == "loa database"}
            assert len(killed) == 1
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        world.sweep()
        world.reconcile()
        enqueue_send(world.runtime)
        time.sleep(0.1)
    assert killed
    assert sender.poll() is None
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(300))


def end_at_once(_runtime):
    os.kill(os.getpid(), signal.SIGKILL)


def end_in_the_middle_of_the_answer(_runtime):
    """Return an answer whose length is told and which never comes, as that of a process killed while it writes."""
    write, written = Connection._send, []

    def write_once(connection, data):
        if written:
            end_at_once(None)
        written.append(data)
        write(connection, data)

    Connection._send = write_once
    return bytes(100_000)


def name_itself(_runtime):
    return os.getpid()


@pytest.mark.parametrize("end", [None, end_at_once, end_in_the_middle_of_the_answer])
def test_calls_of_a_database_process_that_ends_are_refused_and_the_next_one_is_answered_by_another(
    monkeypatch, end
):
    monkeypatch.setattr(context, "get_context", lambda _: get_context("fork"))  # loads nothing again
    monkeypatch.setattr(context, "runtime", lambda: None)
    database = context.DatabaseProcess()

    async def call():
        first = await database(name_itself)
        if end is None:  # killed while it had nothing to do
            os.kill(first, signal.SIGKILL)
        calls = [database(end or name_itself), *(database(name_itself) for _ in range(3))]
        outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
        return first, list(outcomes), await database(name_itself)

    first, (refused, *others), last = asyncio.run(call())
    database.end()
    assert isinstance(refused, BackendUnavailable)
    assert all(isinstance(each, BackendUnavailable) or each == last for each in others)
    assert last != first
    assert not Path(f"/proc/{last}").exists()


@pytest.mark.rest
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_killed_while_its_database_process_starts_leaves_none_behind(world, processes):
    world.launch(people=1)
    sender = processes.start("worker", "--queues", "send")
    enqueue_send(world.runtime)
    wait_until(lambda: children_of(sender.pid), every_s=0.01)
    started = children_of(sender.pid)
    processes.kill(sender)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def children_of(pid):
    """The processes that any thread of a process has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


# A child as the supervisor of `flask worker` starts it, whose Redis hangs as soon as it has answered once.
STARTING = """
import multiprocessing, sys
from redis import TimeoutError as RedisTimeoutError
from outreach.core.settings import Settings
from workers import processes

def hang(*_arguments):
    raise RedisTimeoutError

processes.create_worker = hang
child = multiprocessing.get_context("fork").Process(target=processes.work, args=(Settings.from_env(), ["send"]))
child.start()
child.join(60)
print(child.exitcode)
child.kill()
"""


@pytest.mark.rest
def test_a_worker_whose_redis_hangs_as_it_starts_ends_so_that_another_is_started(world):
    done = subprocess.run(
        [sys.executable, "-c", STARTING],
        cwd=ROOT,
        env=environment_of(world.runtime.settings),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "0\n", done.stderr
