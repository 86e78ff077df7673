"""Workers on two hosts of their own, one of them cut off in the middle of a send and brought back."""

import subprocess
import sys

import pytest

from tests.drills.namespaces import NOT_HERE
from tests.support.processes import ROOT


@pytest.mark.rest  # a minute; a worker cut off: test_cut_off_worker.py
def test_a_worker_host_that_is_cut_off_loses_nothing_and_sends_nothing_twice():
    # Small: what two hosts bring is measured by `make drill-hosts` on a machine without other work.
    options = ["--messages", "800", "--in-flight", "16", "--at-least", "0"]
    drill = [sys.executable, "-m", "tests.drills.hosts", *options]
    done = subprocess.run(drill, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == NOT_HERE:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0  twice 0  open 0" in done.stdout
