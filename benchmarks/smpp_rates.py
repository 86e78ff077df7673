"""Benchmark of sending over SMPP: this project beside Kannel, to the same centre in the same run.

The centre is the C program of all benchmarks, which speaks SMPP as well; the bare loop, our client without a
database, shows how much the centre can be asked for.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks import gateway
from benchmarks.contestants import Run, kannel, loa, loop
from benchmarks.ground import Ground, ready_to_send
from benchmarks.measures import middle, show, target

WINDOW = 100
LATENCY_MS = 100
AT_0, AT_100 = 20_000, 10_000
ONE, BARE, KANNEL = "Loa, one worker", "our client, bare loop", "Kannel"


def main(on: Ground, *, rounds: int = 3, scale: float = 1.0) -> str:
    """Run each without latency and at LATENCY_MS with a window of WINDOW, in turn, `rounds` times."""
    names = [BARE, ONE, *([KANNEL] if kannel.is_installed() else [])]
    runs: dict[tuple[str, int], list[Run]] = {}
    sizes = {0: round(AT_0 * scale / 100) * 100, LATENCY_MS: round(AT_100 * scale / 100) * 100}
    with ready_to_send(on, sizes[0]) as at_0, ready_to_send(on, sizes[LATENCY_MS]) as at_100:
        templates = {0: at_0, LATENCY_MS: at_100}
        for _ in range(rounds):
            for latency_ms, messages in sizes.items():
                for name in names:
                    with gateway.running(on.gateway_program, latency_ms=latency_ms) as to:
                        run = _run(on, to, name, messages, *templates[latency_ms])
                        if latency_ms:
                            stats = to.stats()
                            run = replace(run, seconds=stats.last - stats.first + latency_ms / 1000)
                    runs.setdefault((name, latency_ms), []).append(run)
    rate = {key: middle([run.per_second for run in found]) for key, found in runs.items()}
    of_limit = {name: rate[name, LATENCY_MS] * LATENCY_MS / 1000 / WINDOW for name in names}
    rows = [
        [
            name,
            f"{rate[name, 0]:,.0f}",
            f"{middle([run.sender_cpu_per_1000 for run in runs[name, 0]]):.3f}",
            f"{middle([run.cpu_per_1000 for run in runs[name, 0]]):.3f}",
            f"{middle([run.peak_mb for run in runs[name, 0]]):.0f}",
            f"{rate[name, LATENCY_MS]:,.0f}",
            f"{of_limit[name]:.1%}",
        ]
        for name in names
    ]
    head = ["SMPP", "messages/s at 0 ms", "CPU s/1,000", "with its servers", "peak MB"]
    lines = [show([*head, f"messages/s at {LATENCY_MS} ms", "of the limit"], rows)]
    if KANNEL in names:
        lines.append(target("at 0 ms, of Kannel", rate[ONE, 0] / rate[KANNEL, 0], at_least=1.0))
    lines.append(target(f"at {LATENCY_MS} ms, of the limit", of_limit[ONE], at_least=0.97, form=".1%"))
    return "\n".join(lines)


def _run(on: Ground, to: gateway.Gateway, name: str, messages: int, template: str, waiting: int) -> Run:
    if name == BARE:
        return loop.run(to, "smpp", messages=messages, in_flight=WINDOW)
    if name == KANNEL:
        return kannel.run(to, on.folder, messages=messages, in_flight=WINDOW, smsc="smpp")
    return loa.run(on, to, template, workers=1, messages=waiting, in_flight=WINDOW, smpp=True)
