"""The clock: rings the sweep every few seconds. Two of them ring no more often than one."""

from __future__ import annotations

import logging
import signal
import threading

from campaigns.rings import ring_sweep
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


def keep_time(runtime: Runtime) -> None:
    """Ring until told to stop. A ring that is not answered yet stands for the next ones, so none pile up."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        ring_sweep(runtime.doorbell)
        stop.wait(runtime.settings.sweep_s)
