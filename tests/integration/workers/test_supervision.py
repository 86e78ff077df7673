"""The supervisor of `make run`, with real processes: what ends starts again, and nothing stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wait_until import wait_until

# Starts a child of its own in another session, as RQ's workers do, and notes both ids.
PARENT = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
pathlib.Path("ids.new").write_text(f"{os.getpid()} {child.pid}")
os.replace("ids.new", "ids")
{behaviour}
"""
SUPERVISOR = """
import asyncio, os, pathlib, signal, sys
from deploy.supervise import Printer
from deploy.supervise import Supervisor

async def main():
    pathlib.Path("log").mkdir()
    supervisor = Supervisor(environment=os.environ, logs=pathlib.Path("log"), printer=Printer())
    supervisor.start("parent", [sys.executable, "-u", "-c", sys.argv[1]])
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    await supervisor.stop(patience=1)

asyncio.run(main())
"""
LIMIT = 90.0  # seconds: loading the program takes 30 on a machine with ten at work
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def supervise(tmp_path):
    """Starts a supervisor of one process that behaves as told; nobody reads what they print."""
    started = []

    def start(behaviour):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, PARENT.replace("{behaviour}", behaviour)],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=LIMIT)


def started(folder):
    """The ids of the process last started and of its child; the next start is waited for anew."""
    wait_until((folder / "ids").exists)
    parent, child = (folder / "ids").read_text().split()
    (folder / "ids").unlink()
    return int(parent), int(child)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_killed_process_starts_again_without_what_it_left(supervise, tmp_path):
    supervise("time.sleep(60)")
    parent, child = started(tmp_path)
    os.kill(parent, signal.SIGKILL)
    again, _ = started(tmp_path)
    assert again != parent
    assert not lives(child)


def test_a_process_that_ends_by_itself_starts_again(supervise, tmp_path):
    supervise("sys.exit(3)")
    assert started(tmp_path) != started(tmp_path)


def test_the_end_takes_along_what_ignores_it(supervise, tmp_path):
    supervisor = supervise("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    family = started(tmp_path)
    supervisor.terminate()
    assert supervisor.wait(LIMIT) == 0
    assert not any(lives(pid) for pid in family)


def test_killed_supervisor_leaves_no_process_behind(supervise, tmp_path):
    supervisor = supervise(
        "import signal; signal.signal(signal.SIGTERM, lambda *_: (child.kill(), sys.exit()))\ntime.sleep(60)"
    )
    family = started(tmp_path)
    supervisor.kill()
    wait_until(lambda: not any(lives(pid) for pid in family))


def test_output_that_nobody_reads_stops_no_one(supervise, tmp_path):
    supervise("for n in range(100_000): print(n)\nsys.exit()")
    assert started(tmp_path) != started(tmp_path)


WORKERS = """
import os, signal, sys, time
from multiprocessing.context import ForkProcess
from workers.processes import supervise

start = ForkProcess.start
def start_as_the_end_is_asked_for(self):
    if sys.argv[1] == "before":
        os.kill(os.getpid(), signal.SIGTERM)
    start(self)
    if sys.argv[1] == "just after":
        os.kill(os.getpid(), signal.SIGTERM)

ForkProcess.start = start_as_the_end_is_asked_for
supervise({"one": lambda: time.sleep(60), "two": lambda: time.sleep(60)})
"""


@pytest.mark.parametrize("when", ["before", "just after"])
def test_workers_told_to_stop_while_one_of_them_is_being_started_all_end(when):
    workers = subprocess.Popen(
        [sys.executable, "-c", WORKERS, when], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        assert workers.wait(LIMIT) == 0
    finally:
        workers.kill()
