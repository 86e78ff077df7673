"""Parts that the whole of one simulator shares."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulator.callbacks import Counters, Poster
from simulator.messages import Journal, Store
from simulator.settings import CurrentSettings


@dataclass(frozen=True, slots=True)
class Options:
    """Options fixed while the process runs; clients must send these credentials."""

    account_sid: str
    auth_token: str
    inbound_url: str
    public_url: str
    data: Path | None
    keep: int
    smpp_port: int | None = None


@dataclass(slots=True)
class Parts:
    """What is stored and counted, the settings in force, and the way of calls to the system under test."""

    options: Options
    counters: Counters = field(default_factory=Counters)
    panel: CurrentSettings = field(default_factory=CurrentSettings)
    store: Store = field(init=False)
    journal: Journal = field(init=False)
    poster: Poster = field(init=False)

    @contextmanager
    def working(self) -> Iterator[bool]:
        """Count a request while it is worked on. Yields whether it is one too many at once."""
        counters, most = self.counters, self.panel.faults.most_at_once
        counters.in_flight += 1
        counters.max_in_flight = max(counters.max_in_flight, counters.in_flight)
        try:
            yield bool(most) and counters.in_flight > most
        finally:
            counters.in_flight -= 1

    async def delay(self) -> None:
        """Wait for as long as the gateway takes for a request."""
        faults = self.panel.faults
        if wait_ms := faults.latency_ms + random.uniform(0, faults.jitter_ms):  # noqa: S311
            await asyncio.sleep(wait_ms / 1000)

    def __post_init__(self) -> None:
        options = self.options
        self.store, self.journal = Store(keep=options.keep), Journal(options.data)
        self.poster = Poster(self.counters, auth_token=options.auth_token, public_url=options.public_url)
