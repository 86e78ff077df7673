"""Waiting for what processes bring about."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], seconds: float = 180.0, *, every_s: float = 0.05) -> None:
    """Return once it holds. Raises TimeoutError."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError("it has not come to hold")
        time.sleep(every_s)
