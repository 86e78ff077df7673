"""Benchmark of the answer page under wrk, a different link each time, beside an empty route."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from statistics import median

from benchmarks.callbacks import server
from benchmarks.campaign_data import campaign_of
from benchmarks.ground import Ground
from benchmarks.measures import target
from campaigns.rules.links import LinkCipher
from deploy.redis_server import find_port
from outreach.core.settings import Settings
from outreach.rules.keys import Purpose

PEOPLE = 100_000
SECONDS = 5
ROUNDS = 3
CONNECTIONS = 32
# Each of wrk's threads starts at a different link.
_SCRIPT = """
local links = {}
for line in io.lines("LINKS") do links[#links + 1] = line end
local turn = 0
function setup(thread) thread:set("turn", turn); turn = turn + 5000 end
function request()
  turn = turn + 1
  return wrk.format("GET", "/" .. links[turn % #links + 1])
end
function done(summary, latency, requests)
  io.write("failed " .. summary.errors.status + summary.errors.read + summary.errors.timeout .. "\\n")
end
"""


def time_page(on: Ground, settings: Settings, app: str, script: Path, seconds: int) -> float:
    """Return pages per second. Every request must have been answered with a page."""
    port = find_port()
    with server(settings, app, on, port=port):
        for length in (1, seconds):  # the first second warms up
            output = subprocess.run(
                ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{length}s", "-s", script, f"http://127.0.0.1:{port}"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
    assert "failed 0" in output, output
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", output)[1])  # type: ignore[index]


def main(on: Ground, *, people: int = PEOPLE, seconds: int = SECONDS, rounds: int = ROUNDS) -> str:
    if shutil.which("wrk") is None:
        return "left out: wrk is not installed (apt-get install wrk)"
    ours, empty = [], []
    with campaign_of(on, people, sent_of=1, state="delivered") as (_, runtime):
        settings = runtime.settings
        runtime.close()
        cipher = LinkCipher(settings.keys_of(Purpose.LINKS))
        links = on.folder / "links"
        links.write_text("".join(f"{cipher.token(i)}\n" for i in range(1, people + 1)))
        script = on.folder / "links.lua"
        script.write_text(_SCRIPT.replace("LINKS", str(links)))
        for _ in range(rounds):
            empty.append(time_page(on, settings, "benchmarks.empty:served", script, seconds))
            ours.append(time_page(on, settings, "asgi:app", script, seconds))
    rate, bare = median(ours), median(empty)
    return "\n".join(
        [
            f"{rate:,.0f} answer pages/s, {bare:,.0f} requests/s to an empty route",
            target("of the empty route", rate / bare, at_least=0.5),
        ]
    )
