"""Runner of all benchmarks, each beside a reference of the same run (`make bench`).

`ARGS="--only sending,pages"` runs some of them, `ARGS=--small` all in a few minutes at sizes that prove nothing.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import callbacks, imports, launch, pages, send_rates
from benchmarks.gateway import NoCompiler
from benchmarks.ground import Ground, ground

# Each takes the servers (`Ground`) and optional sizes, and returns its results as text.
PARTS: dict[str, Callable[..., str]] = {
    "sending": send_rates.compare,
    "smpp": send_rates.compare_smpp,
    "callbacks": callbacks.main,
    "launching": launch.main,
    "pages": pages.main,
    "importing": imports.main,
}
SMALL: dict[str, dict[str, Any]] = {
    "sending": {"rounds": 1, "scale": 0.1},
    "smpp": {"rounds": 1, "scale": 0.1},
    "callbacks": {"count": 1_000, "rounds": 1, "seconds": 2},
    "launching": {"recipients": 10_000},
    "pages": {"people": 10_000, "times": 10},
    "importing": {"count": 5_000, "large": 20_000},
}


def machine() -> str:
    """Return a description of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, "
        f"load before the start {os.getloadavg()[0]:.1f}"
    )


def run(on: Ground, names: list[str], sizes: dict[str, dict[str, Any]]) -> None:
    for name in names:
        started = time.monotonic()
        print(f"\n## {name}\n", flush=True)
        print(PARTS[name](on, **sizes.get(name, {})))
        print(f"\n({time.monotonic() - started:.0f} s)", flush=True)


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks")
    options.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    options.add_argument("--small", action="store_true", help="sizes that prove nothing, in a few minutes")
    parsed = options.parse_args(arguments)
    names = parsed.only.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        options.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    print(machine())
    try:
        with ground() as on:
            run(on, names, SMALL if parsed.small else {})
    except NoCompiler as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
