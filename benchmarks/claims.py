"""Benchmark of a claim in a small campaign and in one a hundred times as large, both half sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median

from benchmarks.campaign_data import campaign_of
from benchmarks.ground import Ground
from benchmarks.measures import target
from campaigns.delivery.claim_messages import claim
from campaigns.delivery.streams import open_streams
from campaigns.rules.delivery import Renderer
from campaigns.rules.links import LinkCipher
from outreach.rules.keys import Purpose
from outreach.rules.quiet_days import NO_DAYS
from outreach.runtime import Runtime

SMALL, LARGE = 30_000, 3_000_000
CLAIM, CLAIMS = 500, 25
WARM_UP = 5


def time_claim(runtime: Runtime) -> float:
    """Return the milliseconds to look up the streams, claim CLAIM messages and commit."""
    settings = runtime.settings
    renderer = Renderer(link_base=settings.link_base, cipher=LinkCipher(settings.keys_of(Purpose.LINKS)))
    now = datetime.now(UTC)
    started = time.perf_counter()
    with runtime.db.read() as session:
        stream = open_streams(session, now=now, is_live=False, quiet=NO_DAYS)[0]
    with runtime.db.write() as session:
        batch = claim(
            session,
            stream,
            limit=CLAIM,
            segments=float("inf"),
            now=now,
            lease_s=settings.lease_s,
            worker="benchmark",
            renderer=renderer,
            price_vnd=settings.price_per_segment_vnd,
            is_live=False,
            quiet=NO_DAYS,
            service_sender="LOA",
        )
    took = (time.perf_counter() - started) * 1000
    assert len(batch.claims) + batch.skipped == CLAIM, "the outbox is empty"
    return took


def main(on: Ground, *, small: int = SMALL, large: int = LARGE) -> str:
    claims = min(CLAIMS, small // 2 // CLAIM)
    took: dict[int, list[float]] = {small: [], large: []}
    with (
        campaign_of(on, small, sent_of=2, state="delivered") as (_, little),
        campaign_of(on, large, sent_of=2, state="delivered") as (_, much),
    ):
        for _ in range(claims):  # in turn, so that other load of the machine affects both
            took[small].append(time_claim(little))
            took[large].append(time_claim(much))
    few, many = (median(took[count][min(WARM_UP, claims - 1) :]) for count in (small, large))
    return "\n".join(
        [
            f"a claim of {CLAIM} messages: {few:.1f} ms in a campaign of {small:,}, "
            f"{many:.1f} ms in one of {large:,}",
            target("ratio", many / few, at_most=1.5),
        ]
    )
