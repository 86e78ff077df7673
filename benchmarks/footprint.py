"""Memory of a process and all below it, as PSS: what is shared counts once, divided among those who share it.

`python -m benchmarks.footprint PID`, for example of `make run` (the process `deploy.run`) a minute after its start.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path


def processes_below(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from processes_below(int(child))


def read_pss_mib(pid: int) -> float:
    """Return the PSS of one process in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> None:
    total = 0.0
    for pid in processes_below(int(sys.argv[1])):
        pss = read_pss_mib(pid)
        total += pss
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        print(f"{pss:8.1f} MiB  {Path(f'/proc/{pid}/comm').read_text().strip():<16} {command[-70:]}")
    print(f"{total:8.1f} MiB in all")


if __name__ == "__main__":
    main()
