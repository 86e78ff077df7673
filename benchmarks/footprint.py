"""Memory of a process and all below it, as PSS: what is shared counts once, divided among those who share it.

`python -m benchmarks.footprint PID`, for example of `make run` (the process `deploy.run`) a minute after its start.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measures import family, kilobytes


def main() -> None:
    total = 0.0
    for pid in sorted(family([int(sys.argv[1])])):
        pss = kilobytes(f"/proc/{pid}/smaps_rollup")["Pss"] / 1024
        total += pss
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        print(f"{pss:8.1f} MiB  {Path(f'/proc/{pid}/comm').read_text().strip():<16} {command[-70:]}")
    print(f"{total:8.1f} MiB in all")


if __name__ == "__main__":
    main()
