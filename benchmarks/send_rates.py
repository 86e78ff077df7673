"""Benchmark of sending: this project beside others, with the same gateway in the same run, by Twilio's interface or SMPP."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks import gateway
from benchmarks.contestants import Run, kannel, loa, loop
from benchmarks.gateway import Gateway
from benchmarks.ground import Ground, ready_to_send
from benchmarks.measures import show, target

IN_FLIGHT = 100
LATENCY_MS = 100
# Half a minute at the gateway's limit: it includes the end of one job and the start of the next, and the waiting of
# the first and last requests counts little.
LONG = 30_000
BARE, ONE, TWO, KANNEL = "our client, bare loop", "Loa, one worker", "Loa, two workers", "Kannel"
# Databases with as many waiting messages as are sent from them, by that number.
Templates = dict[int, tuple[str, int]]


@dataclass
class Contestant:
    """System to compare. `at_0` and `at_100` are the messages of a run without latency and at LATENCY_MS."""

    name: str
    at_0: int
    at_100: int
    send: Callable[[Ground, Templates, Gateway, int], Run]
    limits_itself: bool = False  # its window is the limit; else the gateway refuses what is beyond it
    runs: dict[int, list[Run]] = field(default_factory=dict)

    def median(self, latency_ms: int, measure: Callable[[Run], float]) -> float | None:
        """Return the median of a measure over the runs, None without any."""
        return median(map(measure, runs)) if (runs := self.runs.get(latency_ms)) else None


def _loa(workers: int, *, smpp: bool = False) -> Callable[[Ground, Templates, Gateway, int], Run]:
    def send(on: Ground, templates: Templates, to: Gateway, messages: int) -> Run:
        template, waiting = templates[messages]
        # The account's limit is shared by all workers.
        in_flight = IN_FLIGHT // workers if to.limit else IN_FLIGHT
        return loa.run(on, to, template, workers=workers, messages=waiting, in_flight=in_flight, smpp=smpp)

    return send


def _loop(client: str) -> Callable[[Ground, Templates, Gateway, int], Run]:
    return lambda _on, _templates, to, messages: loop.run(to, client, messages=messages, in_flight=IN_FLIGHT)


def _kannel(at_100: int, *, smsc: str, limits_itself: bool = False) -> list[Contestant]:
    """Return Kannel, if it is installed."""
    if not kannel.is_installed():
        print(f"Kannel is not installed and is left out: {kannel.HOW_TO_INSTALL}", file=sys.stderr)
        return []

    def send(on: Ground, _templates: Templates, to: Gateway, messages: int) -> Run:
        return kannel.run(to, on.folder, messages=messages, in_flight=IN_FLIGHT, smsc=smsc)

    return [Contestant(KANNEL, 20_000, at_100, send, limits_itself)]


def compare(on: Ground, *, rounds: int = 3, scale: float = 1.0) -> str:
    """Run all systems by HTTP in turn, `rounds` times. Returns the table of medians, and the targets."""
    field_ = [
        Contestant(ONE, 60_000, LONG, _loa(1)),
        Contestant(TWO, 60_000, LONG, _loa(2)),
        Contestant(BARE, 20_000, LONG, _loop("ours")),
        *_kannel(LONG, smsc="http"),
    ]
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


def _run_all(on: Ground, field_: list[Contestant], *, rounds: int, scale: float) -> None:
    def size(each: Contestant, latency_ms: int) -> int:
        """Return the scaled number of messages, in hundreds, at least one hundred."""
        return max(1, round((each.at_100 if latency_ms else each.at_0) * scale / 100)) * 100

    with ExitStack() as stack:
        ours = [each for each in field_ if each.name.startswith("Loa")]
        sizes = {size(each, ms) for each in ours for ms in (0, LATENCY_MS)}
        templates = {count: stack.enter_context(ready_to_send(on, count)) for count in sizes}
        for _ in range(rounds):
            for latency_ms in (0, LATENCY_MS):
                for each in field_:
                    _run(on, templates, each, latency_ms, size(each, latency_ms))


def _run(on: Ground, templates: Templates, each: Contestant, latency_ms: int, messages: int) -> None:
    limit = IN_FLIGHT if latency_ms and not each.limits_itself else 0
    with gateway.running(on.gateway_program, latency_ms=latency_ms, limit=limit) as to:
        run = each.send(on, templates, to, messages)
        if latency_ms:
            # The gateway's clock for all: from the arrival of the first message to the response to the last.
            stats = to.stats()
            run = replace(run, seconds=stats.last - stats.first + latency_ms / 1000)
    each.runs.setdefault(latency_ms, []).append(run)
    print(f"  {each.name} at {latency_ms} ms: {run.per_second:,.0f}/s", file=sys.stderr, flush=True)


def _rate(field_: list[Contestant], name: str, latency_ms: int = 0) -> float | None:
    found = (each.median(latency_ms, lambda run: run.per_second) for each in field_ if each.name == name)
    return next(found, None)


# What a table shows: title, latency, measure of a run, format.
_COLUMNS: tuple[tuple[str, int, Callable[[Run], float], str], ...] = (
    ("messages/s at 0 ms", 0, lambda run: run.per_second, ",.0f"),
    ("CPU s/1,000", 0, lambda run: run.sender_cpu_per_1000, ".3f"),
    ("with its servers", 0, lambda run: run.cpu_per_1000, ".3f"),
    ("peak MB", 0, lambda run: run.peak_mb, ".0f"),
    (f"messages/s at {LATENCY_MS} ms", LATENCY_MS, lambda run: run.per_second, ",.0f"),
    ("of the limit", LATENCY_MS, lambda run: _of_limit(run.per_second), ".1%"),
)


def _table(field_: list[Contestant]) -> str:
    bare = _rate(field_, BARE) or float("nan")
    rows = []
    for each in sorted(field_, key=lambda each: -(_rate([each], each.name) or 0)):
        shown = [
            "" if (value := each.median(at, measure)) is None else f"{value:{form}}"
            for _, at, measure, form in _COLUMNS
        ]
        rows.append([each.name, f"{(_rate([each], each.name) or 0) / bare:.2f}", *shown])
    return show(["", "of the bare loop", *(title for title, *_ in _COLUMNS)], rows)


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
