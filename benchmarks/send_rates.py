"""Benchmark of sending: this project beside others, with the same gateway in the same run, by Twilio's interface or SMPP.

`python -m benchmarks.send_rates --quick`    one worker at no latency beside our client's bare loop
`python -m benchmarks.send_rates --profile`  where the worker's time goes
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks import gateway, profile
from benchmarks.contestants import Run, kannel, loa, loop, queues
from benchmarks.gateway import Gateway
from benchmarks.ground import Ground, ground, ready_to_send
from benchmarks.measures import show, target

IN_FLIGHT = 100
LATENCY_MS = 100
# Half a minute at the gateway's limit: it includes the end of one job and the start of the next, and the waiting of
# the first and last requests counts little.
LONG = 30_000
BARE, ONE, TWO, KANNEL = "our client, bare loop", "Loa, one worker", "Loa, two workers", "Kannel"


@dataclass(frozen=True)
class Stage:
    """Input of a run. Each template is a database with as many waiting messages as are sent from it."""

    on: Ground
    templates: dict[int, tuple[str, int]]
    scale: float

    def size(self, messages: int) -> int:
        """Return the scaled number of messages, in hundreds, at least one hundred."""
        return max(1, round(messages * self.scale / 100)) * 100


@dataclass
class Contestant:
    """System to compare.

    `at_0` and `at_100` are the messages of a run without latency and at LATENCY_MS; slow systems get fewer.
    """

    name: str
    at_0: int
    at_100: int
    send: Callable[[Stage, Gateway, int], Run]
    limits_itself: bool = False  # its window is the limit; else the gateway refuses what is beyond it
    runs: dict[int, list[Run]] = field(default_factory=dict)

    def size(self, latency_ms: int) -> int:
        return self.at_100 if latency_ms else self.at_0

    def rate(self, latency_ms: int) -> float | None:
        runs = self.runs.get(latency_ms)
        return median([run.per_second for run in runs]) if runs else None


def _loa(workers: int, *, smpp: bool = False) -> Callable[[Stage, Gateway, int], Run]:
    def send(stage: Stage, to: Gateway, messages: int) -> Run:
        template, waiting = stage.templates[messages]
        # The account's limit is shared by all workers.
        in_flight = IN_FLIGHT // workers if to.limit else IN_FLIGHT
        return loa.run(
            stage.on, to, template, workers=workers, messages=waiting, in_flight=in_flight, smpp=smpp
        )

    return send


def _loop(client: str) -> Callable[[Stage, Gateway, int], Run]:
    return lambda _stage, to, messages: loop.run(to, client, messages=messages, in_flight=IN_FLIGHT)


def _kannel(at_100: int, *, smsc: str, limits_itself: bool = False) -> list[Contestant]:
    """Return Kannel, if it is installed."""
    if not kannel.is_installed():
        print(f"Kannel is not installed and is left out: {kannel.HOW_TO_INSTALL}", file=sys.stderr)
        return []

    def send(stage: Stage, to: Gateway, messages: int) -> Run:
        return kannel.run(to, stage.on.folder, messages=messages, in_flight=IN_FLIGHT, smsc=smsc)

    return [Contestant(KANNEL, 20_000, at_100, send, limits_itself)]


def contestants() -> list[Contestant]:
    """Return the systems that send by HTTP."""
    return [
        Contestant(ONE, 60_000, LONG, _loa(1)),
        Contestant(TWO, 60_000, LONG, _loa(2)),
        Contestant(BARE, 20_000, LONG, _loop("ours")),
        Contestant("twilio's async client, bare loop", 10_000, 5_000, _loop("library")),
        Contestant(
            "Celery, a task a message, 2 processes",
            3_000,
            100,
            lambda stage, to, messages: queues.run_celery(stage.on, to, messages=messages),
        ),
        Contestant(
            "RQ, a job a message, SimpleWorker",
            600,
            100,
            lambda stage, to, messages: queues.run_rq(stage.on, to, messages=messages),
        ),
        *_kannel(LONG, smsc="http"),
    ]


def compare(on: Ground, *, rounds: int = 3, scale: float = 1.0) -> str:
    """Run all systems by HTTP in turn, `rounds` times. Returns the table of medians, and the targets."""
    field_ = contestants()
    _run_all(on, field_, rounds=rounds, scale=scale)
    return f"{_table(field_)}\n\n{_targets(field_, of_bare=0.85, of_kannel=(TWO, 1.8))}"


def compare_smpp(on: Ground, *, rounds: int = 3, scale: float = 1.0) -> str:
    """Do the same over SMPP, where a connection's window is the limit."""
    short = 10_000
    field_ = [
        Contestant(BARE, 20_000, short, _loop("smpp"), limits_itself=True),
        Contestant(ONE, 20_000, short, _loa(1, smpp=True), limits_itself=True),
        *_kannel(short, smsc="smpp", limits_itself=True),
    ]
    _run_all(on, field_, rounds=rounds, scale=scale)
    return f"{_table(field_)}\n\n{_targets(field_, of_bare=None, of_kannel=(ONE, 1.0))}"


def _run_all(
    on: Ground,
    field_: list[Contestant],
    *,
    rounds: int,
    scale: float = 1.0,
    latencies: Sequence[int] = (0, LATENCY_MS),
) -> None:
    with ExitStack() as stack:
        stage = Stage(on, {}, scale)
        sizes = {
            stage.size(each.size(ms)) for each in field_ if each.name.startswith("Loa") for ms in latencies
        }
        for size in sizes:
            stage.templates[size] = stack.enter_context(ready_to_send(on, size))
        for _ in range(rounds):
            for latency_ms in latencies:
                for each in field_:
                    _run(stage, each, latency_ms)


def _run(stage: Stage, each: Contestant, latency_ms: int) -> None:
    messages = stage.size(each.size(latency_ms))
    limit = IN_FLIGHT if latency_ms and not each.limits_itself else 0
    with gateway.running(stage.on.gateway_program, latency_ms=latency_ms, limit=limit) as to:
        run = each.send(stage, to, messages)
        if latency_ms:
            # The gateway's clock for all: from the arrival of the first message to the response to the last.
            stats = to.stats()
            run = replace(run, seconds=stats.last - stats.first + latency_ms / 1000)
    each.runs.setdefault(latency_ms, []).append(run)
    print(f"  {each.name} at {latency_ms} ms: {run.per_second:,.0f}/s", file=sys.stderr, flush=True)


def _rate(field_: list[Contestant], name: str, latency_ms: int = 0) -> float | None:
    return next((each.rate(latency_ms) for each in field_ if each.name == name), None)


def _table(field_: list[Contestant]) -> str:
    bare = _rate(field_, BARE) or float("nan")
    head = ["", "messages/s at 0 ms", "of the bare loop", "CPU s/1,000", "with its servers", "peak MB"]
    if is_late := any(LATENCY_MS in each.runs for each in field_):
        head += [f"messages/s at {LATENCY_MS} ms", "of the limit", "CPU s/1,000 with its servers"]
    rows = []
    for each in sorted(field_, key=lambda each: -(each.rate(0) or 0)):
        runs, rate = each.runs[0], each.rate(0) or 0.0
        row = [
            each.name,
            f"{rate:,.0f}",
            f"{rate / bare:.2f}",
            f"{median([run.sender_cpu_per_1000 for run in runs]):.3f}",
            f"{median([run.cpu_per_1000 for run in runs]):.3f}",
            f"{median([run.peak_mb for run in runs]):.0f}",
        ]
        if is_late:
            late = each.rate(LATENCY_MS) or 0.0
            cost = median([run.cpu_per_1000 for run in each.runs[LATENCY_MS]])
            row += [f"{late:,.0f}", f"{_of_limit(late):.1%}", f"{cost:.3f}"]
        rows.append(row)
    return show(head, rows)


def _of_limit(rate: float) -> float:
    return rate * LATENCY_MS / 1000 / IN_FLIGHT


def _targets(field_: list[Contestant], *, of_bare: float | None, of_kannel: tuple[str, float]) -> str:
    lines = []
    one, ours, bare, other = (_rate(field_, name) for name in (ONE, of_kannel[0], BARE, KANNEL))
    if one and bare and of_bare:
        lines.append(target("one worker at 0 ms, of the bare loop", one / bare, at_least=of_bare))
    if ours and other:
        lines.append(target(f"{of_kannel[0]} at 0 ms, of Kannel", ours / other, at_least=of_kannel[1]))
    for name in (ONE, TWO):
        if late := _rate(field_, name, LATENCY_MS):
            lines.append(target(f"{name} at {LATENCY_MS} ms, of the limit", _of_limit(late), at_least=0.98))
    return "\n".join(lines)


# -- on its own


def quick(on: Ground, *, messages: int, rounds: int, workers: int) -> str:
    """Run the worker and the bare loop in turn, `rounds` times, without latency."""
    field_ = [
        Contestant(BARE, messages, 0, _loop("ours")),
        Contestant(f"Loa, {workers} worker(s)", messages, 0, _loa(workers)),
    ]
    _run_all(on, field_, rounds=rounds, latencies=(0,))
    return _table(field_)


def watch(on: Ground, *, messages: int) -> str:
    """Run one worker under py-spy and return its profile."""
    stacks = on.folder / "stacks"
    with ready_to_send(on, messages) as (template, waiting), gateway.running(on.gateway_program) as to:
        run = loa.run(on, to, template, workers=1, messages=waiting, profile=stacks)
    return f"{run.per_second:,.0f} messages/s while watched\n\n{profile.describe(stacks)}"


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.send_rates")
    options.add_argument("--quick", action="store_true", help="one worker beside the bare loop")
    options.add_argument("--profile", action="store_true", help="where the worker's time goes")
    options.add_argument("--messages", type=int, default=20_000, help="with --quick and --profile")
    options.add_argument("--workers", type=int, default=1, help="with --quick")
    options.add_argument("--rounds", type=int, help="1 with --quick, else 3")
    parsed = options.parse_args(arguments)
    with ground() as on:
        if parsed.profile:
            print(watch(on, messages=max(parsed.messages, 40_000)))
        elif parsed.quick:
            print(quick(on, messages=parsed.messages, rounds=parsed.rounds or 1, workers=parsed.workers))
        else:
            print(compare(on, rounds=parsed.rounds or 3))


if __name__ == "__main__":
    main()
