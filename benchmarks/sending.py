"""Messages a second: this project beside others, over the same gateway in the same run.

`python -m benchmarks.sending --quick`    one worker at no latency beside our client's bare loop
`python -m benchmarks.sending --profile`  where the worker's time goes
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import gateway, profile
from benchmarks.contestants import Run, loa, loop
from benchmarks.ground import Ground, ground, ready_to_send
from benchmarks.measuring import middle, show

IN_FLIGHT = 100


def quick(on: Ground, *, messages: int, rounds: int, workers: int) -> None:
    """The worker beside the bare loop, in turn, `rounds` times."""
    ours: list[Run] = []
    bare: list[Run] = []
    with ready_to_send(on, messages) as (template, waiting):
        for _ in range(rounds):
            with gateway.running(on.gateway_program) as to:
                bare.append(loop.run(to, "ours", messages=messages, in_flight=IN_FLIGHT))
            with gateway.running(on.gateway_program) as to:
                ours.append(loa.run(on, to, template, workers=workers, messages=waiting))
            print(
                f"bare loop {bare[-1].per_second:,.0f}/s, {workers} worker(s) {ours[-1].per_second:,.0f}/s: "
                f"{ours[-1].per_second / bare[-1].per_second:.2f}",
                file=sys.stderr,
            )
    base = middle([run.per_second for run in bare])
    rows = []
    for name, runs in (("bare loop of our client", bare), (f"Loa, {workers} worker(s)", ours)):
        rate = middle([run.per_second for run in runs])
        rows.append(
            [
                name,
                f"{rate:,.0f}",
                f"{rate / base:.2f}",
                f"{middle([run.sender_cpu_per_1000 for run in runs]):.3f}",
                f"{middle([run.cpu_per_1000 for run in runs]):.3f}",
                f"{middle([run.peak_mb for run in runs]):.0f}",
            ]
        )
    head = ["0 ms", "messages/s", "of the bare loop", "CPU s/1,000", "with servers", "peak MB"]
    print(show(head, rows))


def watch(on: Ground, *, messages: int) -> None:
    """One worker under py-spy."""
    stacks = on.folder / "stacks"
    with ready_to_send(on, messages) as (template, waiting), gateway.running(on.gateway_program) as to:
        run = loa.run(on, to, template, workers=1, messages=waiting, profile=stacks)
        print(f"{run.per_second:,.0f} messages/s while watched\n")
        print(profile.describe(stacks))


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.sending")
    options.add_argument("--quick", action="store_true", help="one worker beside the bare loop")
    options.add_argument("--profile", action="store_true", help="where the worker's time goes")
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--workers", type=int, default=1)
    given = options.parse_args(arguments)
    with ground() as on:
        if given.profile:
            watch(on, messages=max(given.messages, 40_000))
        else:
            quick(on, messages=given.messages, rounds=given.rounds, workers=given.workers)


if __name__ == "__main__":
    main()
